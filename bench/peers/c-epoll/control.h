/* What the harness asks and orders, over HTTP. Part of epoll.c, which says what a command and a stall are. */
#include <sys/socket.h>
#include <unistd.h>

enum { STALL_MOST = 5000 };

static void order(void);
static void stall(int ms);

static void reply(int fd, const char *status, const char *body)
{
	char b[1024];
	int n = snprintf(b, sizeof b, "HTTP/1.0 %s\r\n\r\n%s", status, body);
	if (send(fd, b, n, MSG_NOSIGNAL) != n)
		perror("control");
}

static void stats(int fd)
{
	char b[768];
	int n = snprintf(b, sizeof b,
		"{\"bound\":%" PRIu64 ",\"bytes_in\":%" PRIu64 ",\"polls\":%" PRIu64 ",\"lost\":%" PRIu64
		",\"commands\":%" PRIu64 ",\"lag\":[", bound, bytes_in, polls, lost, commands);
	for (int i = 0; i <= BOUNDS; i++)
		n += snprintf(b + n, sizeof b - n, i ? ",%" PRIu64 : "%" PRIu64, lag[i]);
	snprintf(b + n, sizeof b - n, "]}\n");
	reply(fd, "200 OK", b);
}

/* follows returns what stands behind the beginning of b, or NULL if b begins with something else. */
static const char *follows(const char *b, const char *beginning)
{
	size_t n = strlen(beginning);
	return strncmp(b, beginning, n) ? NULL : b + n;
}

/* stall_of reads the milliseconds of a stall, 0 if they are none. */
static int stall_of(const char *text)
{
	char *end;
	long ms = strtol(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == ' ' && ms <= STALL_MOST ? ms : 0;
}

/* control answers one request and hangs up. The kernel hands a link over when it has sent something, and the harness
 * sends a request in one piece: what is not there is not waited for. */
static void control(int listener)
{
	char b[2048];
	const char *text;
	int ms = 0, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t n = recv(fd, b, sizeof b - 1, MSG_DONTWAIT);
	b[n > 0 ? n : 0] = 0;
	if (follows(b, "GET /stats ")) {
		stats(fd);
	} else if (follows(b, "POST /free ")) {
		reply(fd, "204 No Content", ""); /* nothing is kept that could be given back */
	} else if (follows(b, "POST /command ")) {
		order();
		reply(fd, "204 No Content", "");
	} else if ((text = follows(b, "POST /stall?ms=")) && (ms = stall_of(text))) {
		reply(fd, "204 No Content", "");
	} else if (follows(b, "POST /stall")) {
		reply(fd, "400 Bad Request", "give /stall?ms=N, 1 to 5000\n");
	} else if (n > 0) {
		reply(fd, "404 Not Found", "there are GET /stats and POST /free, /stall?ms=N and /command\n");
	}
	close(fd);
	if (ms)
		stall(ms);
}
