/* JSON files. */
#ifndef LARDER_TEST_DOCUMENT_H
#define LARDER_TEST_DOCUMENT_H

#include <cjson/cJSON.h>

/* The document of a file, to be deleted; NULL for a file that is not there or is no JSON. */
cJSON *read_document(const char *path);

/* The host:port of the server of a type of the contract (such as "redis"), as the file of LARDER_TEST_STORES says, to be
 * freed. NULL where there are no servers. */
char *server_of(const char *kind);

/* The configuration of one store, called default, on that server by way of another node, to be freed: with a database of
 * its own, and a timeout for calls without one. NULL where there are no servers. */
char *config_through(const char *kind, const char *node, const char *timeout);

#endif
