/* A real server that hangs: a call ends with its own deadline, and the next ones work when the server is back. Left out
 * where LARDER_TEST_STORES names no servers. */
#include "document.h"
#include "support.h"
#include "wire.h"

#define DEADLINE_MS 300
/* Far below the timeout of the store itself, and far above what a busy machine needs. */
#define LONGEST_MS 20000

static const char *const kinds[] = {"redis", "nats-js-kv", NULL};

typedef struct {
  wire_t *wire;
  larder_t *larder;
  larder_store_t *store;
} hanging_t;

/* A store whose server can be made to hang; false where there are no servers. */
static bool open_hanging(hanging_t *hanging, const char *kind, bool held) {
  char *server = server_of(kind);
  if (!server) return false;
  hanging->wire = wire_open(server);
  free(server);
  assert_non_null(hanging->wire);
  wire_hold(hanging->wire, held);
  char *config = config_through(kind, wire_address(hanging->wire), "120s");
  assert_non_null(config);
  hanging->larder = open_larder(config);
  hanging->store = open_store(hanging->larder);
  free(config);
  return true;
}

static void close_hanging(hanging_t *hanging) {
  larder_store_free(hanging->store);
  larder_free(hanging->larder);
  wire_close(hanging->wire);
}

/* The call that began at `start` ended with its deadline, and says so. A write that was sent may have happened; one that
 * has to read first says that it was not sent. */
static void expect_late(const char *call, int64_t start, int32_t status, larder_error_t *error, bool is_write) {
  int64_t taken = now_ms() - start;
  bool is_written = is_write && (status == LARDER_AMBIGUOUS || status == LARDER_UNAVAILABLE);
  bool is_late = status == LARDER_TIMEOUT || is_written;
  const char *message = error ? larder_error_message(error) : "";
  bool is_named = strstr(message, "deadline") || strstr(message, "within 300 ms");
  if (!is_late || !is_named || taken < DEADLINE_MS - 50 || taken > LONGEST_MS) {
    fail_msg("%s: status %d, \"%s\", after %lld ms", call, (int)status, message, (long long)taken);
  }
  larder_error_free(error);
}

static void expect_back(const hanging_t *hanging) {
  uint8_t value[16];
  size_t length = 0;
  OK(larder_store_get_into(hanging->store, TEXT("key"), LONGEST_MS, value, sizeof value, &length, NULL, E));
  assert_int_equal(length, 5);
  assert_memory_equal(value, "value", 5);
}

static int32_t get(const larder_store_t *store, larder_error_t **error) {
  return larder_store_get_into(store, TEXT("key"), DEADLINE_MS, NULL, 0, NULL, NULL, error);
}

static int32_t contains(const larder_store_t *store, larder_error_t **error) {
  return larder_store_contains(store, TEXT("key"), DEADLINE_MS, error);
}

static int32_t size(const larder_store_t *store, larder_error_t **error) {
  uint64_t count = 0;
  return larder_store_size(store, DEADLINE_MS, &count, error);
}

static int32_t ping(const larder_store_t *store, larder_error_t **error) {
  return larder_store_ping(store, DEADLINE_MS, error);
}

static int32_t put(const larder_store_t *store, larder_error_t **error) {
  larder_put_options_t options = {.struct_size = sizeof options, .timeout_ms = DEADLINE_MS};
  return larder_store_put(store, TEXT("other"), TEXT("value"), &options, NULL, error);
}

static int32_t take_out(const larder_store_t *store, larder_error_t **error) {
  return larder_store_remove(store, TEXT("other"), DEADLINE_MS, NULL, error);
}

static const struct {
  const char *name;
  int32_t (*make)(const larder_store_t *, larder_error_t **);
  bool is_write;
} calls[] = {{"get", get, false},   {"contains", contains, false}, {"size", size, false},
             {"ping", ping, false}, {"put", put, true},            {"remove", take_out, true}};

static void a_call_to_a_server_that_hangs_ends_with_its_deadline(void **state) {
  (void)state;
  for (size_t kind = 0; kinds[kind]; kind++) {
    hanging_t hanging;
    if (!open_hanging(&hanging, kinds[kind], false)) skip();
    put_text(hanging.store, "key", "value");
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
      larder_error_t *error = NULL;
      wire_hold(hanging.wire, true);
      int64_t start = now_ms();
      int32_t status = calls[i].make(hanging.store, &error);
      expect_late(calls[i].name, start, status, error, calls[i].is_write);
      wire_hold(hanging.wire, false);
      expect_back(&hanging);
    }
    close_hanging(&hanging);
  }
}

static void many_requests_to_a_server_that_hangs_all_end_with_their_deadlines(void **state) {
  (void)state;
  enum { MANY = 200 };
  for (size_t kind = 0; kinds[kind]; kind++) {
    hanging_t hanging;
    larder_queue_t *queue = NULL;
    if (!open_hanging(&hanging, kinds[kind], false)) skip();
    put_text(hanging.store, "key", "value");
    OK(larder_queue_open(0, &queue, E));
    wire_hold(hanging.wire, true);
    int64_t start = now_ms();
    for (uint64_t id = 0; id < MANY; id++) {
      larder_request_t request = {.struct_size = sizeof request, .id = id, .operation = LARDER_OPERATION_GET,
                                  .store = hanging.store, .key = (const uint8_t *)"key", .key_length = 3,
                                  .timeout_ms = DEADLINE_MS};
      OK(larder_queue_submit(queue, &request, 1, NULL, E));
    }
    for (size_t ended = 0; ended < MANY;) {
      larder_completion_t completions[32];
      size_t count = 0;
      OK(larder_queue_drain(queue, completions, 32, LONGEST_MS, &count, E));
      assert_int_not_equal(count, 0);
      for (size_t i = 0; i < count; i++) {
        expect_late("get", start, completions[i].status, completions[i].error, false);
      }
      ended += count;
    }
    assert_int_equal(larder_queue_in_flight(queue), 0);
    larder_queue_free(queue);
    wire_hold(hanging.wire, false);
    expect_back(&hanging);
    close_hanging(&hanging);
  }
}

static void a_call_to_a_server_that_says_nothing_at_all_ends_and_writes_nothing(void **state) {
  (void)state;
  for (size_t kind = 0; kinds[kind]; kind++) {
    hanging_t hanging;
    if (!open_hanging(&hanging, kinds[kind], true)) skip();
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
      larder_error_t *error = NULL;
      int64_t start = now_ms();
      int32_t status = calls[i].make(hanging.store, &error);
      int64_t taken = now_ms() - start;
      /* Nothing was sent, and the library knows it. */
      assert_true(status == LARDER_UNAVAILABLE || status == LARDER_TIMEOUT);
      assert_true(taken >= DEADLINE_MS - 50 && taken < LONGEST_MS);
      larder_error_free(error);
    }
    wire_hold(hanging.wire, false);
    EXPECT(LARDER_NOT_FOUND, larder_store_contains(hanging.store, TEXT("other"), LONGEST_MS, E));
    close_hanging(&hanging);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_call_to_a_server_that_hangs_ends_with_its_deadline),
      cmocka_unit_test(many_requests_to_a_server_that_hangs_all_end_with_their_deadlines),
      cmocka_unit_test(a_call_to_a_server_that_says_nothing_at_all_ends_and_writes_nothing),
  };
  return cmocka_run_group_tests_name("deadlines", tests, NULL, NULL);
}
