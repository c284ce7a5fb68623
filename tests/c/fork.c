/* fork: what belongs to the parent says so in the child; the child opens a larder of its own; the parent goes on. */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
  larder_t *larder;
  larder_store_t *store;
  larder_cursor_t *cursor;
  larder_watch_t *watch;
  larder_queue_t *queue;
  const larder_record_t *record;
} handles_t;

static handles_t open_all(const char *config) {
  handles_t all = {.larder = open_larder(config)};
  all.store = open_store(all.larder);
  put_text(all.store, "k", "v");
  OK(larder_store_cursor(all.store, NULL, &all.cursor, E));
  OK(larder_store_watch(all.store, NULL, &all.watch, E));
  OK(larder_queue_open(0, &all.queue, E));
  OK(larder_store_get(all.store, TEXT("k"), 0, &all.record, E));
  return all;
}

static void free_all(handles_t *all) {
  larder_record_free(all->record);
  larder_queue_free(all->queue);
  larder_watch_free(all->watch);
  larder_cursor_free(all->cursor);
  larder_store_free(all->store);
  larder_free(all->larder);
}

/* In the child: what is not as it should be ends it with a number that is not 0. */
#define CHILD(condition) must((condition), #condition, __FILE__, __LINE__)

static void expect_forked(handles_t *all) {
  uint8_t value[8];
  int32_t descriptor;
  size_t count;
  larder_store_t *store = NULL;
  larder_records_t *records = NULL;
  larder_events_t *events = NULL;
  larder_bytes_t *json = NULL;
  larder_completion_t completion;
  larder_request_t request = {.struct_size = sizeof request, .operation = LARDER_OPERATION_PING, .store = all->store};
  CHILD(larder_close(all->larder, -1, NULL) == LARDER_FORKED);
  CHILD(larder_describe(all->larder, &json, NULL) == LARDER_FORKED);
  CHILD(larder_store_open(all->larder, TEXT("default"), NULL, &store, NULL) == LARDER_FORKED);
  CHILD(larder_store_close(all->store, NULL) == LARDER_FORKED);
  CHILD(larder_store_peek(all->store, TEXT("k"), value, 8, NULL, NULL, NULL) == LARDER_FORKED);
  CHILD(larder_store_get_into(all->store, TEXT("k"), 0, value, 8, NULL, NULL, NULL) == LARDER_FORKED);
  CHILD(larder_store_put(all->store, TEXT("k"), TEXT("w"), NULL, NULL, NULL) == LARDER_FORKED);
  CHILD(larder_store_list(all->store, NULL, &records, NULL) == LARDER_FORKED);
  CHILD(larder_store_is_immediate(all->store) == 0);
  CHILD(larder_cursor_next(all->cursor, 1, 0, &records, NULL) == LARDER_FORKED);
  CHILD(larder_watch_next(all->watch, 1, -1, &events, NULL) == LARDER_FORKED);
  CHILD(larder_watch_close(all->watch, NULL) == LARDER_FORKED);
  CHILD(larder_queue_submit(all->queue, &request, 1, NULL, NULL) == LARDER_FORKED);
  CHILD(larder_queue_drain(all->queue, &completion, 1, -1, &count, NULL) == LARDER_FORKED);
  CHILD(larder_queue_descriptor(all->queue, &descriptor, NULL) == LARDER_FORKED);
  CHILD(larder_queue_cancel(all->queue, 1, NULL) == LARDER_FORKED);
  CHILD(larder_queue_close(all->queue, NULL) == LARDER_FORKED);
  CHILD(larder_queue_in_flight(all->queue) == 0);
  /* A record is the caller's own: no lock, no thread. */
  CHILD(memcmp(larder_record_value(all->record, NULL), "v", 1) == 0);
  larder_error_t *error = NULL;
  CHILD(larder_store_ping(all->store, 0, &error) == LARDER_FORKED);
  CHILD(larder_error_code(error) == LARDER_FORKED);
  larder_error_free(error);
}

static void use_own(const char *config) {
  larder_t *larder = NULL;
  larder_store_t *store = NULL;
  larder_watch_t *watch = NULL;
  larder_events_t *events = NULL;
  larder_put_options_t options = {.struct_size = sizeof options, .lifespan_ms = 20};
  uint8_t value[8];
  CHILD(larder_open((const uint8_t *)config, strlen(config), &larder, NULL) == LARDER_OK);
  CHILD(larder_store_open(larder, TEXT("default"), NULL, &store, NULL) == LARDER_OK);
  CHILD(larder_store_get_into(store, TEXT("k"), 20000, value, 8, NULL, NULL, NULL) == LARDER_NOT_FOUND);
  CHILD(larder_store_watch(store, NULL, &watch, NULL) == LARDER_OK);
  CHILD(larder_store_put(store, TEXT("k"), TEXT("v"), &options, NULL, NULL) == LARDER_OK);
  /* Two events: created, and expired, which only a thread of the child's own can tell. */
  for (int i = 0; i < 2; i++) {
    CHILD(larder_watch_next(watch, 1, 20000, &events, NULL) == LARDER_OK);
    CHILD(larder_events_kind(events, 0) == (i == 0 ? LARDER_EVENT_CREATED : LARDER_EVENT_EXPIRED));
    larder_events_free(events);
  }
  larder_watch_free(watch);
  larder_store_free(store);
  larder_free(larder);
}

