/* A bare poller in C: what linkd's cost per poll is measured against.
 *
 * It accepts links, reads who each device is, finds it among those that it knows, and then asks it for ten input
 * registers (Modbus RTU, function 4) once a period, on a fixed grid with a phase of its own. It checks the answer's
 * unit, function, length and CRC, and turns the registers into ten doubles. One thread: epoll_wait blocks until
 * something comes or the next tick of TICK_MS at which something is due; a timer wheel of such ticks holds the links.
 *
 * It has no retries, no limits, no takeover and no values that others could ask for: on an open network it would not do.
 *
 * It prints "listening=ADDR control=ADDR" and answers any HTTP request on the control address with its counters.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	TICK_MS = 2,
	SLOTS = 1 << 15, /* 65.5 s */
	QUIET_MS = 200,  /* silence that ends an id without a line end */
	ID_MAX = 31,
	REGISTERS = 10,
	ANSWER = 5 + 2 * REGISTERS,
	EVENTS = 512,
	CONTROL = 1, /* epoll data below LINK are the listeners */
	LISTENER = 0,
	LINK = 2,
};

/* Upper bounds of the histogram of lags in microseconds, those of linkd's metrics. */
static const int64_t bounds[] = {250, 500, 1000, 1500, 2000, 3000, 4000, 6000, 10000, 20000, 50000, 100000, 200000,
	500000, 1000000};
enum { BOUNDS = sizeof bounds / sizeof bounds[0] };

struct device {
	char id[ID_MAX + 1];
	int online;
	double values[REGISTERS];
};

struct link {
	int fd;
	int next, prev; /* in its slot, numbers of links; prev -1: first */
	int slot;       /* -1: not armed */
	int asked;      /* a question is in flight */
	int have;       /* bytes in buf */
	struct device *device;
	int64_t due; /* microseconds */
	unsigned char buf[ANSWER > ID_MAX ? ANSWER + 7 : ID_MAX + 1];
};

static struct device *devices;
static int *table; /* of devices by hash, open addressing; -1: empty */
static unsigned mask;
static struct link *links;
static int most, epfd, slots[SLOTS];
static int64_t period, tick; /* microseconds; number of the tick that was run last */
static uint64_t bound, bytes_in, ok, bad, missed, lag[BOUNDS + 1];
static uint16_t crc_table[256];
static unsigned char question[8] = {1, 4, 0, 0, 0, REGISTERS};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static uint16_t crc16(const unsigned char *b, int n)
{
	uint16_t c = 0xFFFF;
	for (int i = 0; i < n; i++)
		c = c >> 8 ^ crc_table[(c ^ b[i]) & 0xFF];
	return c;
}

static unsigned hash(const char *id)
{
	unsigned h = 2166136261u; /* FNV-1a */
	for (; *id; id++)
		h = (h ^ (unsigned char)*id) * 16777619u;
	return h;
}

static void know(int n)
{
	unsigned size = 1;
	while (size < 2u * n)
		size *= 2;
	mask = size - 1;
	devices = calloc(n, sizeof *devices);
	table = malloc(size * sizeof *table);
	if (!devices || !table)
		die("memory");
	memset(table, -1, size * sizeof *table);
	for (int i = 0; i < n; i++) {
		snprintf(devices[i].id, sizeof devices[i].id, "c%07d", i + 1);
		unsigned at = hash(devices[i].id) & mask;
		while (table[at] >= 0)
			at = (at + 1) & mask;
		table[at] = i;
	}
}

static struct device *find(const char *id)
{
	for (unsigned at = hash(id) & mask; table[at] >= 0; at = (at + 1) & mask)
		if (!strcmp(devices[table[at]].id, id))
			return &devices[table[at]];
	return NULL;
}

static void disarm(int n)
{
	struct link *l = &links[n];
	if (l->slot < 0)
		return;
	if (l->prev >= 0)
		links[l->prev].next = l->next;
	else
		slots[l->slot] = l->next;
	if (l->next >= 0)
		links[l->next].prev = l->prev;
	l->slot = -1;
}

