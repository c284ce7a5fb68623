/* Watches as C programs read them: by call, flat, from another thread. */
#include "support.h"

#include <pthread.h>

static void a_watch_waits_no_longer_than_it_is_told(void **state) {
  (void)state;
  larder_t *larder = open_larder("memory://");
  larder_store_t *store = open_store(larder);
  larder_watch_t *watch = NULL;
  larder_events_t *events = (larder_events_t *)(uintptr_t)0x10;
  OK(larder_store_watch(store, NULL, &watch, E));
  EXPECT(LARDER_NOT_FOUND, larder_watch_next(watch, 1, 0, &events, E));
  assert_null(events);
  int64_t begin = now_ms();
  EXPECT(LARDER_NOT_FOUND, larder_watch_next(watch, 1, 50, &events, E));
  assert_in_range(now_ms() - begin, 45, 20000);
  larder_watch_free(watch);
  larder_store_free(store);
  larder_free(larder);
}

static void events_have_kind_record_and_a_flat_form(void **state) {
  (void)state;
  larder_t *larder = open_larder("memory://");
  larder_store_t *store = open_store(larder);
  put_text(store, "a", "1");
  larder_watch_options_t options = {.struct_size = sizeof options, .start = LARDER_WATCH_EXISTING};
  larder_watch_t *watch = NULL;
  larder_events_t *events = NULL;
  OK(larder_store_watch(store, &options, &watch, E));
  OK(larder_watch_next(watch, 1, -1, &events, E));
  assert_int_equal(larder_events_count(events), 1);
  assert_int_equal(larder_events_kind(events, 0), LARDER_EVENT_CREATED);
  assert_int_equal(larder_events_initial(events, 0), 1);
  assert_int_equal(larder_events_kind(events, 1), 0);
  const larder_record_t *kept = larder_record_retain(larder_events_record(events, 0));
  size_t length = 0;
  const uint8_t *flat = larder_events_flat(events, &length);
  assert_int_equal(length, 56);
  assert_int_equal(flat[4], 1);
  assert_int_equal(flat[6], LARDER_EVENT_CREATED);
  assert_int_equal(flat[7], 1);
  assert_memory_equal(flat + 48, "a1", 2);
  larder_events_free(events);
  assert_memory_equal(larder_record_key(kept, NULL), "a", 1);
  larder_record_free(kept);
  OK(larder_watch_next(watch, 1, -1, &events, E));
  assert_int_equal(larder_events_kind(events, 0), LARDER_EVENT_CURRENT);
  assert_null(larder_events_record(events, 0));
  larder_events_free(events);
  larder_watch_free(watch);
  larder_store_free(store);
  larder_free(larder);
}

static void *wait_for_the_end(void *argument) {
  larder_events_t *events = NULL;
  int32_t status = larder_watch_next(argument, 1, -1, &events, NULL);
  return (void *)(intptr_t)status;
}

static void closing_a_watch_its_store_or_its_larder_ends_a_waiting_read(void **state) {
  (void)state;
  static const char *const configs[] = {"memory://", "fault://", "noop://"};
  for (int i = 0; i < 6; i++) {
    larder_t *larder = open_larder(configs[i % 3]);
    larder_store_t *store = open_store(larder);
    larder_watch_t *watch = NULL;
    OK(larder_store_watch(store, NULL, &watch, E));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_the_end, watch), 0);
    sleep_ms(20);
    if (i < 3) {
      OK(larder_watch_close(watch, E));
      OK(larder_watch_close(watch, E));
    } else {
      OK(larder_close(larder, 1000, E));
    }
    void *status = NULL;
    pthread_join(thread, &status);
    assert_int_equal((intptr_t)status, LARDER_CLOSED);
    larder_watch_free(watch);
    larder_store_free(store);
    larder_free(larder);
  }
}

static void a_slow_reader_is_told_how_much_it_lost(void **state) {
  (void)state;
  larder_t *larder = open_larder("memory://");
  larder_store_t *store = open_store(larder);
  larder_watch_options_t options = {.struct_size = sizeof options, .capacity = 4};
  larder_watch_t *watch = NULL;
  larder_events_t *events = NULL;
  OK(larder_store_watch(store, &options, &watch, E));
  for (int i = 0; i < 10; i++) put_text(store, "k", "v");
  uint64_t told = 0, lost = 0;
  while (larder_watch_next(watch, 64, 50, &events, NULL) == LARDER_OK) {
    for (size_t i = 0; i < larder_events_count(events); i++) {
      if (larder_events_kind(events, i) == LARDER_EVENT_LOST) lost += larder_events_lost(events, i);
      else told++;
    }
    larder_events_free(events);
  }
  assert_in_range(told, 1, 5);
  assert_int_equal(told + lost, 10);
  larder_watch_free(watch);
  larder_store_free(store);
  larder_free(larder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_watch_waits_no_longer_than_it_is_told),
      cmocka_unit_test(events_have_kind_record_and_a_flat_form),
      cmocka_unit_test(closing_a_watch_its_store_or_its_larder_ends_a_waiting_read),
      cmocka_unit_test(a_slow_reader_is_told_how_much_it_lost),
  };
  return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
