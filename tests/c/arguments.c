/* Null pointers and wrong lengths: each function refuses them by the argument's name, and none dies. */
#include "support.h"

static larder_t *larder;
static larder_store_t *store;
static larder_queue_t *queue;

#define KEY TEXT("key")
#define VALUE TEXT("value")
static const uint8_t bytes[8] = {0};
static const uint8_t not_utf8[] = {'a', 0xc3, 0x28};
#define IMPOSSIBLE (SIZE_MAX / 2 + 2)

static int open_all(void **state) {
  (void)state;
  larder = open_larder("memory://");
  store = open_store(larder);
  OK(larder_queue_open(0, &queue, E));
  return 0;
}

static int free_all(void **state) {
  (void)state;
  larder_queue_free(queue);
  larder_store_free(store);
  larder_free(larder);
  return 0;
}

static void a_larder_refuses_null_and_what_is_not_utf8(void **state) {
  (void)state;
  larder_t *opened = NULL;
  larder_store_t *opened_store = NULL;
  larder_bytes_t *json = NULL;
  REFUSED("larder", larder_open(TEXT("memory://"), NULL, E));
  REFUSED("config", larder_open(NULL, 5, &opened, E));
  REFUSED("config", larder_open(not_utf8, sizeof not_utf8, &opened, E));
  REFUSED("config", larder_open(bytes, IMPOSSIBLE, &opened, E));
  EXPECT(LARDER_CONFIG, larder_open(NULL, 0, &opened, E));
  REFUSED("larder", larder_close(NULL, 0, E));
  REFUSED("larder", larder_describe(NULL, &json, E));
  REFUSED("json", larder_describe(larder, NULL, E));
  REFUSED("larder", larder_store_open(NULL, TEXT("default"), NULL, &opened_store, E));
  REFUSED("store", larder_store_open(larder, TEXT("default"), NULL, NULL, E));
  REFUSED("name", larder_store_open(larder, NULL, 3, NULL, &opened_store, E));
  REFUSED("name", larder_store_open(larder, not_utf8, sizeof not_utf8, NULL, &opened_store, E));
  larder_store_options_t options = {.struct_size = sizeof options, .database_length = 1};
  REFUSED("options.database", larder_store_open(larder, TEXT("default"), &options, &opened_store, E));
  options.database = not_utf8;
  options.database_length = sizeof not_utf8;
  REFUSED("options.database", larder_store_open(larder, TEXT("default"), &options, &opened_store, E));
  options = (larder_store_options_t){.struct_size = sizeof options, .table = not_utf8, .table_length = sizeof not_utf8};
  REFUSED("options.table", larder_store_open(larder, TEXT("default"), &options, &opened_store, E));
  assert_null(opened);
  assert_null(opened_store);
}

