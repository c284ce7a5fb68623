/* Structs of options: too small, too large, unaligned, from an older and from a newer header. */
#include "support.h"

static larder_t *larder;
static larder_store_t *store;

#define KEY TEXT("key")
#define VALUE TEXT("value")

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

static void a_struct_size_that_was_forgotten_is_refused(void **state) {
  (void)state;
  larder_put_options_t put = {0};
  larder_list_options_t list = {0};
  larder_watch_options_t watch = {0};
  larder_store_options_t names = {0};
  larder_statistics_t statistics = {0};
  larder_request_t request = {0};
  larder_records_t *records = NULL;
  larder_cursor_t *cursor = NULL;
  larder_watch_t *watching = NULL;
  larder_store_t *opened = NULL;
  larder_queue_t *queue = NULL;
  for (size_t size = 0; size < sizeof(size_t); size++) {
    put.struct_size = list.struct_size = watch.struct_size = names.struct_size = size;
    statistics.struct_size = request.struct_size = size;
    REFUSED("options", larder_store_put(store, KEY, VALUE, &put, NULL, E));
    REFUSED("options", larder_store_put_if_absent(store, KEY, VALUE, &put, NULL, E));
    REFUSED("options", larder_store_replace(store, KEY, VALUE, 1, &put, NULL, E));
    REFUSED("options", larder_store_list(store, &list, &records, E));
    REFUSED("options", larder_store_cursor(store, &list, &cursor, E));
    REFUSED("options", larder_store_watch(store, &watch, &watching, E));
    REFUSED("options", larder_store_open(larder, TEXT("default"), &names, &opened, E));
    REFUSED("statistics", larder_store_statistics(store, 0, &statistics, E));
    OK(larder_queue_open(1, &queue, E));
    REFUSED("requests", larder_queue_submit(queue, &request, 1, NULL, E));
    larder_queue_free(queue);
  }
}

static void an_unaligned_struct_is_refused(void **state) {
  (void)state;
  _Alignas(16) uint8_t memory[sizeof(larder_put_options_t) + 16] = {0};
  const larder_put_options_t *put = (const larder_put_options_t *)(const void *)(memory + 1);
  REFUSED("options", larder_store_put(store, KEY, VALUE, put, NULL, E));
}

/* An older program's struct ends after the lifespan. */
static void a_struct_of_an_older_header_works(void **state) {
  (void)state;
  struct {
    size_t struct_size;
    int64_t lifespan_ms;
  } older = {.struct_size = sizeof older, .lifespan_ms = 3600000};
  const larder_put_options_t *put = (const larder_put_options_t *)(const void *)&older;
  OK(larder_store_put(store, KEY, VALUE, put, NULL, E));
  const larder_record_t *record = NULL;
  OK(larder_store_get(store, KEY, 0, &record, E));
  assert_in_range(larder_record_expires_in_ms(record), 3000000, 3600000);
  assert_int_equal(larder_record_max_idle_ms(record), -1);
  larder_record_free(record);
}

struct newer {
  larder_put_options_t known;
  uint64_t unknown;
};

static void a_struct_of_a_newer_header_works_while_its_new_fields_are_zero(void **state) {
  (void)state;
  struct newer newer = {.known = {.struct_size = sizeof newer, .lifespan_ms = 3600000}};
  OK(larder_store_put(store, KEY, VALUE, &newer.known, NULL, E));
  newer.unknown = 1;
  REFUSED("options", larder_store_put(store, KEY, VALUE, &newer.known, NULL, E));
}

static void statistics_fill_as_much_as_the_program_knows(void **state) {
  (void)state;
  struct {
    size_t struct_size;
    uint64_t hits;
    uint64_t untouched;
  } older = {.struct_size = 16, .hits = 4711, .untouched = 4711};
  OK(larder_store_statistics(store, 0, (larder_statistics_t *)(void *)&older, E));
  assert_int_not_equal(older.hits, 4711);
  assert_int_equal(older.untouched, 4711);
  struct {
    larder_statistics_t known;
    uint64_t untouched;
  } newer = {.known = {.struct_size = sizeof newer}, .untouched = 4711};
  OK(larder_store_statistics(store, 0, &newer.known, E));
  assert_int_equal(newer.untouched, 4711);
  assert_int_equal(newer.known.struct_size, sizeof newer);
}

