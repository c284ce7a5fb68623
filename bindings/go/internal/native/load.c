/*
 * Loads the library at run time. All functions are found, or none is kept. A loaded library is never unloaded: its
 * threads live in it.
 */

#define _GNU_SOURCE
#include "functions.h"

#ifdef LARDER_GO_LINKED

char *larder_go_load(const char *path) {
  (void)path;
  return NULL;
}

#else

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

larder_go_functions_t larder_go_functions;

/* Copies an address into a function pointer, which ISO C has no cast for. */
#define LARDER_GO_FIND(result, name, parameters)                                                                       \
  address = dlsym(library, #name);                                                                                     \
  if (address == NULL) {                                                                                               \
    missing = #name;                                                                                                   \
  }                                                                                                                    \
  memcpy(&found.name, &address, sizeof address);

static char *why(const char *format, const char *what) {
  char *text = NULL;
  return asprintf(&text, format, what) < 0 ? strdup("out of memory") : text;
}

static char *wrong_abi(uint32_t number) {
  char *text = NULL;
  int length = asprintf(&text, "it has the ABI number %u, this package needs %d or a later one; install a newer library",
                        (unsigned)number, LARDER_ABI_VERSION);
  return length < 0 ? strdup("out of memory") : text;
}

char *larder_go_load(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    return why("%s", dlerror());
  }
  larder_go_functions_t found;
  void *address = dlsym(library, "larder_abi_version");
  if (address == NULL) {
    dlclose(library);
    return why("it has no function %s, so it is not Larder", "larder_abi_version");
  }
  memcpy(&found.larder_abi_version, &address, sizeof address);
  uint32_t number = found.larder_abi_version();
  if (number < LARDER_ABI_VERSION) {
    dlclose(library);
    return wrong_abi(number);
  }
  const char *missing = NULL;
  LARDER_GO_FUNCTIONS(LARDER_GO_FIND)
  if (missing != NULL) {
    dlclose(library);
    return why("it has no function %s; install a library of the same or a later version", missing);
  }
  larder_go_functions = found;
  return NULL;
}

#endif
