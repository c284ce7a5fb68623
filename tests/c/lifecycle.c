/* Close twice, use after close, free in any order. */
#include "support.h"

static void closing_a_larder_twice_is_fine_and_its_handles_say_closed(void **state) {
  (void)state;
  static const char *const configs[] = {"memory://", "fault://", "noop://"};
  for (size_t i = 0; i < 3; i++) {
    larder_t *larder = open_larder(configs[i]);
    larder_store_t *store = open_store(larder), *other = NULL;
    larder_cursor_t *cursor = NULL;
    larder_watch_t *watch = NULL;
    larder_events_t *events = NULL;
    larder_records_t *records = NULL;
    put_text(store, "k", "v");
    OK(larder_store_cursor(store, NULL, &cursor, E));
    OK(larder_store_watch(store, NULL, &watch, E));
    OK(larder_close(larder, 1000, E));
    OK(larder_close(larder, 1000, E));
    OK(larder_close(larder, -1, E));
    uint8_t value[4];
    larder_bytes_t *json = NULL;
    EXPECT(LARDER_CLOSED, larder_store_open(larder, TEXT("default"), NULL, &other, E));
    EXPECT(LARDER_CLOSED, larder_store_peek(store, TEXT("k"), value, 4, NULL, NULL, E));
    EXPECT(LARDER_CLOSED, larder_store_get_into(store, TEXT("k"), 0, value, 4, NULL, NULL, E));
    EXPECT(LARDER_CLOSED, larder_store_put(store, TEXT("k"), TEXT("v"), NULL, NULL, E));
    EXPECT(LARDER_CLOSED, larder_cursor_next(cursor, 1, 0, &records, E));
    EXPECT(LARDER_CLOSED, larder_watch_next(watch, 1, -1, &events, E));
    OK(larder_describe(larder, &json, E));
    assert_non_null(strstr((const char *)larder_bytes_data(json, NULL), "\"closed\":true"));
    larder_bytes_free(json);
    larder_free(larder);
    EXPECT(LARDER_CLOSED, larder_store_ping(store, 0, E));
    OK(larder_watch_close(watch, E));
    larder_watch_free(watch);
    larder_cursor_free(cursor);
    OK(larder_store_close(store, E));
    larder_store_free(store);
  }
}

static void a_freed_larder_leaves_handles_that_say_closed(void **state) {
  (void)state;
  larder_t *larder = open_larder("memory://");
  larder_store_t *store = open_store(larder);
  larder_free(larder);
  EXPECT(LARDER_CLOSED, larder_store_put(store, TEXT("k"), TEXT("v"), NULL, NULL, E));
  larder_store_free(store);
}

static void a_closed_handle_says_closed_and_others_go_on(void **state) {
  (void)state;
  larder_t *larder = open_larder("memory://");
  larder_store_t *one = open_store(larder), *two = open_store(larder);
  put_text(one, "k", "v");
  assert_int_equal(larder_store_is_immediate(one), 1);
  OK(larder_store_close(one, E));
  OK(larder_store_close(one, E));
  assert_int_equal(larder_store_is_immediate(one), 0);
  uint8_t value[4];
  EXPECT(LARDER_CLOSED, larder_store_get_into(one, TEXT("k"), 0, value, 4, NULL, NULL, E));
  larder_bytes_t *json = NULL;
  EXPECT(LARDER_CLOSED, larder_store_describe(one, &json, E));
  expect_text(two, "k", "v");
  larder_store_free(one);
  expect_text(two, "k", "v");
  larder_store_free(two);
  larder_free(larder);
}

static void many_larders_live_beside_one_another(void **state) {
  (void)state;
  larder_t *larders[100];
  larder_store_t *stores[100];
  for (int i = 0; i < 100; i++) {
    larders[i] = open_larder("memory://?max_entries=1000");
    stores[i] = open_store(larders[i]);
    char value[16];
    snprintf(value, sizeof value, "%d", i);
    put_text(stores[i], "k", value);
  }
  for (int i = 0; i < 100; i++) {
    char value[16];
    snprintf(value, sizeof value, "%d", i);
    expect_text(stores[i], "k", value);
    larder_free(larders[i]);
    larder_store_free(stores[i]);
  }
}

static void a_configuration_error_names_the_setting_and_suggests(void **state) {
  (void)state;
  larder_t *larder = NULL;
  assert_int_equal(larder_open(TEXT("memory://?max_entires=1"), &larder, E), LARDER_CONFIG);
  assert_string_equal(larder_error_source(last_error), "max_entires");
  assert_non_null(strstr(larder_error_message(last_error), "did you mean \"max_entries\"?"));
  assert_int_equal(larder_error_retryable(last_error), 0);
  larder_error_free(last_error);
  last_error = NULL;
  assert_null(larder);
}

/* A host that initialised nothing may still free what a call was to give. */
static void an_output_is_null_after_a_failure(void **state) {
  (void)state;
  void *const garbage = (void *)(uintptr_t)0x10;
  larder_t *larder = garbage, *closed = open_larder("memory://");
  larder_store_t *closed_store = open_store(closed), *store = garbage;
  larder_cursor_t *cursor = garbage;
  larder_watch_t *watch = garbage;
  larder_records_t *records = garbage;
  larder_bytes_t *json = garbage;
  larder_log_t *log = garbage;
  const larder_record_t *record = garbage;
  OK(larder_close(closed, 0, E));
  EXPECT(LARDER_CONFIG, larder_open(TEXT("nothing"), &larder, E));
  EXPECT(LARDER_CLOSED, larder_store_open(closed, TEXT("default"), NULL, &store, E));
  EXPECT(LARDER_CLOSED, larder_store_get(closed_store, TEXT("k"), 0, &record, E));
  EXPECT(LARDER_CLOSED, larder_store_list(closed_store, NULL, &records, E));
  EXPECT(LARDER_CLOSED, larder_store_cursor(closed_store, NULL, &cursor, E));
  EXPECT(LARDER_CLOSED, larder_store_watch(closed_store, NULL, &watch, E));
  OK(larder_store_close(closed_store, E));
  EXPECT(LARDER_CLOSED, larder_store_describe(closed_store, &json, E));
  REFUSED("level", larder_log_open(0, &log, E));
  assert_null(larder);
  assert_null(store);
  assert_null(record);
  assert_null(records);
  assert_null(cursor);
  assert_null(watch);
  assert_null(json);
  assert_null(log);
  larder_store_free(closed_store);
  larder_free(closed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(closing_a_larder_twice_is_fine_and_its_handles_say_closed),
      cmocka_unit_test(a_freed_larder_leaves_handles_that_say_closed),
      cmocka_unit_test(a_closed_handle_says_closed_and_others_go_on),
      cmocka_unit_test(many_larders_live_beside_one_another),
      cmocka_unit_test(an_output_is_null_after_a_failure),
      cmocka_unit_test(a_configuration_error_names_the_setting_and_suggests),
  };
  return cmocka_run_group_tests_name("lifecycle", tests, NULL, NULL);
}