static void an_array_of_a_newer_header_has_its_stride(void **state) {
  (void)state;
  struct newer newer[2] = {{.known = {.struct_size = sizeof newer[0], .lifespan_ms = 3600000}},
                           {.known = {.struct_size = sizeof newer[0], .lifespan_ms = 60000}}};
  static const uint32_t lengths[] = {1, 1};
  OK(larder_store_put_many(store, TEXT("ab"), lengths, TEXT("12"), lengths, 2, &newer[0].known, 2, NULL, NULL, E));
  const larder_record_t *record = NULL;
  OK(larder_store_get(store, TEXT("b"), 0, &record, E));
  assert_in_range(larder_record_expires_in_ms(record), 1, 60000);
  larder_record_free(record);
}

static void a_struct_size_that_is_garbage_is_refused_and_not_followed(void **state) {
  (void)state;
  static const size_t sizes[] = {4097, (size_t)1 << 32, SIZE_MAX / 2, SIZE_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    larder_put_options_t put = {.struct_size = sizes[i]};
    REFUSED("options", larder_store_put(store, KEY, VALUE, &put, NULL, E));
    larder_request_t request = {.struct_size = sizes[i]};
    larder_queue_t *queue = NULL;
    OK(larder_queue_open(1, &queue, E));
    REFUSED("requests", larder_queue_submit(queue, &request, 1, NULL, E));
    larder_queue_free(queue);
  }
}

static void a_reserved_field_that_is_set_is_refused(void **state) {
  (void)state;
  larder_records_t *records = NULL;
  larder_watch_t *watch = NULL;
  larder_store_t *opened = NULL;
  larder_queue_t *queue = NULL;
  OK(larder_queue_open(1, &queue, E));
  for (size_t i = 0; i < 4; i++) {
    larder_list_options_t list = {.struct_size = sizeof list};
    larder_watch_options_t watching = {.struct_size = sizeof watching};
    larder_store_options_t names = {.struct_size = sizeof names};
    list.reserved[i] = watching.reserved[i] = names.reserved[i] = 1;
    REFUSED("options.reserved", larder_store_list(store, &list, &records, E));
    REFUSED("options.reserved", larder_store_watch(store, &watching, &watch, E));
    REFUSED("options.reserved", larder_store_open(larder, TEXT("default"), &names, &opened, E));
  }
  for (size_t i = 0; i < 3; i++) {
    larder_request_t request = {.struct_size = sizeof request, .operation = LARDER_OPERATION_PING, .store = store};
    request.reserved[i] = 1;
    REFUSED("requests.reserved", larder_queue_submit(queue, &request, 1, NULL, E));
    larder_put_options_t put = {.struct_size = sizeof put};
    put.reserved[i] = 1;
    REFUSED("options.reserved", larder_store_put(store, KEY, VALUE, &put, NULL, E));
  }
  larder_put_options_t put = {.struct_size = sizeof put, .reserved_flags = 1};
  REFUSED("options.reserved_flags", larder_store_put(store, KEY, VALUE, &put, NULL, E));
  larder_list_options_t list = {.struct_size = sizeof list, .reserved_flags = 1};
  REFUSED("options.reserved_flags", larder_store_list(store, &list, &records, E));
  larder_watch_options_t watching = {.struct_size = sizeof watching, .reserved_flags = 1};
  REFUSED("options.reserved_flags", larder_store_watch(store, &watching, &watch, E));
  larder_queue_free(queue);
}

