/* Cancels, closes and answers that race: none is lost, none comes twice. */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct {
  larder_t *larder;
  larder_store_t *store;
  larder_queue_t *queue;
  size_t rounds;
  atomic_size_t submitted;
  atomic_uchar *completed;
} race_t;

static void *submit(void *argument) {
  race_t *race = argument;
  for (size_t id = 0; id < race->rounds; id++) {
    larder_request_t request = {.struct_size = sizeof request, .id = id, .operation = LARDER_OPERATION_GET,
                                .store = race->store, .key = (const uint8_t *)(id % 3 ? "k" : "never:k"),
                                .key_length = id % 3 ? 1 : 7};
    int32_t status = larder_queue_submit(race->queue, &request, 1, NULL, E);
    MUST(status == LARDER_OK);
    atomic_store(&race->submitted, id + 1);
  }
  return NULL;
}

static void *cancel(void *argument) {
  race_t *race = argument;
  for (size_t id = 0; id < race->rounds;) {
    if (atomic_load(&race->submitted) <= id) continue;
    int32_t status = larder_queue_cancel(race->queue, id, E);
    MUST(status == LARDER_OK || status == LARDER_NOT_FOUND);
    id++;
  }
  return NULL;
}

static void *drain(void *argument) {
  race_t *race = argument;
  larder_completion_t completions[16];
  for (;;) {
    size_t count = 0;
    int32_t status = larder_queue_drain(race->queue, completions, 16, -1, &count, NULL);
    if (status == LARDER_CLOSED) return NULL;
    MUST(status == LARDER_OK);
    for (size_t i = 0; i < count; i++) {
      MUST(completions[i].status == LARDER_OK || completions[i].status == LARDER_NOT_FOUND ||
           completions[i].status == LARDER_CANCELLED || completions[i].status == LARDER_CLOSED);
      MUST(atomic_fetch_add(&race->completed[completions[i].id], 1) == 0);
      larder_record_free(completions[i].record);
      larder_error_free(completions[i].error);
    }
  }
}

static void cancels_that_race_with_answers_leave_one_completion_each(void **state) {
  (void)state;
  race_t race = {.larder = open_larder("fault://"), .rounds = from_environment("LARDER_TEST_ROUNDS", 2000) * 5};
  race.store = open_store(race.larder);
  race.completed = calloc(race.rounds, 1);
  put_text(race.store, "k", "v");
  OK(larder_queue_open(race.rounds, &race.queue, E));
  pthread_t threads[5];
  void *(*const bodies[5])(void *) = {submit, cancel, cancel, drain, drain};
  for (int i = 0; i < 5; i++) assert_int_equal(pthread_create(&threads[i], NULL, bodies[i], &race), 0);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  OK(larder_queue_close(race.queue, E));
  for (int i = 3; i < 5; i++) pthread_join(threads[i], NULL);
  for (size_t id = 0; id < race.rounds; id++) assert_int_equal(race.completed[id], 1);
  larder_queue_free(race.queue);
  free((void *)race.completed);
  larder_store_free(race.store);
  larder_free(race.larder);
}

static void *submit_until_closed(void *argument) {
  race_t *race = argument;
  for (;;) {
    size_t id = atomic_fetch_add(&race->submitted, 1);
    if (id >= race->rounds) return NULL;
    larder_request_t request = {.struct_size = sizeof request, .id = id, .operation = LARDER_OPERATION_GET,
                                .store = race->store, .key = (const uint8_t *)"delay:1:k", .key_length = 9};
    size_t accepted = 0;
    int32_t status = larder_queue_submit(race->queue, &request, 1, &accepted, NULL);
    MUST(status == LARDER_OK || status == LARDER_CLOSED);
    if (!accepted) MUST(atomic_fetch_add(&race->completed[id], 1) == 0);
  }
}

static void closes_that_race_with_submits_leave_one_completion_each(void **state) {
  (void)state;
  size_t rounds = from_environment("LARDER_TEST_ROUNDS", 2000) / 50 + 1;
  for (size_t round = 0; round < rounds; round++) {
    race_t race = {.larder = open_larder("fault://"), .rounds = 500};
    race.store = open_store(race.larder);
    race.completed = calloc(race.rounds, 1);
    OK(larder_queue_open(0, &race.queue, E));
    pthread_t threads[4];
    void *(*const bodies[4])(void *) = {submit_until_closed, submit_until_closed, drain, drain};
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, bodies[i], &race), 0);
    if (round % 2) OK(larder_close(race.larder, 1000, E));
    OK(larder_queue_close(race.queue, E));
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    for (size_t id = 0; id < race.rounds; id++) assert_int_equal(race.completed[id], 1);
    larder_queue_free(race.queue);
    free((void *)race.completed);
    larder_store_free(race.store);
    larder_free(race.larder);
  }
}

static atomic_int stop;

static void *use_store(void *argument) {
  const race_t *race = argument;
  uint8_t value[8];
  while (!atomic_load(&stop)) {
    int32_t status = larder_store_put(race->store, TEXT("k"), TEXT("v"), NULL, NULL, NULL);
    MUST(status == LARDER_OK || status == LARDER_CLOSED);
    status = larder_store_get_into(race->store, TEXT("k"), 0, value, sizeof value, NULL, NULL, NULL);
    MUST(status == LARDER_OK || status == LARDER_NOT_FOUND || status == LARDER_CLOSED);
    if (status == LARDER_CLOSED) return NULL;
  }
  return NULL;
}

static void a_larder_may_be_closed_while_threads_use_it(void **state) {
  (void)state;
  static const char *const configs[] = {"memory://?max_entries=100", "fault://"};
  for (int round = 0; round < 40; round++) {
    race_t race = {.larder = open_larder(configs[round % 2])};
    race.store = open_store(race.larder);
    atomic_store(&stop, 0);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, use_store, &race), 0);
    sleep_ms(2);
    OK(larder_close(race.larder, 1000, E));
    OK(larder_store_close(race.store, E));
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    larder_store_free(race.store);
    larder_free(race.larder);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cancels_that_race_with_answers_leave_one_completion_each),
      cmocka_unit_test(closes_that_race_with_submits_leave_one_completion_each),
      cmocka_unit_test(a_larder_may_be_closed_while_threads_use_it),
  };
  return cmocka_run_group_tests_name("races", tests, NULL, NULL);
}
