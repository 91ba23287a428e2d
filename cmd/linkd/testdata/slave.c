/* A Modbus RTU slave on a serial line, made with libmodbus: unit 1, 21.5 degrees in input register 0, 45.6 % in input
 * register 1, four holding registers, four coils. It prints what its holding register 0 is after each request that
 * may have changed it. At each SIGUSR1 it becomes a degree warmer. Usage: slave LINE */
#include <errno.h>
#include <modbus.h>
#include <signal.h>
#include <stdio.h>

static modbus_mapping_t *map;

static void warmer(int sig) {
	(void)sig;
	map->tab_input_registers[0] += 10;
}

int main(int argc, char **argv) {
	uint8_t query[MODBUS_RTU_MAX_ADU_LENGTH];
	if (argc != 2) {
		fprintf(stderr, "usage: slave LINE\n");
		return 2;
	}
	modbus_t *ctx = modbus_new_rtu(argv[1], 9600, 'N', 8, 1);
	map = modbus_mapping_new(4, 4, 4, 2);
	if (!ctx || !map || modbus_set_slave(ctx, 1) || modbus_connect(ctx)) {
		fprintf(stderr, "slave: %s\n", modbus_strerror(errno));
		return 1;
	}
	map->tab_input_registers[0] = 215;
	map->tab_input_registers[1] = 456;
	signal(SIGUSR1, warmer);
	setbuf(stdout, NULL);
	printf("ready\n");
	for (;;) {
		int n = modbus_receive(ctx, query);
		if (n == -1) {
			if (errno == EIO || errno == EBADF || errno == ECONNRESET)
				return 0; /* the line is gone */
			continue; /* for another unit, broken, or interrupted by a signal */
		}
		if (n > 0 && modbus_reply(ctx, query, n, map) == -1)
			return 0;
		if (n > 1 && query[1] >= 5)
			printf("holding 0 = %d\n", map->tab_registers[0]);
	}
}
