/* A host that loads the library at run time, closes it and loads it again: a plain program that is not linked to it. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "larder.h"

typedef uint32_t (*abi_version_t)(void);
typedef int32_t (*open_t)(const uint8_t *, size_t, larder_t **, larder_error_t **);
typedef int32_t (*store_open_t)(const larder_t *, const uint8_t *, size_t, const larder_store_options_t *, larder_store_t **,
                                larder_error_t **);
typedef int32_t (*ping_t)(const larder_store_t *, int64_t, larder_error_t **);
typedef void (*store_free_t)(larder_store_t *);
typedef void (*free_t)(larder_t *);

static void must(int condition, const char *text) {
  if (condition) return;
  fprintf(stderr, "%s does not hold: %s\n", text, dlerror());
  exit(1);
}
#define MUST(condition) must((condition), #condition)

/* ISO C has no cast from an object pointer to a function pointer; POSIX promises that this copy works. */
static void find(void *library, const char *name, void *function) {
  void *symbol = dlsym(library, name);
  MUST(symbol != NULL);
  memcpy(function, &symbol, sizeof symbol);
}

static void use(void *library, const char *config) {
  abi_version_t abi_version;
  open_t open;
  store_open_t store_open;
  ping_t ping;
  store_free_t store_free;
  free_t free_larder;
  find(library, "larder_abi_version", &abi_version);
  find(library, "larder_open", &open);
  find(library, "larder_store_open", &store_open);
  find(library, "larder_store_ping", &ping);
  find(library, "larder_store_free", &store_free);
  find(library, "larder_free", &free_larder);
  MUST(abi_version() >= LARDER_ABI_VERSION);
  larder_t *larder = NULL;
  larder_store_t *store = NULL;
  MUST(open((const uint8_t *)config, strlen(config), &larder, NULL) == LARDER_OK);
  MUST(store_open(larder, (const uint8_t *)"default", 7, NULL, &store, NULL) == LARDER_OK);
  MUST(ping(store, 20000, NULL) == LARDER_OK);
  store_free(store);
  free_larder(larder);
}

int main(void) {
  for (int i = 0; i < 200; i++) {
    void *library = dlopen(LARDER_SHARED_OBJECT, i % 2 ? RTLD_NOW | RTLD_LOCAL : RTLD_LAZY | RTLD_GLOBAL);
    MUST(library != NULL);
    /* The fault store answers through the library's own thread, which lives on after dlclose. */
    use(library, i % 2 ? "memory://" : "fault://");
    MUST(dlclose(library) == 0);
  }
  puts("loaded and closed 200 times");
  return 0;
}