/* Ends the child as another program, so that a leak checker does not count what is left to the parent. */
static void end_child(void) {
  execl("/bin/true", "true", (char *)NULL);
  _exit(1);
}

static void expect_child_ends_well(pid_t child) {
  int status = 0;
  assert_true(child > 0);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

static void handles_say_forked_in_the_child_and_the_parent_goes_on(void **state) {
  (void)state;
  static const char *const configs[] = {"memory://", "fault://", "noop://"};
  for (int i = 0; i < 2; i++) {
    handles_t all = open_all(configs[i]);
    pid_t child = fork();
    if (child == 0) {
      expect_forked(&all);
      free_all(&all);
      use_own(configs[i]);
      end_child();
    }
    expect_child_ends_well(child);
    expect_text(all.store, "k", "v");
    put_text(all.store, "k", "w");
    expect_text(all.store, "k", "w");
    free_all(&all);
  }
}

static atomic_int stop;

static void *be_busy(void *argument) {
  const handles_t *all = argument;
  larder_put_options_t options = {.struct_size = sizeof options, .lifespan_ms = 1};
  while (!atomic_load(&stop)) {
    MUST(larder_store_put(all->store, TEXT("busy"), TEXT("v"), &options, NULL, E) == LARDER_OK);
    larder_t *larder = NULL;
    MUST(larder_open(TEXT("memory://"), &larder, E) == LARDER_OK);
    larder_free(larder);
  }
  return NULL;
}

static void a_log_reader_of_the_parent_is_forked_in_the_child(void **state) {
  (void)state;
  larder_log_t *log = NULL;
  OK(larder_log_open(LARDER_LOG_INFO, &log, E));
  pid_t child = fork();
  if (child == 0) {
    uint8_t line[64];
    larder_log_t *own = NULL;
    larder_t *larder = NULL;
    CHILD(larder_log_next(log, -1, NULL, line, sizeof line, NULL, NULL, NULL) == LARDER_FORKED);
    CHILD(larder_log_open(LARDER_LOG_INFO, &own, NULL) == LARDER_OK);
    /* Ends nothing of the child's. */
    larder_log_close(log);
    larder_log_free(log);
    CHILD(larder_open(TEXT("memory://"), &larder, NULL) == LARDER_OK);
    CHILD(larder_log_next(own, 20000, NULL, line, sizeof line, NULL, NULL, NULL) == LARDER_OK);
    larder_log_free(own);
    larder_free(larder);
    end_child();
  }
  expect_child_ends_well(child);
  larder_log_free(log);
}

static void on_line(void *user, int32_t level, const char *target, const char *message, uint64_t dropped) {
  (void)user;
  (void)level;
  (void)target;
  (void)message;
  (void)dropped;
}

/* At the moment of the fork, threads of the parent hold any lock there is. */
static void a_child_of_a_busy_parent_opens_a_larder_of_its_own(void **state) {
  (void)state;
  handles_t memory = open_all("memory://"), fault = open_all("fault://");
  OK(larder_log_start(LARDER_LOG_DEBUG, on_line, NULL, NULL, E));
  atomic_store(&stop, 0);
  pthread_t threads[2];
  assert_int_equal(pthread_create(&threads[0], NULL, be_busy, &memory), 0);
  assert_int_equal(pthread_create(&threads[1], NULL, be_busy, &fault), 0);
  size_t rounds = from_environment("LARDER_TEST_ROUNDS", 2000) / 40 + 1;
  for (size_t i = 0; i < rounds; i++) {
    pid_t child = fork();
    if (child == 0) {
      alarm(60);
      expect_forked(&memory);
      use_own(i % 2 ? "fault://" : "memory://");
      end_child();
    }
    expect_child_ends_well(child);
  }
  atomic_store(&stop, 1);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  larder_log_stop();
  free_all(&memory);
  free_all(&fault);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(handles_say_forked_in_the_child_and_the_parent_goes_on),
      cmocka_unit_test(a_log_reader_of_the_parent_is_forked_in_the_child),
      cmocka_unit_test(a_child_of_a_busy_parent_opens_a_larder_of_its_own),
  };
  return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
