/* Links, and the timer wheel that holds those that are polled. Part of epoll.c. */
#include <time.h>

enum {
	TICK = 2000,       /* microseconds */
	SLOTS = 1 << 15,   /* 65.5 s; who is due later goes round more than once */
	KEEP = ANSWER - 1, /* most bytes of what is not complete yet */
};

/* What a device has not taken yet. Nothing is read from it meanwhile, so that it does not grow. */
struct rest {
	int at, len;
	unsigned char b[];
};

/* A link is one line of memory. Its number is its descriptor. */
struct link {
	int64_t due; /* microseconds */
	struct rest *rest;
	int next, prev; /* in its slot; prev -1: first */
	int device;     /* -1: it has not said yet who it is */
	int waited;     /* times that a question was due since the one in flight */
	int16_t slot;   /* -1: not armed */
	unsigned char open;
	unsigned char asked, commanded; /* a question, a command is in flight */
	unsigned char have;             /* bytes in buf: the beginning of an id or of an answer */
	unsigned char buf[KEEP];
};
_Static_assert(sizeof(struct link) == 64, "a link is more than a line of memory");

static struct link *links;
static int slots[SLOTS]; /* the first link of each; -1: none */
static int64_t tick, soonest; /* the tick that was run last; no slot before this one is taken */

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void disarm(struct link *l)
{
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

/* arm puts a link that is not armed into the slot of its due time. */
static void arm(int n)
{
	struct link *l = &links[n];
	int64_t t = (l->due + TICK - 1) / TICK;
	if (t <= tick)
		t = tick + 1;
	if (t > tick + SLOTS - 1)
		t = tick + SLOTS - 1;
	if (t < soonest)
		soonest = t;
	l->slot = t % SLOTS;
	l->prev = -1;
	l->next = slots[l->slot];
	if (l->next >= 0)
		links[l->next].prev = n;
	slots[l->slot] = n;
}

/* wait_ms returns the time to the next slot in which there is something; -1: there is nothing. */
static int wait_ms(void)
{
	if (soonest <= tick)
		soonest = tick + 1;
	while (soonest < tick + SLOTS && slots[soonest % SLOTS] < 0)
		soonest++;
	if (soonest == tick + SLOTS)
		return -1;
	int64_t left = soonest * TICK - now_us();
	return left > 0 ? (left + 999) / 1000 : 0;
}

/* nap sleeps to the end of the tick. */
static void nap(void)
{
	int64_t end = (now_us() / TICK + 1) * TICK;
	struct timespec t = {end / 1000000, end % 1000000 * 1000};
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}
