/* The library prints nothing to standard output, leaks no descriptor, and leaves the process's settings alone. */
#include "document.h"
#include "support.h"
#include "wire.h"

#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void use_everything(void) {
  static const char *const configs[] = {"memory://?max_entries=10", "fault://", "noop://"};
  for (int i = 0; i < 3; i++) {
    larder_t *larder = NULL;
    larder_store_t *store = NULL;
    larder_queue_t *queue = NULL;
    int32_t descriptor = -1;
    MUST(larder_open((const uint8_t *)configs[i], strlen(configs[i]), &larder, E) == LARDER_OK);
    MUST(larder_store_open(larder, TEXT("default"), NULL, &store, E) == LARDER_OK);
    for (int number = 0; number < 100; number++) {
      MUST(larder_store_put(store, (const uint8_t *)&number, sizeof number, TEXT("v"), NULL, NULL, E) == LARDER_OK);
    }
    MUST(larder_store_put(store, TEXT("panic:k"), TEXT("v"), NULL, NULL, NULL) != LARDER_INTERNAL);
    larder_fault_arm_panic();
    MUST(larder_store_ping(store, 0, NULL) == LARDER_PANIC);
    MUST(larder_open(TEXT("[stores"), NULL, NULL) == LARDER_INVALID_ARGUMENT);
    MUST(larder_queue_open(0, &queue, E) == LARDER_OK);
    MUST(larder_queue_descriptor(queue, &descriptor, E) == LARDER_OK);
    larder_queue_free(queue);
    larder_store_free(store);
    larder_free(larder);
  }
}

/* Runs something in a child; nothing of it may come to standard output. */
static void expect_silence(void (*run)(void)) {
  char path[] = "/tmp/larder-stdout-XXXXXX";
  int file = mkstemp(path);
  assert_true(file >= 0);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    dup2(file, STDOUT_FILENO);
    run();
    _exit(0);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  struct stat about;
  assert_int_equal(fstat(file, &about), 0);
  assert_int_equal(about.st_size, 0);
  close(file);
  unlink(path);
}

static void nothing_is_printed_to_standard_output(void **state) {
  (void)state;
  expect_silence(use_everything);
}

#define PATIENCE_MS 20000

static int32_t put_within(const larder_store_t *store, int64_t timeout_ms) {
  larder_put_options_t options = {.struct_size = sizeof options, .timeout_ms = timeout_ms};
  return larder_store_put(store, TEXT("key"), TEXT("value"), &options, NULL, NULL);
}

/* The ways of the clients that print: a connection that is made, breaks, is refused and comes back, a server that hangs, a
 * watch over all of it, and bytes that could end a line. */
static void use_server(const char *kind) {
  char *server = server_of(kind);
  wire_t *wire = wire_open(server);
  free(server);
  MUST(wire != NULL);
  char *config = config_through(kind, wire_address(wire), "30s");
  larder_t *larder = NULL;
  larder_store_t *store = NULL;
  larder_watch_t *watch = NULL;
  uint64_t count = 0;
  MUST(larder_open((const uint8_t *)config, strlen(config), &larder, NULL) == LARDER_OK);
  MUST(larder_store_open(larder, TEXT("default"), NULL, &store, NULL) == LARDER_OK);
  MUST(put_within(store, PATIENCE_MS) == LARDER_OK);
  MUST(larder_store_put(store, TEXT("odd \r\n key"), TEXT("\r\n"), NULL, NULL, NULL) == LARDER_OK);
  MUST(larder_store_watch(store, NULL, &watch, NULL) == LARDER_OK);
  wire_kill(wire);
  MUST(put_within(store, 200) != LARDER_OK);
  MUST(larder_store_size(store, 200, &count, NULL) != LARDER_OK);
  MUST(wire_revive(wire));
  MUST(larder_store_size(store, PATIENCE_MS, &count, NULL) == LARDER_OK);
  wire_hold(wire, true);
  MUST(put_within(store, 200) != LARDER_OK);
  /* So long that the server counts as one that hangs. */
  sleep_ms(3500);
  wire_hold(wire, false);
  MUST(put_within(store, PATIENCE_MS) == LARDER_OK || put_within(store, PATIENCE_MS) == LARDER_OK);
  larder_watch_free(watch);
  larder_store_free(store);
  larder_free(larder);
  wire_close(wire);
  free(config);
}

static void use_redis(void) {
  use_server("redis");
}

static void use_nats(void) {
  use_server("nats-js-kv");
}

static void nothing_is_printed_about_servers_that_die_hang_and_come_back(void **state) {
  (void)state;
  char *server = server_of("redis");
  if (!server) skip();
  free(server);
  expect_silence(use_redis);
  expect_silence(use_nats);
}

static size_t count_descriptors(void) {
  DIR *open_files = opendir("/proc/self/fd");
  assert_non_null(open_files);
  size_t count = 0;
  while (readdir(open_files)) count++;
  closedir(open_files);
  return count;
}

static void descriptors_are_given_back_and_are_not_inherited(void **state) {
  (void)state;
  use_everything();
  size_t before = count_descriptors();
  for (int i = 0; i < 50; i++) use_everything();
  assert_int_equal(count_descriptors(), before);
  larder_queue_t *queue = NULL;
  int32_t descriptor = -1;
  OK(larder_queue_open(0, &queue, E));
  OK(larder_queue_descriptor(queue, &descriptor, E));
  assert_int_equal(fcntl(descriptor, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  larder_queue_free(queue);
}

static void locale_directory_and_mask_stay(void **state) {
  (void)state;
  char before[4096], after[4096];
  assert_non_null(getcwd(before, sizeof before));
  mode_t mask = umask(022);
  use_everything();
  assert_non_null(getcwd(after, sizeof after));
  assert_string_equal(before, after);
  assert_string_equal(setlocale(LC_ALL, NULL), "C");
  assert_int_equal(umask(mask), 022);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_printed_to_standard_output),
      cmocka_unit_test(nothing_is_printed_about_servers_that_die_hang_and_come_back),
      cmocka_unit_test(descriptors_are_given_back_and_are_not_inherited),
      cmocka_unit_test(locale_directory_and_mask_stay),
  };
  return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
