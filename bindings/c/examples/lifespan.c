/* Records that end: after a lifespan, or when nobody reads them for a while. */
#include "example.h"

#include <time.h>

int main(void) {
  larder_error_t *error = NULL;
  larder_t *larder = open_larder("memory://?lifespan=1h");
  larder_store_t *store = open_store(larder);

  larder_put_options_t options = {.struct_size = sizeof options, .lifespan_ms = 50};
  check(larder_store_put(store, TEXT("short"), TEXT("v"), &options, NULL, &error), error);
  options = (larder_put_options_t){.struct_size = sizeof options, .max_idle_ms = 60000};
  check(larder_store_put(store, TEXT("session"), TEXT("v"), &options, NULL, &error), error);
  options = (larder_put_options_t){.struct_size = sizeof options, .lifespan_ms = LARDER_TERM_UNLIMITED};
  check(larder_store_put(store, TEXT("for ever"), TEXT("v"), &options, NULL, &error), error);
  check(larder_store_put(store, TEXT("default"), TEXT("v"), NULL, NULL, &error), error);

  nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
  if (larder_store_contains(store, TEXT("short"), 0, &error) != LARDER_NOT_FOUND) return 1;

  /* A touch gives new terms, and leaves the value and the revision. */
  check(larder_store_touch(store, TEXT("session"), 3600000, 0, 0, &error), error);

  larder_records_t *records = NULL;
  check(larder_store_list(store, NULL, &records, &error), error);
  for (size_t i = 0; i < larder_records_count(records); i++) {
    const larder_record_t *record = larder_records_at(records, i);
    size_t length = 0;
    const uint8_t *key = larder_record_key(record, &length);
    printf("%.*s ends in %" PRId64 " ms\n", (int)length, (const char *)key, larder_record_expires_in_ms(record));
  }
  larder_records_free(records);
  larder_store_free(store);
  larder_free(larder);
  return 0;
}