static void calls_on_one_record_refuse_null(void **state) {
  (void)state;
  uint8_t buffer[8];
  size_t length = 0;
  uint64_t revision = 0;
  const larder_record_t *record = NULL;
  larder_bytes_t *json = NULL;
  larder_statistics_t statistics = {.struct_size = sizeof statistics};
  REFUSED("store", larder_store_close(NULL, E));
  REFUSED("store", larder_store_peek(NULL, KEY, buffer, sizeof buffer, &length, &revision, E));
  REFUSED("key", larder_store_peek(store, NULL, 1, buffer, sizeof buffer, &length, &revision, E));
  REFUSED("key", larder_store_peek(store, bytes, IMPOSSIBLE, buffer, sizeof buffer, &length, &revision, E));
  REFUSED("value", larder_store_peek(store, KEY, NULL, 8, &length, &revision, E));
  REFUSED("store", larder_store_get_into(NULL, KEY, 0, buffer, sizeof buffer, &length, &revision, E));
  REFUSED("key", larder_store_get_into(store, NULL, 1, 0, buffer, sizeof buffer, &length, &revision, E));
  REFUSED("value", larder_store_get_into(store, KEY, 0, NULL, 8, &length, &revision, E));
  REFUSED("timeout_ms", larder_store_get_into(store, KEY, -1, buffer, sizeof buffer, &length, &revision, E));
  REFUSED("store", larder_store_get(NULL, KEY, 0, &record, E));
  REFUSED("key", larder_store_get(store, NULL, 1, 0, &record, E));
  REFUSED("record", larder_store_get(store, KEY, 0, NULL, E));
  REFUSED("timeout_ms", larder_store_get(store, KEY, INT64_MIN, &record, E));
  REFUSED("store", larder_store_contains(NULL, KEY, 0, E));
  REFUSED("key", larder_store_contains(store, NULL, 1, 0, E));
  REFUSED("timeout_ms", larder_store_contains(store, KEY, -5, E));
  REFUSED("store", larder_store_put(NULL, KEY, VALUE, NULL, &revision, E));
  REFUSED("key", larder_store_put(store, NULL, 1, VALUE, NULL, &revision, E));
  REFUSED("value", larder_store_put(store, KEY, NULL, 1, NULL, &revision, E));
  REFUSED("value", larder_store_put(store, KEY, bytes, IMPOSSIBLE, NULL, &revision, E));
  REFUSED("store", larder_store_put_if_absent(NULL, KEY, VALUE, NULL, &revision, E));
  REFUSED("key", larder_store_put_if_absent(store, NULL, 1, VALUE, NULL, &revision, E));
  REFUSED("value", larder_store_put_if_absent(store, KEY, NULL, 1, NULL, &revision, E));
  REFUSED("store", larder_store_replace(NULL, KEY, VALUE, 1, NULL, &revision, E));
  REFUSED("key", larder_store_replace(store, NULL, 1, VALUE, 1, NULL, &revision, E));
  REFUSED("value", larder_store_replace(store, KEY, NULL, 1, 1, NULL, &revision, E));
  REFUSED("store", larder_store_remove(NULL, KEY, 0, &revision, E));
  REFUSED("key", larder_store_remove(store, NULL, 1, 0, &revision, E));
  REFUSED("timeout_ms", larder_store_remove(store, KEY, -1, &revision, E));
  REFUSED("store", larder_store_remove_revision(NULL, KEY, 1, 0, &revision, E));
  REFUSED("key", larder_store_remove_revision(store, NULL, 1, 1, 0, &revision, E));
  REFUSED("timeout_ms", larder_store_remove_revision(store, KEY, 1, -1, &revision, E));
  REFUSED("store", larder_store_touch(NULL, KEY, 0, 0, 0, E));
  REFUSED("key", larder_store_touch(store, NULL, 1, 0, 0, 0, E));
  REFUSED("lifespan_ms", larder_store_touch(store, KEY, -2, 0, 0, E));
  REFUSED("max_idle_ms", larder_store_touch(store, KEY, 0, INT64_MIN, 0, E));
  REFUSED("timeout_ms", larder_store_touch(store, KEY, 0, 0, -1, E));
  REFUSED("store", larder_store_statistics(NULL, 0, &statistics, E));
  REFUSED("statistics", larder_store_statistics(store, 0, NULL, E));
  REFUSED("timeout_ms", larder_store_statistics(store, -1, &statistics, E));
  REFUSED("store", larder_store_ping(NULL, 0, E));
  REFUSED("timeout_ms", larder_store_ping(store, -1, E));
  REFUSED("store", larder_store_describe(NULL, &json, E));
  REFUSED("json", larder_store_describe(store, NULL, E));
  assert_null(record);
}

