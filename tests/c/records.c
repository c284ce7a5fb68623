/* Records outlive what they came from; flat forms have the documented layout; metadata as C programs build it. */
#include "support.h"

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

static void a_record_outlives_its_list_its_store_and_its_larder(void **state) {
  (void)state;
  larder_t *other = open_larder("memory://");
  larder_store_t *table = open_store(other);
  put_text(table, "key", "value");
  larder_records_t *records = NULL;
  larder_list_options_t options = {.struct_size = sizeof options, .projection = LARDER_LIST_RECORDS};
  OK(larder_store_list(table, &options, &records, E));
  assert_null(larder_records_at(records, 1));
  const larder_record_t *kept = larder_record_retain(larder_records_at(records, 0));
  larder_records_free(records);
  OK(larder_store_clear(table, 0, NULL, E));
  larder_store_free(table);
  larder_free(other);
  size_t length = 0;
  assert_memory_equal(larder_record_value(kept, &length), "value", 5);
  assert_int_equal(length, 5);
  assert_memory_equal(larder_record_key(kept, NULL), "key", 3);
  larder_record_free(kept);
}

static void metadata_is_sorted_and_the_last_of_a_name_counts(void **state) {
  (void)state;
  uint8_t metadata[128];
  size_t used = 0;
  OK(larder_metadata_append(metadata, sizeof metadata, &used, TEXT("z"), TEXT("1"), E));
  OK(larder_metadata_append(metadata, sizeof metadata, &used, TEXT("a"), TEXT("2"), E));
  OK(larder_metadata_append(metadata, sizeof metadata, &used, TEXT("z"), TEXT("33"), E));
  size_t needed = used;
  EXPECT(LARDER_BUFFER_TOO_SMALL, larder_metadata_append(metadata, used + 8, &needed, TEXT("b"), TEXT("4"), E));
  assert_int_equal(needed, used + 10);
  larder_put_options_t options = {.struct_size = sizeof options, .metadata = metadata, .metadata_length = used};
  OK(larder_store_put(store, TEXT("m"), TEXT("v"), &options, NULL, E));
  const larder_record_t *record = NULL;
  OK(larder_store_get(store, TEXT("m"), 0, &record, E));
  static const uint8_t stored[] = {1, 0, 0, 0, 1, 0, 0, 0, 'a', '2', 1, 0, 0, 0, 2, 0, 0, 0, 'z', '3', '3'};
  size_t length = 0;
  const uint8_t *found = larder_record_metadata(record, &length);
  assert_int_equal(length, sizeof stored);
  assert_memory_equal(found, stored, length);
  assert_int_equal(larder_record_metadata_get(record, TEXT("z"), &found, &length), LARDER_OK);
  assert_int_equal(length, 2);
  assert_memory_equal(found, "33", 2);
  assert_int_equal(larder_record_metadata_get(record, TEXT("b"), &found, &length), LARDER_NOT_FOUND);
  assert_int_equal(larder_record_metadata_get(record, TEXT("z"), NULL, NULL), LARDER_OK);
  larder_record_free(record);
}

static uint64_t number(const uint8_t *at, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = bytes; i > 0; i--) value = value << 8 | at[i - 1];
  return value;
}

static void flat_records_have_the_documented_layout(void **state) {
  (void)state;
  larder_put_options_t options = {.struct_size = sizeof options, .max_idle_ms = 60000};
  uint64_t revision = 0;
  OK(larder_store_put(store, TEXT("flat"), TEXT("value"), &options, &revision, E));
  static const uint32_t lengths[] = {4, 4};
  larder_records_t *records = NULL;
  OK(larder_store_get_many(store, TEXT("noneflat"), lengths, 2, 0, &records, E));
  size_t length = 0;
  const uint8_t *flat = larder_records_flat(records, &length);
  assert_ptr_equal(flat, larder_records_flat(records, NULL));
  assert_int_equal(number(flat, 4), 48);
  assert_int_equal(number(flat + 4, 2), 0);
  const uint8_t *item = flat + 48;
  assert_int_equal(length, 48 + number(item, 4));
  assert_int_equal(number(item, 4) % 8, 0);
  assert_int_equal(number(item + 4, 2), 1);
  assert_int_equal(number(item + 8, 4), 4);
  assert_int_equal(number(item + 12, 4), 5);
  assert_int_equal(number(item + 16, 4), 0);
  assert_int_equal(number(item + 24, 8), revision);
  assert_in_range(number(item + 32, 8), 1, 60000);
  assert_int_equal(number(item + 40, 8), 60000);
  assert_memory_equal(item + 48, "flatvalue", 9);
  larder_records_free(records);
}

static void many_values_fill_one_buffer_as_far_as_it_goes(void **state) {
  (void)state;
  put_text(store, "a", "11");
  put_text(store, "c", "333");
  static const uint32_t lengths[] = {1, 1, 1};
  uint8_t values[8] = "--------";
  int64_t found[3];
  size_t needed = 0;
  OK(larder_store_get_many_into(store, TEXT("abc"), lengths, 3, 0, values, 5, found, &needed, E));
  assert_memory_equal(values, "11333---", 8);
  assert_int_equal(needed, 5);
  assert_int_equal(found[0], 2);
  assert_int_equal(found[1], LARDER_LENGTH_NOT_FOUND);
  assert_int_equal(found[2], 3);
  memcpy(values, "--------", 8);
  EXPECT(LARDER_BUFFER_TOO_SMALL, larder_store_get_many_into(store, TEXT("abc"), lengths, 3, 0, values, 4, found, &needed, E));
  assert_memory_equal(values, "11------", 8);
  assert_int_equal(needed, 5);
  assert_int_equal(found[2], 3);
}

static void an_error_in_a_batch_is_in_its_place_and_the_others_are_written(void **state) {
  (void)state;
  larder_t *small = open_larder("memory://?max_bytes=64KiB");
  larder_store_t *table = open_store(small);
  static uint8_t values[100002];
  memset(values, 'v', sizeof values);
  static const uint32_t keys[] = {1, 1, 1}, lengths[] = {1, 100000, 1};
  int32_t statuses[3] = {7, 7, 7};
  uint64_t revisions[3] = {0};
  EXPECT(LARDER_TOO_LARGE, larder_store_put_many(table, TEXT("abc"), keys, values, sizeof values, lengths, 3, NULL, 0,
                                                 statuses, revisions, E));
  assert_int_equal(statuses[0], LARDER_OK);
  assert_int_equal(statuses[1], LARDER_TOO_LARGE);
  assert_int_equal(statuses[2], LARDER_OK);
  assert_int_not_equal(revisions[0], 0);
  assert_int_equal(revisions[1], 0);
  expect_text(table, "a", "v");
  expect_text(table, "c", "v");
  larder_store_free(table);
  larder_free(small);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_record_outlives_its_list_its_store_and_its_larder),
      cmocka_unit_test(metadata_is_sorted_and_the_last_of_a_name_counts),
      cmocka_unit_test(flat_records_have_the_documented_layout),
      cmocka_unit_test(many_values_fill_one_buffer_as_far_as_it_goes),
      cmocka_unit_test(an_error_in_a_batch_is_in_its_place_and_the_others_are_written),
  };
  return cmocka_run_group_tests_name("records", tests, open_all, free_all);
}
