/* Many records in one call, each with its own options. */
#include "example.h"

int main(void) {
  larder_error_t *error = NULL;
  larder_t *larder = open_larder("memory://");
  larder_store_t *store = open_store(larder);

  /* Keys and values lie one after the other; beside them their lengths. */
  static const uint32_t key_lengths[] = {3, 3, 5}, value_lengths[] = {1, 2, 3};
  larder_put_options_t options[3] = {{.struct_size = sizeof options[0], .lifespan_ms = 60000},
                                     {.struct_size = sizeof options[0], .max_idle_ms = 60000},
                                     {.struct_size = sizeof options[0]}};
  uint64_t revisions[3];
  check(larder_store_put_many(store, TEXT("onetwothree"), key_lengths, TEXT("122333"), value_lengths, 3, options, 3, NULL,
                              revisions, &error), error);

  /* All values into one buffer, in the keys' order. */
  static const uint32_t wanted[] = {5, 4, 3};
  uint8_t values[64];
  int64_t lengths[3];
  check(larder_store_get_many_into(store, TEXT("threenoneone"), wanted, 3, 0, values, sizeof values, lengths, NULL, &error),
        error);
  const uint8_t *value = values;
  for (size_t i = 0; i < 3; i++) {
    if (lengths[i] == LARDER_LENGTH_NOT_FOUND) {
      puts("(none)");
      continue;
    }
    printf("%.*s\n", (int)lengths[i], (const char *)value);
    value += lengths[i];
  }

  uint64_t removed = 0;
  check(larder_store_remove_many(store, TEXT("onetwo"), key_lengths, 2, 0, &removed, &error), error);
  printf("%" PRIu64 " removed\n", removed);
  larder_store_free(store);
  larder_free(larder);
  return removed == 2 ? 0 : 1;
}