static void arm(int n, int64_t at)
{
	struct link *l = &links[n];
	int64_t t = (at + TICK_MS * 1000 - 1) / (TICK_MS * 1000);
	if (t <= tick)
		t = tick + 1;
	disarm(n);
	l->slot = t % SLOTS;
	l->prev = -1;
	l->next = slots[l->slot];
	if (l->next >= 0)
		links[l->next].prev = n;
	slots[l->slot] = n;
}

static void drop(int n)
{
	struct link *l = &links[n];
	disarm(n);
	if (l->device) {
		l->device->online = 0;
		bound--;
	}
	close(l->fd);
	memset(l, 0, sizeof *l);
	l->fd = l->slot = -1;
}

/* identify binds the link to the device whose id the first n bytes are. */
static void identify(int n, int len, int64_t now)
{
	struct link *l = &links[n];
	char id[ID_MAX + 1] = {0};
	memcpy(id, l->buf, len);
	if (len > 0 && id[len - 1] == '\r')
		id[len - 1] = 0;
	struct device *d = find(id);
	if (!d || d->online) {
		drop(n);
		return;
	}
	l->device = d;
	l->have = 0;
	d->online = 1;
	bound++;
	int64_t phase = (int64_t)(hash(id) * 2654435761u) * period >> 32;
	l->due = now - now % period + phase;
	if (l->due <= now)
		l->due += period;
	arm(n, l->due);
}

static void ask(int n, int64_t now)
{
	struct link *l = &links[n];
	int64_t late = now - l->due;
	if (l->asked) {
		missed++;
	} else if (write(l->fd, question, sizeof question) == (ssize_t)sizeof question) {
		int i = 0;
		while (i < BOUNDS && late > bounds[i])
			i++;
		lag[i]++;
		l->asked = 1;
		l->have = 0;
	} else {
		drop(n);
		return;
	}
	l->due += period;
	arm(n, l->due);
}

/* answer takes the bytes in hand for an answer: what is none is thrown away. */
static void answer(struct link *l)
{
	const unsigned char *b = l->buf;
	if (l->have < ANSWER)
		return;
	l->have = 0;
	if (!l->asked || b[0] != question[0] || b[1] != question[1] || b[2] != 2 * REGISTERS ||
	    crc16(b, ANSWER - 2) != (b[ANSWER - 2] | b[ANSWER - 1] << 8)) {
		bad++;
		return;
	}
	l->asked = 0;
	for (int i = 0; i < REGISTERS; i++)
		l->device->values[i] = (int16_t)(b[3 + 2 * i] << 8 | b[4 + 2 * i]) / 10.0;
	ok++;
}

static void readable(int n, int64_t now)
{
	struct link *l = &links[n];
	int room = (l->device ? ANSWER : ID_MAX) - l->have;
	ssize_t got = read(l->fd, l->buf + l->have, room);
	if (got <= 0) {
		if (got == 0 || errno != EAGAIN)
			drop(n);
		return;
	}
	bytes_in += got;
	l->have += got;
	if (l->device) {
		answer(l);
		return;
	}
	unsigned char *end = memchr(l->buf, '\n', l->have);
	if (end)
		identify(n, end - l->buf, now);
	else if (l->have == ID_MAX)
		drop(n);
	else
		arm(n, now + QUIET_MS * 1000);
}

