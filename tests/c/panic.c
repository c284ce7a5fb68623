/* A panic in every exported function, and in tasks, never reaches the host. */
#include "support.h"

static larder_t *larder;
static larder_store_t *store;

#define KEY TEXT("key")
#define VALUE TEXT("value")

static int open_all(void **state) {
  (void)state;
  larder = open_larder("memory://");
  store = open_store(larder);
  put_text(store, "key", "value");
  return 0;
}

static int free_all(void **state) {
  (void)state;
  larder_store_free(store);
  larder_free(larder);
  return 0;
}

/* The next call panics inside: it answers PANIC, and the one after it is served. */
#define PANICS(call) (mark_symbol(#call), larder_fault_arm_panic(), EXPECT(LARDER_PANIC, call))
/* The same for a function without a status: it answers what it answers for NULL. */
#define PANICS_TO(expected, call) \
  (mark_symbol(#call), larder_fault_arm_panic(), assert_int_equal((intmax_t)(expected), (intmax_t)(call)))
#define PANICS_TO_NULL(call) (mark_symbol(#call), larder_fault_arm_panic(), assert_null(call))
#define PANICS_TO_EMPTY(call) (mark_symbol(#call), larder_fault_arm_panic(), assert_string_equal((call), ""))
/* A free that panicked did nothing: it is done again. */
#define FREES(call) (mark_symbol(#call), larder_fault_arm_panic(), (call), (call))

static void a_panic_in_a_call_on_a_larder_or_a_record_is_a_status(void **state) {
  (void)state;
  larder_t *opened = NULL;
  larder_store_t *opened_store = NULL;
  larder_bytes_t *json = NULL;
  uint8_t buffer[16];
  uint64_t revision = 0;
  const larder_record_t *record = NULL;
  larder_statistics_t statistics = {.struct_size = sizeof statistics};
  PANICS(larder_open(TEXT("memory://"), &opened, E));
  PANICS(larder_close(larder, 0, E));
  PANICS(larder_describe(larder, &json, E));
  PANICS(larder_store_open(larder, TEXT("default"), NULL, &opened_store, E));
  PANICS(larder_store_close(store, E));
  PANICS_TO(0, larder_store_is_immediate(store));
  PANICS(larder_store_peek(store, KEY, buffer, sizeof buffer, NULL, NULL, E));
  PANICS(larder_store_get_into(store, KEY, 0, buffer, sizeof buffer, NULL, NULL, E));
  PANICS(larder_store_get(store, KEY, 0, &record, E));
  PANICS(larder_store_contains(store, KEY, 0, E));
  PANICS(larder_store_put(store, KEY, VALUE, NULL, &revision, E));
  PANICS(larder_store_put_if_absent(store, KEY, VALUE, NULL, &revision, E));
  PANICS(larder_store_replace(store, KEY, VALUE, 1, NULL, &revision, E));
  PANICS(larder_store_remove(store, KEY, 0, &revision, E));
  PANICS(larder_store_remove_revision(store, KEY, 1, 0, &revision, E));
  PANICS(larder_store_touch(store, KEY, 0, 0, 0, E));
  PANICS(larder_store_statistics(store, 0, &statistics, E));
  PANICS(larder_store_ping(store, 0, E));
  PANICS(larder_store_describe(store, &json, E));
  assert_null(opened);
  assert_null(opened_store);
  assert_null(record);
  expect_text(store, "key", "value");
}

static void a_panic_in_a_call_on_many_records_is_a_status(void **state) {
  (void)state;
  static const uint32_t lengths[] = {3};
  larder_records_t *records = NULL;
  uint8_t values[8];
  int64_t value_lengths[1];
  uint64_t number = 0;
  PANICS(larder_store_get_many(store, KEY, lengths, 1, 0, &records, E));
  PANICS(larder_store_get_many_into(store, KEY, lengths, 1, 0, values, sizeof values, value_lengths, NULL, E));
  PANICS(larder_store_put_many(store, KEY, lengths, KEY, lengths, 1, NULL, 0, NULL, NULL, E));
  PANICS(larder_store_remove_many(store, KEY, lengths, 1, 0, &number, E));
  PANICS(larder_store_list(store, NULL, &records, E));
  PANICS(larder_store_clear(store, 0, &number, E));
  PANICS(larder_store_size(store, 0, &number, E));
  OK(larder_store_get_many(store, KEY, lengths, 1, 0, &records, E));
  size_t length = 0;
  const uint8_t *value = NULL;
  const larder_record_t *record = larder_records_at(records, 0);
  PANICS_TO(0, larder_records_count(records));
  PANICS_TO_NULL(larder_records_at(records, 0));
  PANICS_TO_NULL(larder_records_flat(records, &length));
  PANICS_TO_NULL(larder_record_key(record, &length));
  PANICS_TO_NULL(larder_record_value(record, &length));
  PANICS_TO_NULL(larder_record_metadata(record, &length));
  PANICS_TO(LARDER_PANIC, larder_record_metadata_get(record, TEXT("name"), &value, &length));
  PANICS_TO(0, larder_record_revision(record));
  PANICS_TO(-1, larder_record_expires_in_ms(record));
  PANICS_TO(-1, larder_record_max_idle_ms(record));
  PANICS_TO_NULL(larder_record_retain(record));
  const larder_record_t *kept = larder_record_retain(record);
  FREES(larder_record_free(kept));
  FREES(larder_records_free(records));
}

static void ignore_events(void *user, const larder_events_t *events) {
  (void)user;
  (void)events;
}

static void count_destroy(void *user) { ++*(int *)user; }

static void a_panic_in_a_call_on_a_cursor_or_a_watch_is_a_status(void **state) {
  (void)state;
  larder_cursor_t *cursor = NULL;
  larder_watch_t *watch = NULL;
  larder_records_t *records = NULL;
  larder_events_t *events = NULL;
  int destroyed = 0;
  PANICS(larder_store_cursor(store, NULL, &cursor, E));
  OK(larder_store_cursor(store, NULL, &cursor, E));
  PANICS(larder_cursor_next(cursor, 1, 0, &records, E));
  FREES(larder_cursor_free(cursor));
  larder_watch_options_t options = {.struct_size = sizeof options, .start = LARDER_WATCH_EXISTING};
  PANICS(larder_store_watch(store, &options, &watch, E));
  OK(larder_store_watch(store, &options, &watch, E));
  PANICS(larder_watch_next(watch, 1, -1, &events, E));
  OK(larder_watch_next(watch, 1, -1, &events, E));
  size_t length = 0;
  PANICS_TO(0, larder_events_count(events));
  PANICS_TO(0, larder_events_kind(events, 0));
  PANICS_TO_NULL(larder_events_record(events, 0));
  PANICS_TO(0, larder_events_initial(events, 0));
  PANICS_TO(0, larder_events_lost(events, 0));
  PANICS_TO_NULL(larder_events_flat(events, &length));
  FREES(larder_events_free(events));
  PANICS(larder_watch_start(watch, ignore_events, &destroyed, count_destroy, E));
  assert_int_equal(destroyed, 1);
  PANICS(larder_watch_close(watch, E));
  FREES(larder_watch_free(watch));
}

static void a_panic_in_a_call_on_a_queue_is_a_status(void **state) {
  (void)state;
  larder_queue_t *queue = NULL;
  int32_t descriptor = -1;
  size_t count = 7;
  larder_completion_t completion;
  larder_request_t request = {.struct_size = sizeof request, .id = 1, .operation = LARDER_OPERATION_PING, .store = store};
  PANICS(larder_queue_open(0, &queue, E));
  OK(larder_queue_open(0, &queue, E));
  PANICS(larder_queue_descriptor(queue, &descriptor, E));
  PANICS(larder_queue_submit(queue, &request, 1, NULL, E));
  PANICS_TO(0, larder_queue_in_flight(queue));
  OK(larder_queue_submit(queue, &request, 1, NULL, E));
  PANICS(larder_queue_drain(queue, &completion, 1, -1, &count, E));
  OK(larder_queue_drain(queue, &completion, 1, -1, &count, E));
  assert_int_equal(count, 1);
  PANICS(larder_queue_cancel(queue, 1, E));
  PANICS(larder_queue_close(queue, E));
  FREES(larder_queue_free(queue));
}

static void ignore_line(void *user, int32_t level, const char *target, const char *message, uint64_t dropped) {
  (void)user;
  (void)level;
  (void)target;
  (void)message;
  (void)dropped;
}

static void a_panic_anywhere_else_is_an_answer(void **state) {
  (void)state;
  larder_log_t *log = NULL;
  larder_bytes_t *json = NULL;
  uint8_t line[8], metadata[32];
  size_t length = 0;
  int destroyed = 0;
  PANICS(larder_log_open(LARDER_LOG_INFO, &log, E));
  OK(larder_log_open(LARDER_LOG_INFO, &log, E));
  PANICS(larder_log_next(log, 0, NULL, line, sizeof line, NULL, NULL, E));
  FREES(larder_log_close(log));
  FREES(larder_log_free(log));
  PANICS(larder_log_start(LARDER_LOG_INFO, ignore_line, &destroyed, count_destroy, E));
  assert_int_equal(destroyed, 1);
  FREES(larder_log_stop());
  PANICS(larder_metadata_append(metadata, sizeof metadata, &length, TEXT("n"), VALUE, E));
  OK(larder_describe(larder, &json, E));
  larder_fault_arm_panic();
  assert_string_equal((const char *)larder_bytes_data(json, &length), "");
  FREES(larder_bytes_free(json));
  larder_error_t *error = NULL;
  assert_int_equal(larder_open(NULL, 1, NULL, &error), LARDER_INVALID_ARGUMENT);
  PANICS_TO(LARDER_PANIC, larder_error_code(error));
  PANICS_TO_EMPTY(larder_error_message(error));
  PANICS_TO_EMPTY(larder_error_source(error));
  PANICS_TO(0, larder_error_retryable(error));
  FREES(larder_error_free(error));
  PANICS_TO(0, larder_abi_version());
  PANICS_TO_EMPTY(larder_version());
  PANICS_TO_EMPTY(larder_status_name(0));
  PANICS_TO_EMPTY(larder_status_text(0));
  larder_store_t *freed_store = open_store(larder);
  FREES(larder_store_free(freed_store));
  larder_t *freed = open_larder("noop://");
  FREES(larder_free(freed));
  /* Armed twice, the second arming is itself the call that panics. */
  mark_symbol("larder_fault_arm_panic(");
  larder_fault_arm_panic();
  larder_fault_arm_panic();
  OK(larder_store_ping(store, 0, E));
}

static void a_panic_in_a_task_is_a_status(void **state) {
  (void)state;
  larder_t *faulty = open_larder("fault://");
  larder_store_t *table = open_store(faulty);
  uint8_t value[8];
  for (int i = 0; i < 20; i++) {
    assert_int_equal(larder_store_get_into(table, TEXT("panic:k"), 0, value, sizeof value, NULL, NULL, E), LARDER_PANIC);
    assert_non_null(strstr(larder_error_message(last_error), "a panic on purpose"));
    larder_error_free(last_error);
    last_error = NULL;
  }
  put_text(table, "k", "v");
  expect_text(table, "k", "v");
  larder_store_free(table);
  larder_free(faulty);
}

static void no_exported_function_was_forgotten(void **state) {
  (void)state;
  static const char *const none[] = {"larder_bytes_data", NULL};
  expect_all_symbols_marked(none);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_panic_in_a_call_on_a_larder_or_a_record_is_a_status),
      cmocka_unit_test(a_panic_in_a_call_on_many_records_is_a_status),
      cmocka_unit_test(a_panic_in_a_call_on_a_cursor_or_a_watch_is_a_status),
      cmocka_unit_test(a_panic_in_a_call_on_a_queue_is_a_status),
      cmocka_unit_test(a_panic_anywhere_else_is_an_answer),
      cmocka_unit_test(a_panic_in_a_task_is_a_status),
      cmocka_unit_test(no_exported_function_was_forgotten),
  };
  return cmocka_run_group_tests_name("panic", tests, open_all, free_all);
}
