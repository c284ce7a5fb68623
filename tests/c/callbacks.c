/* Callbacks that block, call back into Larder, or outlive what they were started on; destroy is called exactly once. */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct {
  const larder_store_t *store;
  const larder_queue_t *queue;
  const larder_watch_t *watch;
  atomic_int called, destroyed, after_destroy;
  atomic_int peek, get, drain, submit, watch_next, close;
  atomic_int hold;
} host_t;

static void wait_until(atomic_int *value, int expected) {
  for (int64_t end = now_ms() + 20000; atomic_load(value) < expected && now_ms() < end;) sleep_ms(1);
  assert_true(atomic_load(value) >= expected);
}

static void on_destroy(void *user) { atomic_fetch_add(&((host_t *)user)->destroyed, 1); }

/* Calls back into Larder in every way, and keeps what each answers. */
static void call_back(void *user, const larder_events_t *events) {
  host_t *host = user;
  if (atomic_load(&host->destroyed)) atomic_store(&host->after_destroy, 1);
  uint8_t value[8];
  size_t count = 0;
  larder_completion_t completion;
  larder_events_t *more = NULL;
  larder_request_t request = {.struct_size = sizeof request, .id = 1, .operation = LARDER_OPERATION_PING, .store = host->store};
  if (larder_events_count(events) == 0) abort();
  atomic_store(&host->peek, larder_store_peek(host->store, TEXT("k"), value, sizeof value, NULL, NULL, NULL));
  atomic_store(&host->get, larder_store_get_into(host->store, TEXT("k"), 0, value, sizeof value, NULL, NULL, NULL));
  atomic_store(&host->submit, larder_queue_submit(host->queue, &request, 1, NULL, NULL));
  atomic_store(&host->drain, larder_queue_drain(host->queue, &completion, 1, -1, &count, NULL));
  atomic_store(&host->watch_next, larder_watch_next(host->watch, 1, -1, &more, NULL));
  atomic_store(&host->close, larder_watch_close(host->watch, NULL));
  atomic_fetch_add(&host->called, 1);
}

static void a_callback_may_ask_what_needs_no_wait_and_is_refused_the_rest(void **state) {
  (void)state;
  larder_t *larder = open_larder("fault://");
  larder_store_t *store = open_store(larder);
  larder_queue_t *queue = NULL;
  larder_watch_t *watch = NULL, *other = NULL;
  OK(larder_queue_open(0, &queue, E));
  OK(larder_store_watch(store, NULL, &watch, E));
  OK(larder_store_watch(store, NULL, &other, E));
  larder_watch_options_t none = {.struct_size = sizeof none, .prefix = (const uint8_t *)"nothing", .prefix_length = 7};
  larder_watch_free(other);
  OK(larder_store_watch(store, &none, &other, E));
  host_t host = {.store = store, .queue = queue, .watch = other};
  OK(larder_watch_start(watch, call_back, &host, on_destroy, E));
  put_text(store, "k", "v");
  wait_until(&host.called, 1);
  assert_int_equal(host.peek, LARDER_PENDING);
  assert_int_equal(host.get, LARDER_WOULD_DEADLOCK);
  assert_int_equal(host.submit, LARDER_OK);
  assert_int_equal(host.watch_next, LARDER_WOULD_DEADLOCK);
  assert_int_equal(host.close, LARDER_OK);
  assert_true(host.drain == LARDER_WOULD_DEADLOCK || host.drain == LARDER_OK);
  OK(larder_watch_close(watch, E));
  wait_until(&host.destroyed, 1);
  larder_watch_free(watch);
  larder_watch_free(other);
  larder_queue_free(queue);
  larder_store_free(store);
  larder_free(larder);
  sleep_ms(50);
  assert_int_equal(host.destroyed, 1);
  assert_int_equal(host.after_destroy, 0);
}

static void on_memory(void *user, const larder_events_t *events) {
  (void)events;
  host_t *host = user;
  uint8_t value[8];
  atomic_store(&host->get, larder_store_get_into(host->store, TEXT("k"), 0, value, sizeof value, NULL, NULL, NULL));
  atomic_fetch_add(&host->called, 1);
}

static void a_callback_may_use_a_store_that_answers_at_once(void **state) {
  (void)state;
  larder_t *larder = open_larder("memory://");
  larder_store_t *store = open_store(larder);
  larder_watch_t *watch = NULL;
  OK(larder_store_watch(store, NULL, &watch, E));
  host_t host = {.store = store};
  OK(larder_watch_start(watch, on_memory, &host, on_destroy, E));
  put_text(store, "k", "v");
  wait_until(&host.called, 1);
  assert_int_equal(host.get, LARDER_OK);
  larder_watch_free(watch);
  wait_until(&host.destroyed, 1);
  larder_store_free(store);
  larder_free(larder);
}

