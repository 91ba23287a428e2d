/* Who is known, what is asked of them, and what is counted. Part of epoll.c. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ID = 8, /* bytes of an id: c0000001 and so on */
	DEVICES = 9999999,
	REGISTERS = 10,
	ANSWER = 5 + 2 * REGISTERS,
	FRAME = 8, /* bytes of a question and of a command */
};

/* Upper bounds of the histogram of lags in microseconds, those of linkd's metrics. */
static const int64_t bounds[] = {250, 500, 1000, 1500, 2000, 3000, 4000, 6000, 10000, 20000, 50000, 100000, 200000,
	500000, 1000000};
enum { BOUNDS = sizeof bounds / sizeof bounds[0] };

struct device {
	uint64_t id; /* its bytes as they stand in memory */
	int link;    /* the descriptor; 0: offline */
	double values[REGISTERS];
};

static struct device *devices; /* device number n is at n - 1 */
static int known;
static int *table; /* of devices by hash, open addressing; -1: empty */
static uint64_t mask;
static uint64_t bound, bytes_in, polls, lost, commands, lag[BOUNDS + 1];
static uint16_t crc_table[256];
static unsigned char question[FRAME] = {1, 4, 0, 0, 0, REGISTERS};
static unsigned char command[FRAME] = {1, 6, 0, 0}; /* the last one that was sent */
static const unsigned char answer_head[] = {1, 4, 2 * REGISTERS};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* crc16 is CRC-16/MODBUS: polynomial 8005 reflected, initially FFFF. */
static uint16_t crc16(const unsigned char *b, int n)
{
	uint16_t c = 0xFFFF;
	for (int i = 0; i < n; i++)
		c = c >> 8 ^ crc_table[(c ^ b[i]) & 0xFF];
	return c;
}

/* seal writes the CRC of a frame of n bytes into its last two. */
static void seal(unsigned char *b, int n)
{
	uint16_t c = crc16(b, n - 2);
	b[n - 2] = c & 0xFF;
	b[n - 1] = c >> 8;
}

static int sealed(const unsigned char *b, int n)
{
	return crc16(b, n - 2) == (b[n - 2] | b[n - 1] << 8);
}

static uint64_t hash(uint64_t id)
{
	id = (id ^ id >> 32) * 0xD6E8FEB86659FD93u;
	id = (id ^ id >> 32) * 0xD6E8FEB86659FD93u;
	return id ^ id >> 32;
}

/* know makes the table of n devices, and the CRCs. */
static void know(int n)
{
	for (int i = 0; i < 256; i++) {
		uint16_t c = i;
		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0xA001 : c >> 1;
		crc_table[i] = c;
	}
	seal(question, FRAME);
	uint64_t size = 1;
	while (size < 2 * (uint64_t)n)
		size *= 2;
	mask = size - 1;
	known = n;
	devices = calloc(n, sizeof *devices);
	table = malloc(size * sizeof *table);
	if (!devices || !table)
		die("memory");
	memset(table, -1, size * sizeof *table);
	for (int i = 0; i < n; i++) {
		char id[16];
		snprintf(id, sizeof id, "c%07d", i + 1);
		memcpy(&devices[i].id, id, ID);
		uint64_t at = hash(devices[i].id) & mask;
		while (table[at] >= 0)
			at = (at + 1) & mask;
		table[at] = i;
	}
}

/* find returns the place of the device whose id the first bytes of b are, or -1. */
static int find(const unsigned char *b)
{
	uint64_t id;
	memcpy(&id, b, ID);
	for (uint64_t at = hash(id) & mask; table[at] >= 0; at = (at + 1) & mask)
		if (devices[table[at]].id == id)
			return table[at];
	return -1;
}

/* late counts a poll that was sent so many microseconds after it was due. */
static void late(int64_t us)
{
	int i = 0;
	while (i < BOUNDS && us > bounds[i])
		i++;
	lag[i]++;
}
