/* What stands between a client and a real server, and lets bytes pass, or not. */
#ifndef LARDER_TEST_WIRE_H
#define LARDER_TEST_WIRE_H

#include <stdbool.h>

typedef struct wire wire_t;

/* Begins to stand before the server at host:port, on a port of its own. NULL when that cannot be had. */
wire_t *wire_open(const char *server);

/* Where it is, as host:port. */
const char *wire_address(const wire_t *wire);

/* While it is held, no byte passes: to the client, the server hangs. It still takes connections, as the kernel of a server
 * that hangs does. */
void wire_hold(wire_t *wire, bool held);

/* Breaks all connections and takes no new ones, as a server that died; and is there again. False when its port is gone. */
void wire_kill(wire_t *wire);
bool wire_revive(wire_t *wire);

void wire_close(wire_t *wire);

#endif
