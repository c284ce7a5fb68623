/* The completion queue: each accepted request gets exactly one completion, however it ends. */
#include "support.h"

#include <poll.h>
#include <unistd.h>

static larder_t *larder;
static larder_store_t *store;

static int open_fault(void **state) {
  (void)state;
  larder = open_larder("fault://");
  store = open_store(larder);
  return 0;
}

static int open_memory(void **state) {
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

static larder_queue_t *open_queue(size_t capacity) {
  larder_queue_t *queue = NULL;
  OK(larder_queue_open(capacity, &queue, E));
  return queue;
}

static larder_request_t request_of(uint64_t id, uint32_t operation, const char *key) {
  return (larder_request_t){.struct_size = sizeof(larder_request_t), .id = id, .operation = operation, .store = store,
                            .key = (const uint8_t *)key, .key_length = key ? strlen(key) : 0};
}

static void free_completion(larder_completion_t *completion) {
  larder_record_free(completion->record);
  larder_records_free(completion->records);
  larder_events_free(completion->events);
  larder_cursor_free(completion->cursor);
  larder_watch_free(completion->watch);
  larder_bytes_free(completion->bytes);
  larder_error_free(completion->error);
}

/* The one completion that is in flight. */
static larder_completion_t take(const larder_queue_t *queue) {
  larder_completion_t completion;
  size_t count = 0;
  OK(larder_queue_drain(queue, &completion, 1, 20000, &count, E));
  assert_int_equal(count, 1);
  assert_int_equal((completion.status < 0), completion.error != NULL);
  if (completion.error) assert_int_equal(larder_error_code(completion.error), completion.status);
  return completion;
}

static larder_completion_t answer(const larder_queue_t *queue, const larder_request_t *request) {
  size_t accepted = 0;
  OK(larder_queue_submit(queue, request, 1, &accepted, E));
  assert_int_equal(accepted, 1);
  larder_completion_t completion = take(queue);
  assert_int_equal(completion.id, request->id);
  assert_int_equal(completion.operation, request->operation);
  return completion;
}

static void expect_answer(const larder_queue_t *queue, int32_t status, const larder_request_t *request) {
  larder_completion_t completion = answer(queue, request);
  assert_int_equal(completion.status, status);
  free_completion(&completion);
}

static void every_operation_answers_as_its_blocking_call_does(void **state) {
  (void)state;
  larder_queue_t *queue = open_queue(0);
  static const uint32_t lengths[] = {1, 1};
  larder_put_options_t options = {.struct_size = sizeof options, .lifespan_ms = 60000};
  larder_request_t put = request_of(1, LARDER_OPERATION_PUT, "k");
  put.value = (const uint8_t *)"value";
  put.value_length = 5;
  put.put = &options;
  larder_completion_t done = answer(queue, &put);
  assert_int_equal(done.status, LARDER_OK);
  uint64_t revision = done.number;
  assert_int_not_equal(revision, 0);

  larder_request_t get = request_of(2, LARDER_OPERATION_GET, "k");
  done = answer(queue, &get);
  assert_int_equal(done.status, LARDER_OK);
  assert_int_equal(done.number, revision);
  assert_memory_equal(larder_record_value(done.record, NULL), "value", 5);
  assert_in_range(larder_record_expires_in_ms(done.record), 1, 60000);
  free_completion(&done);
  larder_request_t get_value = request_of(2, LARDER_OPERATION_GET_VALUE, "k");
  done = answer(queue, &get_value);
  assert_int_equal(done.status, LARDER_OK);
  assert_int_equal(done.number, revision);
  assert_memory_equal(larder_record_value(done.record, NULL), "value", 5);
  free_completion(&done);
  for (size_t place = 0; place < 2; place++) {
    larder_request_t *absent = place == 0 ? &get : &get_value;
    absent->key = (const uint8_t *)"x";
    expect_answer(queue, LARDER_NOT_FOUND, absent);
  }
  larder_request_t get_values = request_of(2, LARDER_OPERATION_GET_VALUES, "kx");
  get_values.key_lengths = lengths;
  get_values.count = 2;
  done = answer(queue, &get_values);
  assert_int_equal(done.status, LARDER_OK);
  assert_int_equal(larder_records_count(done.records), 2);
  assert_memory_equal(larder_record_value(larder_records_at(done.records, 0), NULL), "value", 5);
  assert_null(larder_records_at(done.records, 1));
  free_completion(&done);

  put.condition = LARDER_CONDITION_IF_ABSENT;
  done = answer(queue, &put);
  assert_int_equal(done.status, LARDER_CONFLICT);
  assert_int_equal(done.number, revision);
  put.condition = LARDER_CONDITION_IF_REVISION;
  put.revision = revision;
  done = answer(queue, &put);
  assert_int_equal(done.status, LARDER_OK);
  assert_true(done.number > revision);

  larder_request_t contains = request_of(3, LARDER_OPERATION_CONTAINS, "k");
  expect_answer(queue, LARDER_OK, &contains);
  larder_request_t touch = request_of(4, LARDER_OPERATION_TOUCH, "k");
  touch.put = &options;
  expect_answer(queue, LARDER_OK, &touch);

  larder_request_t many = request_of(5, LARDER_OPERATION_PUT_MANY, "ab");
  many.key_lengths = lengths;
  many.value = (const uint8_t *)"12";
  many.value_length = 2;
  many.value_lengths = lengths;
  many.count = 2;
  done = answer(queue, &many);
  assert_int_equal(done.status, LARDER_OK);
  size_t length = 0;
  const uint8_t *outcomes = larder_bytes_data(done.bytes, &length);
  assert_int_equal(length, 32);
  assert_int_equal(outcomes[0], 0);
  assert_int_not_equal(outcomes[24], 0);
  free_completion(&done);

  many = request_of(6, LARDER_OPERATION_GET_MANY, "ax");
  many.key_lengths = lengths;
  many.count = 2;
  done = answer(queue, &many);
  assert_int_equal(larder_records_count(done.records), 2);
  assert_non_null(larder_records_at(done.records, 0));
  assert_null(larder_records_at(done.records, 1));
  free_completion(&done);

  larder_list_options_t filter = {.struct_size = sizeof filter, .limit = 2};
  larder_request_t list = request_of(7, LARDER_OPERATION_LIST, NULL);
  list.list = &filter;
  done = answer(queue, &list);
  assert_int_equal(larder_records_count(done.records), 2);
  free_completion(&done);

  larder_request_t cursor = request_of(8, LARDER_OPERATION_CURSOR, NULL);
  done = answer(queue, &cursor);
  larder_cursor_t *pages = done.cursor;
  larder_request_t next = {.struct_size = sizeof next, .id = 9, .operation = LARDER_OPERATION_CURSOR_NEXT, .cursor = pages, .most = 2};
  done = answer(queue, &next);
  assert_int_equal(larder_records_count(done.records), 2);
  free_completion(&done);
  expect_answer(queue, LARDER_OK, &next);
  expect_answer(queue, LARDER_NOT_FOUND, &next);
  larder_cursor_free(pages);

  larder_request_t watch = request_of(10, LARDER_OPERATION_WATCH, NULL);
  done = answer(queue, &watch);
  larder_watch_t *watching = done.watch;
  larder_request_t event = {.struct_size = sizeof event, .id = 11, .operation = LARDER_OPERATION_WATCH_NEXT, .watch = watching, .most = 4};
  OK(larder_queue_submit(queue, &event, 1, NULL, E));
  assert_int_equal(larder_queue_in_flight(queue), 1);
  larder_request_t remove = request_of(12, LARDER_OPERATION_REMOVE, "k");
  OK(larder_queue_submit(queue, &remove, 1, NULL, E));
  for (int i = 0; i < 2; i++) {
    done = take(queue);
    assert_int_equal(done.status, LARDER_OK);
    if (done.id == 11) assert_int_equal(larder_events_kind(done.events, 0), LARDER_EVENT_REMOVED);
    free_completion(&done);
  }
  OK(larder_watch_close(watching, E));
  expect_answer(queue, LARDER_CLOSED, &event);
  larder_watch_free(watching);

  many.operation = LARDER_OPERATION_REMOVE_MANY;
  done = answer(queue, &many);
  assert_int_equal(done.number, 1);
  larder_request_t size = request_of(13, LARDER_OPERATION_SIZE, NULL);
  done = answer(queue, &size);
  assert_int_equal(done.number, 1);
  larder_request_t clear = request_of(14, LARDER_OPERATION_CLEAR, NULL);
  done = answer(queue, &clear);
  assert_int_equal(done.number, 1);
  larder_request_t ping = request_of(15, LARDER_OPERATION_PING, NULL);
  expect_answer(queue, LARDER_OK, &ping);
  larder_request_t statistics = request_of(16, LARDER_OPERATION_STATISTICS, NULL);
  done = answer(queue, &statistics);
  larder_statistics_t counted;
  assert_memory_equal(memcpy(&counted, larder_bytes_data(done.bytes, &length), sizeof counted), &counted, 1);
  assert_int_equal(length, sizeof counted);
  assert_int_equal(counted.puts, 4);
  assert_int_equal(counted.entries, 0);
  free_completion(&done);
  larder_queue_free(queue);
}

static void faults_become_completions(void **state) {
  (void)state;
  larder_queue_t *queue = open_queue(0);
  larder_request_t get = request_of(1, LARDER_OPERATION_GET, "error:UNAVAILABLE:k");
  larder_completion_t done = answer(queue, &get);
  assert_int_equal(done.status, LARDER_UNAVAILABLE);
  assert_int_equal(larder_error_retryable(done.error), 1);
  free_completion(&done);
  get = request_of(1, LARDER_OPERATION_GET, "panic:k");
  expect_answer(queue, LARDER_PANIC, &get);
  get = request_of(1, LARDER_OPERATION_GET, "never:k");
  get.timeout_ms = 20;
  expect_answer(queue, LARDER_TIMEOUT, &get);
  get = request_of(1, LARDER_OPERATION_GET, "delay:20:k");
  expect_answer(queue, LARDER_NOT_FOUND, &get);
  larder_queue_free(queue);
}

enum { MANY = 1000 };

static void a_batch_of_a_thousand_is_drained_in_batches(void **state) {
  (void)state;
  larder_queue_t *queue = open_queue(0);
  static larder_request_t requests[MANY];
  static uint8_t seen[MANY];
  memset(seen, 0, sizeof seen);
  for (size_t i = 0; i < MANY; i++) requests[i] = request_of(i, LARDER_OPERATION_PING, NULL);
  size_t accepted = 0;
  OK(larder_queue_submit(queue, requests, MANY, &accepted, E));
  assert_int_equal(accepted, MANY);
  larder_completion_t completions[64];
  for (size_t left = MANY; left > 0;) {
    size_t count = 0;
    OK(larder_queue_drain(queue, completions, 64, 20000, &count, E));
    assert_in_range(count, 1, left);
    for (size_t i = 0; i < count; i++) {
      assert_int_equal(seen[completions[i].id]++, 0);
      free_completion(&completions[i]);
    }
    left -= count;
  }
  assert_int_equal(larder_queue_in_flight(queue), 0);
  larder_queue_free(queue);
}

static void the_requests_before_a_refused_one_are_accepted(void **state) {
  (void)state;
  larder_queue_t *queue = open_queue(0);
  larder_request_t requests[3] = {request_of(1, LARDER_OPERATION_PING, NULL), request_of(2, 99, NULL),
                                  request_of(3, LARDER_OPERATION_PING, NULL)};
  size_t accepted = 7;
  REFUSED("operation", larder_queue_submit(queue, requests, 3, &accepted, E));
  assert_int_equal(accepted, 1);
  larder_completion_t done = take(queue);
  assert_int_equal(done.id, 1);
  size_t count = 7;
  OK(larder_queue_drain(queue, &done, 1, 50, &count, E));
  assert_int_equal(count, 0);
  larder_queue_free(queue);
}

static void a_full_queue_is_busy_until_it_is_drained(void **state) {
  (void)state;
  larder_queue_t *queue = open_queue(2);
  larder_request_t requests[3] = {request_of(1, LARDER_OPERATION_PING, NULL), request_of(2, LARDER_OPERATION_PING, NULL),
                                  request_of(3, LARDER_OPERATION_PING, NULL)};
  size_t accepted = 0;
  EXPECT(LARDER_BUSY, larder_queue_submit(queue, requests, 3, &accepted, E));
  assert_int_equal(accepted, 2);
  take(queue);
  OK(larder_queue_submit(queue, &requests[2], 1, &accepted, E));
  take(queue);
  take(queue);
  larder_queue_free(queue);
}

static void an_id_in_flight_is_refused_and_free_again_afterwards(void **state) {
  (void)state;
  larder_queue_t *queue = open_queue(0);
  larder_request_t never = request_of(7, LARDER_OPERATION_GET, "never:k");
  OK(larder_queue_submit(queue, &never, 1, NULL, E));
  REFUSED("id", larder_queue_submit(queue, &never, 1, NULL, E));
  OK(larder_queue_cancel(queue, 7, E));
  EXPECT(LARDER_NOT_FOUND, larder_queue_cancel(queue, 7, E));
  larder_completion_t done = take(queue);
  assert_int_equal(done.status, LARDER_CANCELLED);
  free_completion(&done);
  larder_request_t ping = request_of(7, LARDER_OPERATION_PING, NULL);
  expect_answer(queue, LARDER_OK, &ping);
  larder_queue_free(queue);
}

/* The address sanitizer tells whether the library reads a value after it was given back. */
static void a_value_may_be_lent_until_its_request_completes(void **state) {
  (void)state;
  enum { LENGTH = 16 << 10 };
  static const char *const keys[] = {"k", "delay:5:k", "never:k", "never:k"};
  for (int round = 0; round < 4; round++) {
    larder_queue_t *queue = open_queue(0);
    uint8_t *value = malloc(LENGTH);
    assert_non_null(value);
    memset(value, 'v', LENGTH);
    larder_request_t put = request_of(1, LARDER_OPERATION_PUT, keys[round]);
    put.value = value;
    put.value_length = LENGTH;
    put.flags = LARDER_REQUEST_LENDS_VALUE;
    OK(larder_queue_submit(queue, &put, 1, NULL, E));
    if (round == 2) OK(larder_queue_cancel(queue, 1, E));
    if (round == 3) OK(larder_queue_close(queue, E));
    larder_completion_t done = take(queue);
    free(value);
    const int32_t expected[] = {LARDER_OK, LARDER_OK, LARDER_CANCELLED, LARDER_CLOSED};
    assert_int_equal(done.status, expected[round]);
    free_completion(&done);
    larder_queue_free(queue);
  }
}

static void flags_that_a_request_does_not_have_are_refused(void **state) {
  (void)state;
  larder_queue_t *queue = open_queue(0);
  larder_request_t get = request_of(1, LARDER_OPERATION_GET, "k");
  get.flags = LARDER_REQUEST_LENDS_VALUE;
  REFUSED("requests.flags", larder_queue_submit(queue, &get, 1, NULL, E));
  larder_request_t put = request_of(1, LARDER_OPERATION_PUT, "k");
  put.flags = 2;
  REFUSED("requests.flags", larder_queue_submit(queue, &put, 1, NULL, E));
  larder_queue_free(queue);
}

static int readable(int descriptor, int wait_ms) {
  struct pollfd entry = {.fd = descriptor, .events = POLLIN};
  return poll(&entry, 1, wait_ms) == 1;
}

static void the_descriptor_is_readable_while_completions_wait(void **state) {
  (void)state;
  larder_queue_t *queue = open_queue(0);
  int32_t descriptor = -1, again = -1;
  OK(larder_queue_descriptor(queue, &descriptor, E));
  OK(larder_queue_descriptor(queue, &again, E));
  assert_int_equal(descriptor, again);
  assert_false(readable(descriptor, 0));
  for (uint64_t i = 0; i < 100; i++) {
    larder_request_t ping = request_of(i, LARDER_OPERATION_PING, NULL);
    OK(larder_queue_submit(queue, &ping, 1, NULL, E));
    assert_true(readable(descriptor, 20000));
    uint64_t number = 0;
    if (i % 2) assert_int_equal(read(descriptor, &number, sizeof number), sizeof number);
    take(queue);
    assert_false(readable(descriptor, 0));
  }
  OK(larder_queue_close(queue, E));
  assert_true(readable(descriptor, 0));
  larder_queue_free(queue);
}

static void the_descriptor_stays_readable_when_only_a_part_was_drained(void **state) {
  (void)state;
  larder_queue_t *queue = open_queue(0);
  int32_t descriptor = -1;
  uint64_t number = 0;
  OK(larder_queue_descriptor(queue, &descriptor, E));
  for (uint64_t id = 0; id < 3; id++) {
    larder_request_t ping = request_of(id, LARDER_OPERATION_PING, NULL);
    OK(larder_queue_submit(queue, &ping, 1, NULL, E));
  }
  assert_true(readable(descriptor, 20000));
  assert_int_equal(read(descriptor, &number, sizeof number), sizeof number);
  take(queue);
  assert_true(readable(descriptor, 20000));
  take(queue);
  assert_true(readable(descriptor, 20000));
  take(queue);
  assert_false(readable(descriptor, 0));
  larder_queue_free(queue);
}

static void an_id_may_be_used_again_and_again(void **state) {
  (void)state;
  larder_queue_t *queue = open_queue(0);
  for (int round = 0; round < 200; round++) {
    larder_request_t slow = request_of(7, LARDER_OPERATION_GET, "delay:1:k"), never = request_of(7, LARDER_OPERATION_GET, "never:k");
    OK(larder_queue_submit(queue, &slow, 1, NULL, E));
    if (round % 2) sleep_ms(1);
    int32_t cancelled = larder_queue_cancel(queue, 7, NULL);
    larder_completion_t done = take(queue);
    assert_int_equal(done.status, cancelled == LARDER_OK ? LARDER_CANCELLED : LARDER_NOT_FOUND);
    free_completion(&done);
    /* What the first was answered late is not the answer of the second. */
    never.timeout_ms = 3;
    expect_answer(queue, LARDER_TIMEOUT, &never);
  }
  larder_queue_free(queue);
}

static void expect_each_closed_once(larder_queue_t *queue) {
  static uint8_t seen[MANY];
  memset(seen, 0, sizeof seen);
  for (int i = 0; i < MANY; i++) {
    larder_completion_t done = take(queue);
    assert_int_equal(done.status, LARDER_CLOSED);
    assert_int_equal(seen[done.id]++, 0);
    free_completion(&done);
  }
}

static void submit_many_that_never_answer(const larder_queue_t *queue) {
  static larder_request_t requests[MANY];
  for (size_t i = 0; i < MANY; i++) requests[i] = request_of(i, LARDER_OPERATION_GET, "never:k");
  OK(larder_queue_submit(queue, requests, MANY, NULL, E));
  assert_in_range(larder_queue_in_flight(queue), MANY, MANY + 1);
}

static void closing_a_queue_completes_each_request_in_flight_once_with_closed(void **state) {
  (void)state;
  larder_queue_t *queue = open_queue(0);
  submit_many_that_never_answer(queue);
  OK(larder_queue_close(queue, E));
  OK(larder_queue_close(queue, E));
  assert_int_equal(larder_queue_in_flight(queue), 0);
  expect_each_closed_once(queue);
  larder_completion_t completion;
  size_t count = 0;
  larder_request_t ping = request_of(1, LARDER_OPERATION_PING, NULL);
  EXPECT(LARDER_CLOSED, larder_queue_drain(queue, &completion, 1, -1, &count, E));
  EXPECT(LARDER_CLOSED, larder_queue_submit(queue, &ping, 1, NULL, E));
  EXPECT(LARDER_NOT_FOUND, larder_queue_cancel(queue, 1, E));
  larder_queue_free(queue);
}

static void closing_a_larder_completes_each_request_in_flight_once_with_closed(void **state) {
  (void)state;
  larder_queue_t *queue = open_queue(0);
  submit_many_that_never_answer(queue);
  OK(larder_close(larder, 1000, E));
  expect_each_closed_once(queue);
  larder_queue_free(queue);
}

static void a_queue_with_requests_in_flight_and_undrained_completions_is_freed_whole(void **state) {
  (void)state;
  larder_queue_t *queue = open_queue(0);
  put_text(store, "k", "v");
  larder_request_t get = request_of(MANY, LARDER_OPERATION_GET, "k");
  OK(larder_queue_submit(queue, &get, 1, NULL, E));
  submit_many_that_never_answer(queue);
  larder_queue_free(queue);
}

static void a_store_may_be_freed_while_its_requests_are_in_flight(void **state) {
  (void)state;
  larder_queue_t *queue = open_queue(0);
  larder_store_t *other = open_store(larder);
  larder_request_t get = request_of(1, LARDER_OPERATION_GET, "delay:50:k");
  get.store = other;
  OK(larder_queue_submit(queue, &get, 1, NULL, E));
  larder_store_free(other);
  larder_completion_t done = take(queue);
  assert_int_equal(done.status, LARDER_NOT_FOUND);
  larder_queue_free(queue);
}

#define WITH(open, test) cmocka_unit_test_setup_teardown(test, open, free_all)

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH(open_memory, every_operation_answers_as_its_blocking_call_does),
      WITH(open_fault, every_operation_answers_as_its_blocking_call_does),
      WITH(open_fault, faults_become_completions),
      WITH(open_fault, a_batch_of_a_thousand_is_drained_in_batches),
      WITH(open_memory, a_batch_of_a_thousand_is_drained_in_batches),
      WITH(open_memory, the_requests_before_a_refused_one_are_accepted),
      WITH(open_fault, a_full_queue_is_busy_until_it_is_drained),
      WITH(open_memory, a_full_queue_is_busy_until_it_is_drained),
      WITH(open_fault, an_id_in_flight_is_refused_and_free_again_afterwards),
      WITH(open_fault, a_value_may_be_lent_until_its_request_completes),
      WITH(open_memory, flags_that_a_request_does_not_have_are_refused),
      WITH(open_fault, the_descriptor_is_readable_while_completions_wait),
      WITH(open_memory, the_descriptor_stays_readable_when_only_a_part_was_drained),
      WITH(open_fault, an_id_may_be_used_again_and_again),
      WITH(open_fault, closing_a_queue_completes_each_request_in_flight_once_with_closed),
      WITH(open_fault, closing_a_larder_completes_each_request_in_flight_once_with_closed),
      WITH(open_fault, a_queue_with_requests_in_flight_and_undrained_completions_is_freed_whole),
      WITH(open_fault, a_store_may_be_freed_while_its_requests_are_in_flight),
  };
  return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
