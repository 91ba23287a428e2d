/* A bare server in C: the limit against which linkd is measured. It does the job that bench/peers/README.md describes,
 * and no more.
 *
 * One thread and flat arrays: a link is found by its descriptor, a device by its number. Epoll is level-triggered, and
 * a message costs one read and one write. A timer wheel of ticks of 2 ms holds the links that are polled; epoll_wait
 * blocks until something comes or the next tick at which something is due. With -paced it does not block while there is
 * something to do: it sleeps to the end of each tick and then handles in one batch all that has come.
 *
 * It has no limits, no retries and no values that others could ask for: on an open network it would not do.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices.h"
#include "control.h"
#include "options.h"
#include "wheel.h"

enum {
	PATIENCE = 3000000, /* microseconds that an answer may take */
	QUIET = 8,          /* ticks without anything to do, after which a paced loop blocks */
	CHUNK = 1 << 16,
	EVENTS = 512,
	LINKS = 1 << 20,
};

static int most, epfd, signals, spare;
static unsigned char room[KEEP + CHUNK];

static void drop(int n)
{
	struct link *l = &links[n];
	disarm(l);
	if (l->device >= 0) {
		devices[l->device].link = 0;
		bound--;
	}
	free(l->rest);
	l->rest = NULL;
	l->open = 0;
	close(n);
}

static void watch(int n, int how, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = n};
	if (epoll_ctl(epfd, how, n, &e) < 0)
		drop(n);
}

/* identify binds a link to the device whose id it has sent, and takes that device from another link. It returns 0 when
 * it has dropped the link. */
static int identify(int n, const unsigned char *id)
{
	struct link *l = &links[n];
	int d = find(id);
	if (d < 0) {
		drop(n);
		return 0;
	}
	if (devices[d].link)
		drop(devices[d].link);
	devices[d].link = n;
	l->device = d;
	bound++;
	if (job == POLL && (d + 1) % share == 0) {
		int64_t now = now_us();
		l->due = now - now % period + (int64_t)((hash(devices[d].id) >> 32) * (uint64_t)period >> 32);
		if (l->due <= now)
			l->due += period;
		arm(n);
	}
	return 1;
}

/* ask sends the question that is due, unless another has not been waited for long enough. */
static void ask(int n, int64_t now)
{
	struct link *l = &links[n];
	if (l->asked)
		lost++;
	if (!l->asked || ++l->waited * period >= PATIENCE) {
		ssize_t sent = send(n, question, FRAME, MSG_NOSIGNAL);
		if (sent == FRAME) {
			late(now - l->due);
			l->asked = 1;
			l->waited = l->have = 0;
		} else if (sent < 0 && errno == EAGAIN) {
			lost += !l->asked;
		} else {
			drop(n);
			return;
		}
	}
	l->due += period;
	arm(n);
}

static int begins(const unsigned char *b, int len, const unsigned char *with, int size)
{
	return !memcmp(b, with, len < size ? len : size);
}

/* take looks for an answer to what is in flight at the beginning of b, and returns its length; 0 if more has to come,
 * -1 if there is none. */
static int take(struct link *l, const unsigned char *b, int len)
{
	if (l->asked && begins(b, len, answer_head, sizeof answer_head)) {
		if (len < ANSWER)
			return 0;
		if (sealed(b, ANSWER)) {
			double *values = devices[l->device].values;
			for (int i = 0; i < REGISTERS; i++)
				values[i] = (int16_t)(b[3 + 2 * i] << 8 | b[4 + 2 * i]) / 10.0;
			l->asked = 0;
			polls++;
			return ANSWER;
		}
	}
	if (l->commanded && begins(b, len, command, FRAME)) {
		if (len < FRAME)
			return 0;
		l->commanded = 0;
		commands++;
		return FRAME;
	}
	return -1;
}

static void keep(struct link *l, const unsigned char *b, int len)
{
	l->have = len;
	memcpy(l->buf, b, l->have);
}

/* answers takes the answers out of what has come and throws away what is none. */
static void answers(struct link *l, const unsigned char *b, int len)
{
	int rubbish = 0, took;
	while (len > 0 && (took = take(l, b, len))) {
		if (took < 0)
			rubbish = took = 1;
		b += took;
		len -= took;
	}
	keep(l, b, len);
	if (job == POLL)
		lost += rubbish;
}

static void echo(int n, const unsigned char *b, int len)
{
	ssize_t sent = send(n, b, len, MSG_NOSIGNAL);
	if (sent == len)
		return;
	if (sent < 0 && errno != EAGAIN) {
		drop(n);
		return;
	}
	sent = sent < 0 ? 0 : sent;
	struct rest *r = malloc(sizeof *r + len - sent);
	if (!r)
		die("memory");
	r->at = 0;
	r->len = len - sent;
	memcpy(r->b, b + sent, r->len);
	links[n].rest = r;
	watch(n, EPOLL_CTL_MOD, EPOLLOUT);
}

/* writable sends what the device has not taken before. */
static void writable(int n)
{
	struct rest *r = links[n].rest;
	ssize_t sent = send(n, r->b + r->at, r->len - r->at, MSG_NOSIGNAL);
	if (sent < 0 && errno == EAGAIN)
		return;
	if (sent < 0) {
		drop(n);
	} else if ((r->at += sent) == r->len) {
		free(r);
		links[n].rest = NULL;
		watch(n, EPOLL_CTL_MOD, EPOLLIN);
	}
}

