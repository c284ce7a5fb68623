/*
 * Where the library's functions are: linked in, or found by larder_go_load in a library that was loaded at run time.
 */

#ifndef LARDER_GO_FUNCTIONS_H
#define LARDER_GO_FUNCTIONS_H

#include "trampoline.h"

#ifdef LARDER_GO_LINKED

#define LARDER(name) name

#else

#define LARDER_GO_FIELD(result, name, parameters) result(*name) parameters;
typedef struct {
  LARDER_GO_FUNCTIONS(LARDER_GO_FIELD)
} larder_go_functions_t;

extern larder_go_functions_t larder_go_functions;

#define LARDER(name) larder_go_functions.name

#endif

#endif /* LARDER_GO_FUNCTIONS_H */