static void calls_on_many_records_refuse_null_and_lengths_that_do_not_add_up(void **state) {
  (void)state;
  static const uint32_t lengths[] = {1, 2}, too_long[] = {1, 3}, too_short[] = {1, 1}, huge[] = {UINT32_MAX, UINT32_MAX};
  const uint8_t *abc = (const uint8_t *)"abc";
  larder_records_t *records = NULL;
  uint8_t values[8];
  int64_t value_lengths[2];
  size_t needed = 0;
  uint64_t number = 0;
  REFUSED("store", larder_store_get_many(NULL, abc, 3, lengths, 2, 0, &records, E));
  REFUSED("keys", larder_store_get_many(store, NULL, 3, lengths, 2, 0, &records, E));
  REFUSED("key_lengths", larder_store_get_many(store, abc, 3, NULL, 2, 0, &records, E));
  REFUSED("key_lengths", larder_store_get_many(store, abc, 3, lengths, IMPOSSIBLE, 0, &records, E));
  REFUSED("key_lengths", larder_store_get_many(store, abc, 3, (const uint32_t *)((uintptr_t)lengths + 1), 1, 0, &records, E));
  REFUSED("keys", larder_store_get_many(store, abc, 3, too_long, 2, 0, &records, E));
  REFUSED("keys", larder_store_get_many(store, abc, 3, too_short, 2, 0, &records, E));
  REFUSED("keys", larder_store_get_many(store, abc, 3, huge, 2, 0, &records, E));
  REFUSED("keys", larder_store_get_many(store, abc, 3, NULL, 0, 0, &records, E));
  REFUSED("records", larder_store_get_many(store, abc, 3, lengths, 2, 0, NULL, E));
  REFUSED("timeout_ms", larder_store_get_many(store, abc, 3, lengths, 2, -1, &records, E));
  REFUSED("store", larder_store_get_many_into(NULL, abc, 3, lengths, 2, 0, values, 8, value_lengths, &needed, E));
  REFUSED("keys", larder_store_get_many_into(store, NULL, 3, lengths, 2, 0, values, 8, value_lengths, &needed, E));
  REFUSED("key_lengths", larder_store_get_many_into(store, abc, 3, NULL, 2, 0, values, 8, value_lengths, &needed, E));
  REFUSED("keys", larder_store_get_many_into(store, abc, 3, too_long, 2, 0, values, 8, value_lengths, &needed, E));
  REFUSED("keys", larder_store_get_many_into(store, abc, 3, too_short, 2, 0, values, 8, value_lengths, &needed, E));
  REFUSED("values", larder_store_get_many_into(store, abc, 3, lengths, 2, 0, NULL, 8, value_lengths, &needed, E));
  REFUSED("value_lengths", larder_store_get_many_into(store, abc, 3, lengths, 2, 0, values, 8, NULL, &needed, E));
  REFUSED("timeout_ms", larder_store_get_many_into(store, abc, 3, lengths, 2, -1, values, 8, value_lengths, &needed, E));
  REFUSED("store", larder_store_put_many(NULL, abc, 3, lengths, abc, 3, lengths, 2, NULL, 0, NULL, NULL, E));
  REFUSED("keys", larder_store_put_many(store, NULL, 3, lengths, abc, 3, lengths, 2, NULL, 0, NULL, NULL, E));
  REFUSED("keys", larder_store_put_many(store, abc, 3, too_long, abc, 3, lengths, 2, NULL, 0, NULL, NULL, E));
  REFUSED("key_lengths", larder_store_put_many(store, abc, 3, NULL, abc, 3, lengths, 2, NULL, 0, NULL, NULL, E));
  REFUSED("values", larder_store_put_many(store, abc, 3, lengths, NULL, 3, lengths, 2, NULL, 0, NULL, NULL, E));
  REFUSED("values", larder_store_put_many(store, abc, 3, lengths, abc, 3, too_short, 2, NULL, 0, NULL, NULL, E));
  REFUSED("value_lengths", larder_store_put_many(store, abc, 3, lengths, abc, 3, NULL, 2, NULL, 0, NULL, NULL, E));
  REFUSED("options", larder_store_put_many(store, abc, 3, lengths, abc, 3, lengths, 2, NULL, 1, NULL, NULL, E));
  larder_put_options_t options[3] = {{.struct_size = sizeof options[0]}, {.struct_size = sizeof options[0]}, {.struct_size = sizeof options[0]}};
  REFUSED("options_count", larder_store_put_many(store, abc, 3, lengths, abc, 3, lengths, 2, options, 3, NULL, NULL, E));
  REFUSED("store", larder_store_remove_many(NULL, abc, 3, lengths, 2, 0, &number, E));
  REFUSED("keys", larder_store_remove_many(store, NULL, 3, lengths, 2, 0, &number, E));
  REFUSED("keys", larder_store_remove_many(store, abc, 3, too_long, 2, 0, &number, E));
  REFUSED("key_lengths", larder_store_remove_many(store, abc, 3, NULL, 2, 0, &number, E));
  REFUSED("timeout_ms", larder_store_remove_many(store, abc, 3, lengths, 2, -1, &number, E));
  REFUSED("store", larder_store_list(NULL, NULL, &records, E));
  REFUSED("records", larder_store_list(store, NULL, NULL, E));
  REFUSED("store", larder_store_clear(NULL, 0, &number, E));
  REFUSED("timeout_ms", larder_store_clear(store, -1, &number, E));
  REFUSED("store", larder_store_size(NULL, 0, &number, E));
  REFUSED("size", larder_store_size(store, 0, NULL, E));
  REFUSED("timeout_ms", larder_store_size(store, -1, &number, E));
  assert_null(records);
  OK(larder_store_size(store, 0, &number, E));
  assert_int_equal(number, 0);
}