static void accept_all(int fd)
{
	int on = 1, c;
	while ((c = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (c >= most) {
			close(c);
			continue;
		}
		setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		links[c].fd = c;
		struct epoll_event e = {.events = EPOLLIN, .data.u32 = LINK + c};
		if (epoll_ctl(epfd, EPOLL_CTL_ADD, c, &e) < 0)
			drop(c);
	}
}

/* control answers one HTTP request: the harness sends few and small ones, and waits. */
static void control(int fd)
{
	char b[2048];
	int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (c < 0)
		return;
	struct timeval wait = {.tv_sec = 1};
	setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	if (read(c, b, sizeof b) <= 0) {
		close(c);
		return;
	}
	int n = snprintf(b, sizeof b,
		"HTTP/1.0 200 OK\r\n\r\n{\"bound\":%lu,\"bytes_in\":%lu,\"polls\":%lu,\"lost\":%lu,\"lag\":[",
		bound, bytes_in, ok, bad + missed);
	for (int i = 0; i <= BOUNDS; i++)
		n += snprintf(b + n, sizeof b - n, i ? ",%lu" : "%lu", lag[i]);
	n += snprintf(b + n, sizeof b - n, "]}\n");
	if (write(c, b, n) != n)
		perror("control");
	close(c);
}

static int listener(char *name, size_t size)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 4096) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		die("listen");
	snprintf(name, size, "127.0.0.1:%d", ntohs(a.sin_port));
	return fd;
}

/* run fires what is due and returns the milliseconds until the next slot that holds something. */
static int run(int64_t now)
{
	while (tick < now / (TICK_MS * 1000)) {
		int list = slots[++tick % SLOTS];
		slots[tick % SLOTS] = -1;
		if (list >= 0) /* what is armed again from here on goes to later slots */
			links[list].prev = -1;
		while (list >= 0) {
			int n = list;
			list = links[n].next;
			links[n].slot = -1;
			if (links[n].device)
				ask(n, now);
			else
				identify(n, links[n].have, now);
		}
	}
	for (int i = 1; i < SLOTS; i++)
		if (slots[(tick + i) % SLOTS] >= 0) {
			int64_t left = (tick + i) * TICK_MS * 1000 - now_us();
			return left > 0 ? (left + 999) / 1000 : 0;
		}
	return -1;
}

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

int main(int argc, char **argv)
{
	int count = 50000, opt;
	period = 1000000;
	while ((opt = getopt(argc, argv, "n:p:")) != -1)
		switch (opt) {
		case 'n': count = atoi(optarg); break;
		case 'p': period = atol(optarg) * 1000; break;
		default: fprintf(stderr, "usage: epoll [-n devices] [-p period in ms]\n"); return 2;
		}
	struct rlimit files;
	if (count < 1 || period < 1000 || period > 60000000 || getrlimit(RLIMIT_NOFILE, &files) < 0) {
		fprintf(stderr, "give 1 or more devices and a period of 1 to 60000 ms\n");
		return 2;
	}
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	most = files.rlim_max < (1 << 20) ? files.rlim_max : 1 << 20;
	for (int i = 0; i < 256; i++) {
		uint16_t c = i;
		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0xA001 : c >> 1;
		crc_table[i] = c;
	}
	uint16_t sum = crc16(question, 6);
	question[6] = sum & 0xFF;
	question[7] = sum >> 8;
	know(count);
	links = calloc(most, sizeof *links);
	if (!links)
		die("memory");
	for (int i = 0; i < most; i++)
		links[i].fd = links[i].slot = -1;
	memset(slots, -1, sizeof slots);
	tick = now_us() / (TICK_MS * 1000);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, stop);
	signal(SIGINT, stop);

	char addr[32], http[32];
	int fds[] = {listener(addr, sizeof addr), listener(http, sizeof http)};
	epfd = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = LISTENER; i <= CONTROL; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};
		if (epoll_ctl(epfd, EPOLL_CTL_ADD, fds[i], &e) < 0)
			die("epoll");
	}
	printf("listening=%s control=%s\n", addr, http);
	fflush(stdout);

	static struct epoll_event events[EVENTS];
	while (!stopped) {
		int wait = run(now_us());
		int n = epoll_wait(epfd, events, EVENTS, wait);
		int64_t now = now_us();
		for (int i = 0; i < n; i++) {
			uint32_t who = events[i].data.u32;
			if (who == LISTENER)
				accept_all(fds[LISTENER]);
			else if (who == CONTROL)
				control(fds[CONTROL]);
			else if (links[who - LINK].fd >= 0)
				readable(who - LINK, now);
		}
	}
	return 0;
}
