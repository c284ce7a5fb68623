/* A hundred thousand host threads that use the library and end. */
#include "support.h"

#include <dirent.h>
#include <pthread.h>

enum { AT_ONCE = 32 };

static larder_store_t *memory, *fault;

static void *use_and_end(void *argument) {
  size_t number = (size_t)(uintptr_t)argument;
  uint8_t key[8], value[8];
  memcpy(key, &number, sizeof key);
  MUST(larder_store_put(memory, key, sizeof key, TEXT("v"), NULL, NULL, E) == LARDER_OK);
  MUST(larder_store_peek(memory, key, sizeof key, value, sizeof value, NULL, NULL, E) >= 0);
  MUST(larder_store_put(memory, key, sizeof key, NULL, 1, NULL, NULL, E) == LARDER_INVALID_ARGUMENT);
  larder_error_free(last_error);
  last_error = NULL;
  /* Now and then one that has to wait. */
  if (number % 16 == 0) MUST(larder_store_ping(fault, 20000, E) == LARDER_OK);
  return NULL;
}

static size_t count_threads(void) {
  DIR *tasks = opendir("/proc/self/task");
  assert_non_null(tasks);
  size_t count = 0;
  for (struct dirent *entry; (entry = readdir(tasks));) count += entry->d_name[0] != '.';
  closedir(tasks);
  return count;
}

static size_t resident_kib(void) {
  FILE *status = fopen("/proc/self/status", "r");
  assert_non_null(status);
  char line[256];
  size_t resident = 0;
  while (fgets(line, sizeof line, status)) sscanf(line, "VmRSS: %zu", &resident);
  fclose(status);
  return resident;
}

static void a_hundred_thousand_threads_leave_nothing_behind(void **state) {
  (void)state;
  larder_t *larders[2] = {open_larder("memory://?max_entries=1000"), open_larder("fault://")};
  memory = open_store(larders[0]);
  fault = open_store(larders[1]);
  size_t total = from_environment("LARDER_TEST_THREADS", 100000), resident = 0;
  for (size_t begin = 0; begin < total; begin += AT_ONCE) {
    pthread_t threads[AT_ONCE];
    for (size_t i = 0; i < AT_ONCE; i++) {
      assert_int_equal(pthread_create(&threads[i], NULL, use_and_end, (void *)(uintptr_t)(begin + i)), 0);
    }
    for (size_t i = 0; i < AT_ONCE; i++) pthread_join(threads[i], NULL);
    if (begin / AT_ONCE == total / AT_ONCE / 2) resident = resident_kib();
  }
  /* The main thread, the library's few, and a sanitizer's own. */
  assert_in_range(count_threads(), 1, 8);
  /* A sanitizer and Valgrind keep what was freed. */
  if (from_environment("LARDER_TEST_MEMORY", 0)) assert_in_range(resident_kib(), 0, resident + 8192);
  larder_store_free(memory);
  larder_store_free(fault);
  larder_free(larders[0]);
  larder_free(larders[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_hundred_thousand_threads_leave_nothing_behind)};
  return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
