/* A write that replicas must have. The store is that of the configuration in the first argument, memory without one. */
#include "example.h"

int main(int count, char **arguments) {
  larder_t *larder = open_larder(count > 1 ? arguments[1] : "memory://");
  larder_store_t *store = open_store(larder);

  larder_put_options_t options = {.struct_size = sizeof options, .timeout_ms = 5000, .durability = LARDER_DURABILITY_ALL};
  larder_error_t *error = NULL;
  uint64_t revision = 0;
  int32_t status = larder_store_put(store, TEXT("order"), TEXT("paid"), &options, &revision, &error);
  if (status == LARDER_AMBIGUOUS) {
    /* The same value once more does no harm here. What must not be done twice is read first. */
    larder_error_free(error);
    status = larder_store_put(store, TEXT("order"), TEXT("paid"), &options, &revision, &error);
  }
  switch (status) {
    case LARDER_OK:
      printf("every replica has revision %" PRIu64 "\n", revision);
      break;
    case LARDER_UNSUPPORTED:
      printf("the store has no replicas: %s\n", larder_error_message(error));
      larder_error_free(error);
      break;
    default:
      check(status, error);
  }
  larder_store_free(store);
  larder_free(larder);
  return 0;
}