static void readable(int n)
{
	struct link *l = &links[n];
	ssize_t got = recv(n, room + KEEP, CHUNK, 0);
	if (got <= 0) {
		if (got == 0 || errno != EAGAIN)
			drop(n);
		return;
	}
	int len = l->have + got;
	unsigned char *b = room + KEEP - l->have; /* what came before stands in front */
	memcpy(b, l->buf, l->have);
	l->have = 0;
	if (l->device < 0) {
		if (len < ID) {
			keep(l, b, len);
			return;
		}
		if (!identify(n, b))
			return;
		b += ID;
		got = len -= ID;
	}
	bytes_in += got;
	if (len == 0)
		return;
	if (job == ECHO)
		echo(n, b, len);
	else if (job == POLL || l->commanded)
		answers(l, b, len);
}

/* order sends the next command to every device that is there. */
static void order(void)
{
	static uint16_t number;
	uint16_t value = 50 + ++number % 350; /* what every device takes: 5.0 to 40.0 degrees */
	command[4] = value >> 8;
	command[5] = value & 0xFF;
	seal(command, FRAME);
	for (int i = 0; i < known; i++) {
		int n = devices[i].link;
		if (!n || links[n].rest)
			continue;
		ssize_t sent = send(n, command, FRAME, MSG_NOSIGNAL);
		links[n].commanded = sent == FRAME;
		if (sent > 0 && sent < FRAME)
			drop(n);
	}
}

/* stall does nothing for a time, or until the program is to end. */
static void stall(int ms)
{
	struct pollfd p = {.fd = signals, .events = POLLIN};
	poll(&p, 1, ms);
}

/* accept_some is called again when more links wait. One for which there is no descriptor is accepted in place of a
 * spare one and closed, as it would be reported for ever. */
static void accept_some(int listener)
{
	for (int i = 0; i < EVENTS; i++) {
		int n = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (n < 0 && (errno == EMFILE || errno == ENFILE)) {
			close(spare);
			n = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			if (n >= 0)
				close(n);
			spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
			return;
		}
		if (n < 0)
			return;
		if (n >= most) {
			close(n);
			continue;
		}
		links[n] = (struct link){.open = 1, .slot = -1, .device = -1};
		watch(n, EPOLL_CTL_ADD, EPOLLIN);
	}
}

/* run asks all devices that are due, and returns how many they were. */
static int run(void)
{
	int count = 0;
	for (int64_t last = now_us() / TICK; tick < last;) {
		int list = slots[++tick % SLOTS];
		if (list < 0)
			continue;
		slots[tick % SLOTS] = -1; /* what is armed again goes to later slots */
		int64_t now = now_us();
		while (list >= 0) {
			int n = list;
			list = links[n].next;
			links[n].slot = -1;
			if (list >= 0) /* the kernel sends meanwhile */
				__builtin_prefetch(&links[list]);
			if (links[n].due > now)
				arm(n);
			else
				ask(n, now);
			count++;
		}
	}
	return count;
}

static void loop(int listener, int orders)
{
	static struct epoll_event events[EVENTS];
	int quiet = QUIET, n = 0;
	for (;;) {
		int busy = paced && quiet < QUIET;
		if (busy && n < EVENTS) /* else more has come than was taken at once */
			nap();
		int due = run();
		n = epoll_wait(epfd, events, EVENTS, busy ? 0 : wait_ms());
		quiet = n > 0 || due > 0 ? 0 : quiet + (quiet < QUIET);
		for (int i = 0; i < n; i++) {
			int who = events[i].data.fd;
			if (i + 1 < n)
				__builtin_prefetch(&links[events[i + 1].data.fd]);
			if (who == listener)
				accept_some(listener);
			else if (who == orders)
				control(orders);
			else if (who == signals)
				return;
			else if (links[who].open && links[who].rest)
				writable(who);
			else if (links[who].open)
				readable(who);
		}
	}
}

/* listening returns a socket that listens on a free port of an address. Links inherit its options. */
static int listening(struct in_addr ip, char *name, size_t size)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = ip};
	socklen_t len = sizeof a;
	int on = 1, idle = 60, every = 10, count = 3, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count) < 0 ||
	    bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 4096) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		die("listen");
	char text[INET_ADDRSTRLEN];
	snprintf(name, size, "%s:%d", inet_ntop(AF_INET, &a.sin_addr, text, sizeof text), ntohs(a.sin_port));
	return fd;
}

/* prepare takes as many descriptors as there may be, and room for as many links. */
static void prepare(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		die("limit of descriptors");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		die("limit of descriptors");
	most = files.rlim_max < LINKS ? files.rlim_max : LINKS;
	links = mmap(NULL, most * sizeof *links, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (links == MAP_FAILED || spare < 0 || epfd < 0)
		die("start");
	know(count);
	memset(slots, -1, sizeof slots);
	tick = now_us() / TICK;
}

int main(int argc, char **argv)
{
	options(argc, argv);
	prepare();
	sigset_t end;
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGINT);
	sigprocmask(SIG_BLOCK, &end, NULL);
	signals = signalfd(-1, &end, SFD_CLOEXEC);

	char addr[32], http[32];
	int one = 1, devices_at = listening(ip, addr, sizeof addr);
	int orders_at = listening((struct in_addr){htonl(INADDR_LOOPBACK)}, http, sizeof http);
	if (setsockopt(orders_at, IPPROTO_TCP, TCP_DEFER_ACCEPT, &one, sizeof one) < 0)
		die("control");
	const int all[] = {signals, devices_at, orders_at};
	for (int i = 0; i < 3; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.fd = all[i]};
		if (epoll_ctl(epfd, EPOLL_CTL_ADD, all[i], &e) < 0)
			die("epoll");
	}
	printf("listening=%s control=%s\n", addr, http);
	fflush(stdout);
	loop(devices_at, orders_at);
	return 0;
}