static void cursors_and_watches_refuse_null(void **state) {
  (void)state;
  larder_cursor_t *cursor = NULL;
  larder_watch_t *watch = NULL;
  larder_records_t *records = NULL;
  larder_events_t *events = NULL;
  REFUSED("store", larder_store_cursor(NULL, NULL, &cursor, E));
  REFUSED("cursor", larder_store_cursor(store, NULL, NULL, E));
  REFUSED("cursor", larder_cursor_next(NULL, 1, 0, &records, E));
  OK(larder_store_cursor(store, NULL, &cursor, E));
  REFUSED("most", larder_cursor_next(cursor, 0, 0, &records, E));
  REFUSED("records", larder_cursor_next(cursor, 1, 0, NULL, E));
  REFUSED("timeout_ms", larder_cursor_next(cursor, 1, -1, &records, E));
  larder_cursor_free(cursor);
  REFUSED("store", larder_store_watch(NULL, NULL, &watch, E));
  REFUSED("watch", larder_store_watch(store, NULL, NULL, E));
  REFUSED("watch", larder_watch_next(NULL, 1, 0, &events, E));
  OK(larder_store_watch(store, NULL, &watch, E));
  REFUSED("most", larder_watch_next(watch, 0, 0, &events, E));
  REFUSED("events", larder_watch_next(watch, 1, 0, NULL, E));
  REFUSED("callback", larder_watch_start(watch, NULL, NULL, NULL, E));
  REFUSED("watch", larder_watch_close(NULL, E));
  larder_watch_free(watch);
  assert_null(records);
  assert_null(events);
}

static void ignore_events(void *user, const larder_events_t *events) {
  (void)user;
  (void)events;
}

static void ignore_line(void *user, int32_t level, const char *target, const char *message, uint64_t dropped) {
  (void)user;
  (void)level;
  (void)target;
  (void)message;
  (void)dropped;
}

static void count_destroy(void *user) { ++*(int *)user; }

static void a_refused_callback_is_destroyed_once(void **state) {
  (void)state;
  int destroyed = 0;
  REFUSED("watch", larder_watch_start(NULL, ignore_events, &destroyed, count_destroy, E));
  assert_int_equal(destroyed, 1);
  REFUSED("callback", larder_log_start(LARDER_LOG_INFO, NULL, &destroyed, count_destroy, E));
  assert_int_equal(destroyed, 2);
  REFUSED("level", larder_log_start(0, ignore_line, &destroyed, count_destroy, E));
  assert_int_equal(destroyed, 3);
}

static void logs_refuse_null_and_unknown_levels(void **state) {
  (void)state;
  larder_log_t *log = NULL;
  uint8_t line[8];
  REFUSED("log", larder_log_open(LARDER_LOG_INFO, NULL, E));
  REFUSED("level", larder_log_open(0, &log, E));
  REFUSED("level", larder_log_open(5, &log, E));
  assert_null(log);
  REFUSED("log", larder_log_next(NULL, 0, NULL, line, sizeof line, NULL, NULL, E));
  OK(larder_log_open(LARDER_LOG_INFO, &log, E));
  REFUSED("line", larder_log_next(log, 0, NULL, NULL, 8, NULL, NULL, E));
  larder_log_free(log);
}

static void metadata_refuses_null_and_wrong_names(void **state) {
  (void)state;
  uint8_t metadata[64];
  size_t length = 0;
  REFUSED("metadata", larder_metadata_append(NULL, 10, &length, TEXT("name"), VALUE, E));
  REFUSED("length", larder_metadata_append(metadata, sizeof metadata, NULL, TEXT("name"), VALUE, E));
  REFUSED("name", larder_metadata_append(metadata, sizeof metadata, &length, NULL, 1, VALUE, E));
  REFUSED("name", larder_metadata_append(metadata, sizeof metadata, &length, not_utf8, sizeof not_utf8, VALUE, E));
  REFUSED("value", larder_metadata_append(metadata, sizeof metadata, &length, TEXT("name"), NULL, 1, E));
  length = SIZE_MAX - 4;
  REFUSED("length", larder_metadata_append(metadata, sizeof metadata, &length, TEXT("name"), VALUE, E));
}