static void block(void *user, const larder_events_t *events) {
  (void)events;
  host_t *host = user;
  atomic_fetch_add(&host->called, 1);
  while (atomic_load(&host->hold)) sleep_ms(1);
}

static void a_callback_that_blocks_holds_up_nobody_else(void **state) {
  (void)state;
  larder_t *larder = open_larder("fault://");
  larder_store_t *store = open_store(larder);
  larder_watch_t *blocked = NULL, *free_one = NULL;
  OK(larder_store_watch(store, NULL, &blocked, E));
  OK(larder_store_watch(store, NULL, &free_one, E));
  host_t slow = {.hold = 1}, quick = {.hold = 0};
  OK(larder_watch_start(blocked, block, &slow, on_destroy, E));
  OK(larder_watch_start(free_one, block, &quick, on_destroy, E));
  put_text(store, "a", "1");
  wait_until(&slow.called, 1);
  wait_until(&quick.called, 1);
  for (int i = 0; i < 100; i++) put_text(store, "a", "1");
  expect_text(store, "a", "1");
  /* Neither close nor free waits for the callback. */
  OK(larder_watch_close(blocked, E));
  larder_watch_free(blocked);
  OK(larder_close(larder, 1000, E));
  larder_free(larder);
  assert_int_equal(slow.destroyed, 0);
  atomic_store(&slow.hold, 0);
  wait_until(&slow.destroyed, 1);
  wait_until(&quick.destroyed, 1);
  assert_int_equal(slow.called, 1);
  larder_watch_free(free_one);
  larder_store_free(store);
  sleep_ms(20);
  assert_int_equal(slow.destroyed, 1);
  assert_int_equal(quick.destroyed, 1);
}

static void on_line(void *user, int32_t level, const char *target, const char *message, uint64_t dropped) {
  host_t *host = user;
  if (level != LARDER_LOG_INFO || strlen(target) == 0 || strlen(message) == 0 || dropped != 0) abort();
  /* Opening a larder writes a line: this must not wait for itself. */
  atomic_fetch_add(&host->called, 1);
}

static void log_lines_come_to_a_callback_until_it_is_stopped(void **state) {
  (void)state;
  host_t host = {0};
  OK(larder_log_start(LARDER_LOG_INFO, on_line, &host, on_destroy, E));
  larder_free(open_larder("memory://"));
  wait_until(&host.called, 2);
  larder_log_stop();
  larder_log_stop();
  wait_until(&host.destroyed, 1);
  int called = host.called;
  larder_free(open_larder("memory://"));
  sleep_ms(20);
  assert_int_equal(host.called, called);
  assert_int_equal(host.destroyed, 1);
}

static void log_lines_come_by_call_and_are_cut_at_a_character(void **state) {
  (void)state;
  larder_log_t *log = NULL, *newer = NULL;
  OK(larder_log_open(LARDER_LOG_DEBUG, &log, E));
  uint8_t line[64];
  size_t length = 0;
  int32_t level = 0;
  uint64_t dropped = 7;
  EXPECT(LARDER_NOT_FOUND, larder_log_next(log, 0, &level, line, sizeof line, &length, &dropped, E));
  larder_free(open_larder("memory://"));
  OK(larder_log_next(log, -1, &level, line, sizeof line, &length, &dropped, E));
  assert_int_equal(level, LARDER_LOG_INFO);
  assert_int_equal(dropped, 0);
  assert_memory_equal(line, "larder: ", 8);
  OK(larder_log_next(log, -1, NULL, line, 3, &length, NULL, E));
  assert_int_equal(length, 3);
  OK(larder_log_open(LARDER_LOG_ERROR, &newer, E));
  EXPECT(LARDER_CLOSED, larder_log_next(log, -1, NULL, line, sizeof line, NULL, NULL, E));
  larder_log_close(newer);
  EXPECT(LARDER_CLOSED, larder_log_next(newer, -1, NULL, line, sizeof line, NULL, NULL, E));
  larder_log_free(newer);
  larder_log_free(log);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_callback_may_ask_what_needs_no_wait_and_is_refused_the_rest),
      cmocka_unit_test(a_callback_may_use_a_store_that_answers_at_once),
      cmocka_unit_test(a_callback_that_blocks_holds_up_nobody_else),
      cmocka_unit_test(log_lines_come_to_a_callback_until_it_is_stopped),
      cmocka_unit_test(log_lines_come_by_call_and_are_cut_at_a_character),
  };
  return cmocka_run_group_tests_name("callbacks", tests, NULL, NULL);
}