/* A program from before durability had a field has zeros there, or a struct that ends before. */
static void a_durability_is_taken_where_the_struct_has_one(void **state) {
  (void)state;
  larder_put_options_t put = {.struct_size = sizeof put, .durability = LARDER_DURABILITY_NONE};
  OK(larder_store_put(store, KEY, VALUE, &put, NULL, E));
  static const int32_t unsupported[] = {1, 255, LARDER_DURABILITY_ALL};
  for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++) {
    put.struct_size = sizeof put;
    put.durability = unsupported[i];
    larder_error_t *error = NULL;
    assert_int_equal(larder_store_put(store, KEY, VALUE, &put, NULL, &error), LARDER_UNSUPPORTED);
    assert_string_equal(larder_error_source(error), "durability");
    larder_error_free(error);
    put.struct_size = offsetof(larder_put_options_t, durability);
    OK(larder_store_put(store, KEY, VALUE, &put, NULL, E));
  }
  static const uint32_t lengths[] = {1, 1};
  larder_put_options_t puts[] = {{.struct_size = sizeof put}, {.struct_size = sizeof put, .durability = 256}};
  REFUSED("options.durability", larder_store_put_many(store, TEXT("ab"), lengths, TEXT("12"), lengths, 2, puts, 2, NULL, NULL, E));
}

static void values_out_of_range_are_refused_by_name(void **state) {
  (void)state;
  larder_put_options_t put = {.struct_size = sizeof put, .lifespan_ms = -2};
  REFUSED("lifespan_ms", larder_store_put(store, KEY, VALUE, &put, NULL, E));
  put = (larder_put_options_t){.struct_size = sizeof put, .max_idle_ms = INT64_MIN};
  REFUSED("max_idle_ms", larder_store_put(store, KEY, VALUE, &put, NULL, E));
  put = (larder_put_options_t){.struct_size = sizeof put, .timeout_ms = -1};
  REFUSED("timeout_ms", larder_store_put(store, KEY, VALUE, &put, NULL, E));
  put = (larder_put_options_t){.struct_size = sizeof put, .metadata_length = 1};
  REFUSED("options.metadata", larder_store_put(store, KEY, VALUE, &put, NULL, E));
  static const uint8_t broken[] = {1, 0, 0, 0, 200, 0, 0, 0, 'n', 'v'};
  put = (larder_put_options_t){.struct_size = sizeof put, .metadata = broken, .metadata_length = sizeof broken};
  REFUSED("options.metadata", larder_store_put(store, KEY, VALUE, &put, NULL, E));
  static const int32_t durabilities[] = {INT32_MIN, -3, 256, INT32_MAX};
  for (size_t i = 0; i < sizeof durabilities / sizeof *durabilities; i++) {
    put = (larder_put_options_t){.struct_size = sizeof put, .durability = durabilities[i]};
    REFUSED("options.durability", larder_store_put(store, KEY, VALUE, &put, NULL, E));
  }
  larder_records_t *records = NULL;
  larder_list_options_t list = {.struct_size = sizeof list, .projection = 2};
  REFUSED("options.projection", larder_store_list(store, &list, &records, E));
  list = (larder_list_options_t){.struct_size = sizeof list, .prefix_length = 1};
  REFUSED("options.prefix", larder_store_list(store, &list, &records, E));
  list = (larder_list_options_t){.struct_size = sizeof list, .suffix_length = 1};
  REFUSED("options.suffix", larder_store_list(store, &list, &records, E));
  larder_watch_t *watching = NULL;
  larder_watch_options_t watch = {.struct_size = sizeof watch, .start = 2};
  REFUSED("options.start", larder_store_watch(store, &watch, &watching, E));
  watch = (larder_watch_options_t){.struct_size = sizeof watch, .prefix_length = 1};
  REFUSED("options.prefix", larder_store_watch(store, &watch, &watching, E));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_struct_size_that_was_forgotten_is_refused),
      cmocka_unit_test(a_struct_size_that_is_garbage_is_refused_and_not_followed),
      cmocka_unit_test(a_reserved_field_that_is_set_is_refused),
      cmocka_unit_test(an_unaligned_struct_is_refused),
      cmocka_unit_test(a_struct_of_an_older_header_works),
      cmocka_unit_test(a_struct_of_a_newer_header_works_while_its_new_fields_are_zero),
      cmocka_unit_test(statistics_fill_as_much_as_the_program_knows),
      cmocka_unit_test(an_array_of_a_newer_header_has_its_stride),
      cmocka_unit_test(a_durability_is_taken_where_the_struct_has_one),
      cmocka_unit_test(values_out_of_range_are_refused_by_name),
  };
  return cmocka_run_group_tests_name("options", tests, open_all, free_all);
}
