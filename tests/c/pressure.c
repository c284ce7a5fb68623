/* A process that may not have more memory: writes answer OUT_OF_MEMORY, and nothing dies. */
#include "support.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static size_t address_space(void) {
  FILE *file = fopen("/proc/self/statm", "r");
  MUST(file != NULL);
  size_t pages = 0;
  MUST(fscanf(file, "%zu", &pages) == 1);
  fclose(file);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void allow_only(size_t more) {
  size_t limit = address_space() + more;
  struct rlimit limits = {.rlim_cur = limit, .rlim_max = limit};
  MUST(setrlimit(RLIMIT_AS, &limits) == 0);
}

/* Puts values of this size until one is refused; how many were taken. */
static size_t fill(const larder_store_t *store, const uint8_t *value, size_t length, uint64_t first) {
  for (uint64_t number = first;; number++) {
    MUST(number < 1000000);
    larder_error_t *error = NULL;
    int32_t status = larder_store_put(store, (const uint8_t *)&number, sizeof number, value, length, NULL, NULL, &error);
    if (status == LARDER_OK) continue;
    MUST(status == LARDER_OUT_OF_MEMORY);
    MUST(larder_error_code(error) == LARDER_OUT_OF_MEMORY);
    larder_error_free(error);
    return number - first;
  }
}

static void press(const char *config, size_t length) {
  uint8_t *value = malloc(length), *copy = malloc(length);
  MUST(value && copy);
  memset(value, 7, length);
  larder_t *larder = NULL;
  larder_store_t *store = NULL;
  larder_queue_t *queue = NULL;
  MUST(larder_open((const uint8_t *)config, strlen(config), &larder, E) == LARDER_OK);
  MUST(larder_store_open(larder, TEXT("default"), NULL, &store, E) == LARDER_OK);
  MUST(larder_queue_open(0, &queue, E) == LARDER_OK);
  MUST(larder_store_put(store, TEXT("before"), TEXT("v"), NULL, NULL, E) == LARDER_OK);
  allow_only((size_t)192 << 20);
  uint64_t count = fill(store, value, length, 0);
  MUST(count > 0);
  /* What was taken is there whole; what was refused left the record before it alone. */
  uint64_t last = count - 1;
  MUST(larder_store_get_into(store, (const uint8_t *)&last, sizeof last, 0, copy, length, NULL, NULL, E) == LARDER_OK);
  MUST(memcmp(copy, value, length) == 0);
  uint64_t first = 0;
  MUST(larder_store_put(store, (const uint8_t *)&first, sizeof first, value, length, NULL, NULL, NULL) == LARDER_OUT_OF_MEMORY);
  MUST(larder_store_contains(store, (const uint8_t *)&first, sizeof first, 0, E) == LARDER_OK);
  MUST(larder_store_get_into(store, TEXT("before"), 0, copy, length, NULL, NULL, E) == LARDER_OK);
  /* A flat form that there is no room for is NULL. */
  larder_list_options_t options = {.struct_size = sizeof options, .projection = LARDER_LIST_RECORDS};
  larder_records_t *records = NULL;
  if (larder_store_list(store, &options, &records, NULL) == LARDER_OK) {
    size_t flat = 7;
    MUST(larder_records_flat(records, &flat) == NULL && flat == 0);
    larder_records_free(records);
  }
  /* By request, in a batch. */
  uint32_t key_length = sizeof first, value_length = (uint32_t)length;
  int32_t status = LARDER_OK;
  MUST(larder_store_put_many(store, (const uint8_t *)&first, sizeof first, &key_length, value, length, &value_length, 1,
                             NULL, 0, &status, NULL, NULL) == LARDER_OUT_OF_MEMORY);
  MUST(status == LARDER_OUT_OF_MEMORY);
  larder_request_t request = {.struct_size = sizeof request, .id = 1, .operation = LARDER_OPERATION_PUT, .store = store,
                              .key = (const uint8_t *)"k", .key_length = 1, .value = value, .value_length = length};
  larder_completion_t completion;
  size_t drained = 0;
  MUST(larder_queue_submit(queue, &request, 1, NULL, E) == LARDER_OK);
  MUST(larder_queue_drain(queue, &completion, 1, 20000, &drained, E) == LARDER_OK && drained == 1);
  MUST(completion.status == LARDER_OUT_OF_MEMORY);
  larder_error_free(completion.error);
  /* Room again, and it goes on. */
  MUST(larder_store_clear(store, 0, NULL, E) == LARDER_OK);
  MUST(fill(store, value, length, 0) > 0);
  larder_queue_free(queue);
  larder_store_free(store);
  larder_free(larder);
  free(value);
  free(copy);
}

static void expect_survival(const char *config, size_t length) {
  pid_t child = fork();
  if (child == 0) {
    press(config, length);
    _exit(0);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status)) print_error("%s, values of %zu bytes: signal %d\n", config, length, WTERMSIG(status));
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_store_without_memory_for_large_values_says_so(void **state) {
  (void)state;
  expect_survival("memory://", (size_t)16 << 20);
  expect_survival("memory://?max_entries=100000", (size_t)16 << 20);
  expect_survival("fault://", (size_t)16 << 20);
}

static void a_store_without_memory_for_a_mebibyte_says_so(void **state) {
  (void)state;
  expect_survival("memory://", (size_t)1 << 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_store_without_memory_for_large_values_says_so),
      cmocka_unit_test(a_store_without_memory_for_a_mebibyte_says_so),
  };
  return cmocka_run_group_tests_name("pressure", tests, NULL, NULL);
}
