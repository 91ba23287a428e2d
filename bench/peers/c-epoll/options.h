/* The command line. Part of epoll.c. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>

enum job { ECHO, SINK, POLL };
static const char *const jobs[] = {"echo", "sink", "poll"};

enum { PERIOD_MOST = 3600000 /* milliseconds */ };

static enum job job = ECHO;
static int count = 50000, share = 1, paced;
static int64_t period = 1000 * 1000; /* microseconds */
static struct in_addr ip;

static long number(const char *flag, const char *text, long least, long greatest)
{
	char *end;
	errno = 0;
	long n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < least || n > greatest) {
		fprintf(stderr, "-%s %s: give a number from %ld to %ld\n", flag, text, least, greatest);
		exit(2);
	}
	return n;
}

static enum job job_of(const char *text)
{
	for (int i = 0; i < (int)(sizeof jobs / sizeof jobs[0]); i++)
		if (!strcmp(text, jobs[i]))
			return i;
	fprintf(stderr, "-job %s: give echo, sink or poll\n", text);
	exit(2);
}

/* options reads the command line, or says what is wrong with it and ends the program. */
static void options(int argc, char **argv)
{
	static const struct option flags[] = {{"n", 1, 0, 'n'}, {"job", 1, 0, 'j'}, {"p", 1, 0, 'p'}, {"share", 1, 0, 's'},
		{"loops", 1, 0, 'l'}, {"addr", 1, 0, 'a'}, {"paced", 0, 0, 'q'}, {0}};
	int opt;
	ip.s_addr = htonl(INADDR_LOOPBACK);
	while ((opt = getopt_long_only(argc, argv, "", flags, NULL)) != -1)
		switch (opt) {
		case 'n': count = number("n", optarg, 1, DEVICES); break;
		case 'j': job = job_of(optarg); break;
		case 'p': period = number("p", optarg, 1, PERIOD_MOST) * 1000; break;
		case 's': share = number("share", optarg, 1, DEVICES); break;
		case 'l': number("loops", optarg, 1, 4096); break; /* there is one */
		case 'q': paced = 1; break;
		case 'a':
			if (inet_pton(AF_INET, optarg, &ip) == 1)
				break;
			fprintf(stderr, "-addr %s: give an IPv4 address\n", optarg);
			exit(2);
		default:
			fprintf(stderr, "usage: %s [-n DEVICES] [-job echo|sink|poll] [-p POLL_MS] [-share N] [-loops N] "
				"[-addr IP] [-paced]\n", argv[0]);
			exit(2);
		}
	if (optind < argc) {
		fprintf(stderr, "%s: give flags alone\n", argv[optind]);
		exit(2);
	}
}
