/* The header compiles alone as C++17, and its functions have C linkage. */
#include "larder.h"

int header_in_cpp();

int header_in_cpp() { return LARDER_ABI_VERSION + static_cast<int>(sizeof(larder_request_t)); }
