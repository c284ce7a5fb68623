/* What the examples have in common: a call that fails ends the program with the error's message. */
#ifndef LARDER_EXAMPLE_H
#define LARDER_EXAMPLE_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <larder.h>

/* Text as the pointer and the length that Larder takes. */
#define TEXT(text) ((const uint8_t *)(text)), (sizeof(text) - 1)

static inline void check(int32_t status, larder_error_t *error) {
  if (status >= 0) return;
  fprintf(stderr, "%s: %s\n", larder_status_name(status), larder_error_message(error));
  larder_error_free(error);
  exit(1);
}

static inline larder_t *open_larder(const char *config) {
  larder_t *larder = NULL;
  larder_error_t *error = NULL;
  check(larder_open((const uint8_t *)config, strlen(config), &larder, &error), error);
  return larder;
}

static inline larder_store_t *open_store(const larder_t *larder) {
  larder_store_t *store = NULL;
  larder_error_t *error = NULL;
  check(larder_store_open(larder, TEXT("default"), NULL, &store, &error), error);
  return store;
}

#endif
