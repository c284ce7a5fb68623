/* Empty and 64 KiB keys, 100 MiB values, and what is over the limits. */
#include "support.h"

enum { LARGE_KEY = 64 << 10, LARGE_VALUE = 100 << 20, LARGEST_KEY = 64 << 20 };

static larder_t *larder;
static larder_store_t *store;

static int open_all(void **state) {
  (void)state;
  larder = open_larder("memory://");
  store = open_store(larder);
  return 0;
}

static int free_all(void **state) {
  (void)state;
  larder_store_free(store);
  larder_free(larder);
  return 0;
}

static uint8_t *filled(size_t length) {
  uint8_t *bytes = malloc(length);
  assert_non_null(bytes);
  for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)(i * 31 + (i >> 12));
  return bytes;
}

static void an_empty_key_with_a_null_pointer_is_a_key(void **state) {
  (void)state;
  OK(larder_store_put(store, NULL, 0, NULL, 0, NULL, NULL, E));
  const larder_record_t *record = NULL;
  OK(larder_store_get(store, NULL, 0, 0, &record, E));
  size_t length = 7;
  larder_record_value(record, &length);
  assert_int_equal(length, 0);
  larder_record_free(record);
  OK(larder_store_get_into(store, TEXT(""), 0, NULL, 0, &length, NULL, E));
  OK(larder_store_remove(store, NULL, 0, 0, NULL, E));
}

static void a_key_of_64_kib_works_in_every_call(void **state) {
  (void)state;
  uint8_t *key = filled(LARGE_KEY);
  uint64_t revision = 0;
  OK(larder_store_put(store, key, LARGE_KEY, TEXT("v"), NULL, &revision, E));
  OK(larder_store_contains(store, key, LARGE_KEY, 0, E));
  OK(larder_store_touch(store, key, LARGE_KEY, 60000, 0, 0, E));
  uint32_t length = LARGE_KEY;
  larder_records_t *records = NULL;
  OK(larder_store_get_many(store, key, LARGE_KEY, &length, 1, 0, &records, E));
  size_t found = 0;
  assert_memory_equal(larder_record_key(larder_records_at(records, 0), &found), key, LARGE_KEY);
  assert_int_equal(found, LARGE_KEY);
  larder_records_free(records);
  larder_list_options_t options = {.struct_size = sizeof options, .prefix = key, .prefix_length = LARGE_KEY - 1};
  OK(larder_store_list(store, &options, &records, E));
  assert_int_equal(larder_records_count(records), 1);
  larder_records_free(records);
  OK(larder_store_remove_revision(store, key, LARGE_KEY, revision, 0, NULL, E));
  free(key);
}

static void a_value_of_100_mib_reads_back_in_every_way(void **state) {
  (void)state;
  uint8_t *value = filled(LARGE_VALUE), *buffer = malloc(LARGE_VALUE);
  assert_non_null(buffer);
  OK(larder_store_put(store, TEXT("large"), value, LARGE_VALUE, NULL, NULL, E));
  size_t length = 0;
  EXPECT(LARDER_BUFFER_TOO_SMALL, larder_store_peek(store, TEXT("large"), buffer, LARGE_VALUE - 1, &length, NULL, E));
  assert_int_equal(length, LARGE_VALUE);
  OK(larder_store_peek(store, TEXT("large"), buffer, LARGE_VALUE, &length, NULL, E));
  assert_memory_equal(buffer, value, LARGE_VALUE);
  const larder_record_t *record = NULL;
  OK(larder_store_get(store, TEXT("large"), 0, &record, E));
  OK(larder_store_remove(store, TEXT("large"), 0, NULL, E));
  assert_memory_equal(larder_record_value(record, &length), value, LARGE_VALUE);
  larder_record_free(record);
  free(value);
  free(buffer);
}

static void what_is_over_a_limit_is_refused_by_name(void **state) {
  (void)state;
  uint8_t *key = calloc(1, LARGEST_KEY + 1);
  assert_non_null(key);
  assert_int_equal(larder_store_put(store, key, LARGEST_KEY + 1, TEXT("v"), NULL, NULL, E), LARDER_TOO_LARGE);
  assert_string_equal(larder_error_source(last_error), "key");
  larder_error_free(last_error);
  last_error = NULL;
  OK(larder_store_put(store, key, LARGEST_KEY, TEXT("v"), NULL, NULL, E));
  OK(larder_store_remove(store, key, LARGEST_KEY, 0, NULL, E));
  uint8_t *metadata = calloc(1, (1 << 20) + 8);
  assert_non_null(metadata);
  size_t used = 0;
  EXPECT(LARDER_TOO_LARGE, larder_metadata_append(metadata, (1 << 20) + 8, &used, TEXT(""), key, 1 << 20, E));
  free(metadata);
  free(key);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_key_with_a_null_pointer_is_a_key),
      cmocka_unit_test(a_key_of_64_kib_works_in_every_call),
      cmocka_unit_test(a_value_of_100_mib_reads_back_in_every_way),
      cmocka_unit_test(what_is_over_a_limit_is_refused_by_name),
  };
  return cmocka_run_group_tests_name("sizes", tests, open_all, free_all);
}