static void queues_refuse_null_and_requests_that_are_none(void **state) {
  (void)state;
  larder_completion_t completion;
  size_t count = 0;
  int32_t descriptor = -1;
  larder_request_t request = {.struct_size = sizeof request, .id = 1, .operation = LARDER_OPERATION_PING};
  REFUSED("queue", larder_queue_open(0, NULL, E));
  REFUSED("queue", larder_queue_descriptor(NULL, &descriptor, E));
  REFUSED("descriptor", larder_queue_descriptor(queue, NULL, E));
  REFUSED("queue", larder_queue_submit(NULL, &request, 1, &count, E));
  REFUSED("requests", larder_queue_submit(queue, NULL, 1, &count, E));
  REFUSED("store", larder_queue_submit(queue, &request, 1, &count, E));
  request.operation = 0;
  REFUSED("operation", larder_queue_submit(queue, &request, 1, &count, E));
  request.operation = 4711;
  REFUSED("operation", larder_queue_submit(queue, &request, 1, &count, E));
  request.operation = LARDER_OPERATION_CURSOR_NEXT;
  REFUSED("cursor", larder_queue_submit(queue, &request, 1, &count, E));
  request.operation = LARDER_OPERATION_WATCH_NEXT;
  REFUSED("watch", larder_queue_submit(queue, &request, 1, &count, E));
  request.store = store;
  request.operation = LARDER_OPERATION_GET;
  request.key_length = 1;
  REFUSED("key", larder_queue_submit(queue, &request, 1, &count, E));
  request.key = bytes;
  request.timeout_ms = -1;
  REFUSED("timeout_ms", larder_queue_submit(queue, &request, 1, &count, E));
  request.timeout_ms = 0;
  request.operation = LARDER_OPERATION_PUT;
  request.condition = 3;
  REFUSED("condition", larder_queue_submit(queue, &request, 1, &count, E));
  request.operation = LARDER_OPERATION_REMOVE;
  request.condition = LARDER_CONDITION_IF_ABSENT;
  REFUSED("condition", larder_queue_submit(queue, &request, 1, &count, E));
  request.condition = LARDER_CONDITION_ALWAYS;
  request.operation = LARDER_OPERATION_PUT;
  request.value_length = 1;
  REFUSED("value", larder_queue_submit(queue, &request, 1, &count, E));
  request.operation = LARDER_OPERATION_GET_MANY;
  request.count = 1;
  REFUSED("key_lengths", larder_queue_submit(queue, &request, 1, &count, E));
  request.operation = LARDER_OPERATION_PUT_MANY;
  REFUSED("value_lengths", larder_queue_submit(queue, &request, 1, &count, E));
  assert_int_equal(count, 0);
  assert_int_equal(larder_queue_in_flight(queue), 0);
  REFUSED("queue", larder_queue_drain(NULL, &completion, 1, 0, &count, E));
  REFUSED("completions", larder_queue_drain(queue, NULL, 1, 0, &count, E));
  REFUSED("most", larder_queue_drain(queue, &completion, 0, 0, &count, E));
  REFUSED("count", larder_queue_drain(queue, &completion, 1, 0, NULL, E));
  REFUSED("queue", larder_queue_cancel(NULL, 1, E));
  REFUSED("queue", larder_queue_close(NULL, E));
}

/* What a function without a status answers for NULL. */
#define NOTHING(expected, call) (mark_symbol(#call), assert_int_equal((intmax_t)(expected), (intmax_t)(call)))
#define FINE(call) (mark_symbol(#call), (call))

static void functions_without_a_status_have_an_answer_for_null(void **state) {
  (void)state;
  size_t length = 7;
  const uint8_t *value = NULL;
  NOTHING(LARDER_INVALID_ARGUMENT, larder_error_code(NULL));
  assert_string_equal(larder_error_message(NULL), "");
  assert_string_equal(larder_error_source(NULL), "");
  NOTHING(0, larder_error_retryable(NULL));
  assert_non_null(larder_bytes_data(NULL, &length));
  assert_int_equal(length, 0);
  NOTHING(0, larder_store_is_immediate(NULL));
  NOTHING(0, larder_record_revision(NULL));
  NOTHING(-1, larder_record_expires_in_ms(NULL));
  NOTHING(-1, larder_record_max_idle_ms(NULL));
  assert_null(larder_record_key(NULL, &length));
  assert_null(larder_record_value(NULL, &length));
  assert_null(larder_record_metadata(NULL, &length));
  assert_int_equal(length, 0);
  assert_null(larder_record_value(NULL, NULL));
  NOTHING(LARDER_INVALID_ARGUMENT, larder_record_metadata_get(NULL, TEXT("name"), &value, &length));
  assert_null(larder_record_retain(NULL));
  NOTHING(0, larder_records_count(NULL));
  assert_null(larder_records_at(NULL, 0));
  length = 7;
  assert_null(larder_records_flat(NULL, &length));
  assert_int_equal(length, 0);
  NOTHING(0, larder_events_count(NULL));
  NOTHING(0, larder_events_kind(NULL, 0));
  NOTHING(0, larder_events_initial(NULL, 0));
  NOTHING(0, larder_events_lost(NULL, 0));
  assert_null(larder_events_record(NULL, 0));
  assert_null(larder_events_flat(NULL, &length));
  NOTHING(0, larder_queue_in_flight(NULL));
  NOTHING(LARDER_ABI_VERSION, larder_abi_version());
  assert_string_equal(larder_status_name(LARDER_NOT_FOUND), "NOT_FOUND");
  assert_string_equal(larder_status_name(-9999), "INTERNAL");
  assert_string_equal(larder_status_name(9999), "UNKNOWN");
  assert_string_not_equal(larder_status_text(-9999), "");
  assert_in_range(larder_version()[0], '0', '9');
}

