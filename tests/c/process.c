/* The library prints nothing to standard output, leaks no descriptor, and leaves the process's settings alone. */
#include "support.h"

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

static void nothing_is_printed_to_standard_output(void **state) {
  (void)state;
  char path[] = "/tmp/larder-stdout-XXXXXX";
  int file = mkstemp(path);
  assert_true(file >= 0);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    dup2(file, STDOUT_FILENO);
    use_everything();
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
      cmocka_unit_test(descriptors_are_given_back_and_are_not_inherited),
      cmocka_unit_test(locale_directory_and_mask_stay),
  };
  return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
