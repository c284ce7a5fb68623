/* Opens a larder, writes a record and reads it back: into a buffer, and by reference. */
#include "example.h"

int main(void) {
  larder_error_t *error = NULL;
  larder_t *larder = open_larder("memory://?max_entries=10000");
  larder_store_t *store = open_store(larder);

  uint64_t revision = 0;
  check(larder_store_put(store, TEXT("greeting"), TEXT("hello"), NULL, &revision, &error), error);

  /* Into a buffer of one's own: one call, no allocation. */
  uint8_t value[16];
  size_t length = 0;
  check(larder_store_get_into(store, TEXT("greeting"), 0, value, sizeof value, &length, NULL, &error), error);
  printf("%.*s\n", (int)length, (const char *)value);

  /* By reference: nothing is copied, and the record stays as it is until it is freed. */
  const larder_record_t *record = NULL;
  check(larder_store_get(store, TEXT("greeting"), 0, &record, &error), error);
  const uint8_t *bytes = larder_record_value(record, &length);
  printf("%.*s, revision %" PRIu64 "\n", (int)length, (const char *)bytes, larder_record_revision(record));
  larder_record_free(record);

  /* A miss is no error. */
  if (larder_store_contains(store, TEXT("nothing"), 0, &error) == LARDER_NOT_FOUND) puts("nothing is not there");

  larder_store_free(store);
  larder_free(larder);
  return 0;
}