static void freeing_null_is_fine(void **state) {
  (void)state;
  FINE(larder_error_free(NULL));
  FINE(larder_bytes_free(NULL));
  FINE(larder_free(NULL));
  FINE(larder_store_free(NULL));
  FINE(larder_record_free(NULL));
  FINE(larder_records_free(NULL));
  FINE(larder_cursor_free(NULL));
  FINE(larder_watch_free(NULL));
  FINE(larder_events_free(NULL));
  FINE(larder_queue_free(NULL));
  FINE(larder_log_close(NULL));
  FINE(larder_log_free(NULL));
  FINE(larder_log_stop());
}

static void an_error_is_optional_everywhere(void **state) {
  (void)state;
  assert_int_equal(larder_open(NULL, 5, NULL, NULL), LARDER_INVALID_ARGUMENT);
  assert_int_equal(larder_store_ping(NULL, 0, NULL), LARDER_INVALID_ARGUMENT);
  assert_int_equal(larder_store_get(store, KEY, 0, NULL, NULL), LARDER_INVALID_ARGUMENT);
  assert_int_equal(larder_queue_submit(queue, NULL, 1, NULL, NULL), LARDER_INVALID_ARGUMENT);
}

static void an_error_is_reset_by_a_call_that_does_not_fail(void **state) {
  (void)state;
  larder_error_t *error = (larder_error_t *)(uintptr_t)0x10;
  assert_int_equal(larder_store_ping(store, 0, &error), LARDER_OK);
  assert_null(error);
  error = (larder_error_t *)(uintptr_t)0x10;
  assert_int_equal(larder_store_contains(store, KEY, 0, &error), LARDER_NOT_FOUND);
  assert_null(error);
}

static void no_exported_function_was_forgotten(void **state) {
  (void)state;
  /* Called above inside an assertion, or without arguments that could be null. */
  static const char *const others[] = {
      "larder_error_message", "larder_error_source", "larder_bytes_data", "larder_record_key", "larder_record_value",
      "larder_record_metadata", "larder_record_retain", "larder_records_at", "larder_records_flat",
      "larder_events_record", "larder_events_flat", "larder_status_name", "larder_status_text", "larder_version",
      "larder_fault_arm_panic", NULL};
  expect_all_symbols_marked(others);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_larder_refuses_null_and_what_is_not_utf8),
      cmocka_unit_test(calls_on_one_record_refuse_null),
      cmocka_unit_test(calls_on_many_records_refuse_null_and_lengths_that_do_not_add_up),
      cmocka_unit_test(cursors_and_watches_refuse_null),
      cmocka_unit_test(a_refused_callback_is_destroyed_once),
      cmocka_unit_test(logs_refuse_null_and_unknown_levels),
      cmocka_unit_test(metadata_refuses_null_and_wrong_names),
      cmocka_unit_test(queues_refuse_null_and_requests_that_are_none),
      cmocka_unit_test(functions_without_a_status_have_an_answer_for_null),
      cmocka_unit_test(freeing_null_is_fine),
      cmocka_unit_test(an_error_is_optional_everywhere),
      cmocka_unit_test(an_error_is_reset_by_a_call_that_does_not_fail),
      cmocka_unit_test(no_exported_function_was_forgotten),
  };
  return cmocka_run_group_tests_name("arguments", tests, open_all, free_all);
}
