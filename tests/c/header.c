/* The header compiles alone as C99. */
#include "larder.h"

int header_in_c(void);

int header_in_c(void) { return LARDER_ABI_VERSION + (int)sizeof(larder_request_t); }
