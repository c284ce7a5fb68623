/* The host's signals stay on the host's threads, and its handlers stay its own. */
#include "support.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static larder_t *larders[2];
static larder_store_t *stores[2];
static larder_watch_t *watch;

static void ignore_events(void *user, const larder_events_t *events) {
  (void)user;
  (void)events;
}

static void ignore_line(void *user, int32_t level, const char *target, const char *message, uint64_t dropped) {
  (void)user;
  (void)level;
  (void)target;
  (void)message;
  (void)dropped;
}

/* Has the library start every kind of thread that it has. */
static int open_all(void **state) {
  (void)state;
  larder_put_options_t options = {.struct_size = sizeof options, .lifespan_ms = 60000};
  larders[0] = open_larder("memory://");
  larders[1] = open_larder("fault://");
  for (int i = 0; i < 2; i++) {
    stores[i] = open_store(larders[i]);
    OK(larder_store_put(stores[i], TEXT("k"), TEXT("v"), &options, NULL, E));
  }
  OK(larder_store_watch(stores[1], NULL, &watch, E));
  OK(larder_watch_start(watch, ignore_events, NULL, NULL, E));
  OK(larder_log_start(LARDER_LOG_INFO, ignore_line, NULL, NULL, E));
  sleep_ms(50);
  return 0;
}

static int free_all(void **state) {
  (void)state;
  larder_log_stop();
  larder_watch_free(watch);
  for (int i = 0; i < 2; i++) {
    larder_store_free(stores[i]);
    larder_free(larders[i]);
  }
  return 0;
}

static void read_status(const char *task, char *name, unsigned long long *blocked) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/self/task/%.20s/status", task);
  FILE *file = fopen(path, "r");
  if (!file) return;
  while (fgets(line, sizeof line, file)) {
    sscanf(line, "Name: %31s", name);
    sscanf(line, "SigBlk: %llx", blocked);
  }
  fclose(file);
}

static void every_thread_of_the_library_blocks_every_signal(void **state) {
  (void)state;
  DIR *tasks = opendir("/proc/self/task");
  assert_non_null(tasks);
  int seen = 0;
  for (struct dirent *entry; (entry = readdir(tasks));) {
    char name[32] = "";
    unsigned long long blocked = 0;
    if (entry->d_name[0] == '.') continue;
    read_status(entry->d_name, name, &blocked);
    if (strncmp(name, "larder-", 7) != 0) continue;
    seen++;
    for (int number = 1; number <= 64; number++) {
      /* KILL and STOP cannot be blocked; 32 and 33 are the C library's own. */
      if (number == SIGKILL || number == SIGSTOP || number == 32 || number == 33) continue;
      if (!(blocked >> (number - 1) & 1)) {
        print_error("%s does not block signal %d\n", name, number);
        fail();
      }
    }
  }
  closedir(tasks);
  /* io, sweep, watch and log. */
  assert_in_range(seen, 4, 8);
}

static volatile sig_atomic_t handled;
static volatile pid_t handled_by;

static void on_signal(int number) {
  (void)number;
  handled_by = (pid_t)syscall(SYS_gettid);
  handled++;
}

static void a_signal_to_the_process_is_handled_on_a_thread_of_the_host(void **state) {
  (void)state;
  struct sigaction action = {.sa_handler = on_signal}, before;
  sigaction(SIGUSR1, &action, &before);
  for (int i = 1; i <= 200; i++) {
    kill(getpid(), SIGUSR1);
    larder_store_ping(stores[1], 1000, NULL);
    for (int64_t end = now_ms() + 20000; handled < i && now_ms() < end;) sleep_ms(1);
    assert_int_equal(handled, i);
    assert_int_equal(handled_by, getpid());
  }
  sigaction(SIGUSR1, &before, NULL);
}

static void *interrupt(void *argument) {
  for (int i = 0; i < 100; i++) {
    pthread_kill(*(pthread_t *)argument, SIGUSR1);
    sleep_ms(1);
  }
  return NULL;
}

static void a_blocking_call_goes_on_when_a_signal_interrupts_it(void **state) {
  (void)state;
  struct sigaction action = {.sa_handler = on_signal}, before;
  sigaction(SIGUSR1, &action, &before);
  pthread_t self = pthread_self(), thread;
  assert_int_equal(pthread_create(&thread, NULL, interrupt, &self), 0);
  int64_t begin = now_ms();
  EXPECT(LARDER_TIMEOUT, larder_store_contains(stores[1], TEXT("never:k"), 200, E));
  assert_in_range(now_ms() - begin, 195, 20000);
  pthread_join(thread, NULL);
  sigaction(SIGUSR1, &before, NULL);
}

static void the_library_installs_no_handler(void **state) {
  (void)state;
  for (int number = 1; number < 32; number++) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) != 0) continue;
    /* cmocka and the sanitizers catch what a crash raises; nothing else has a handler. */
    if (number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL || number == SIGSYS) continue;
    assert_true(action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN);
  }
  struct sigaction pipe_action;
  sigaction(SIGPIPE, NULL, &pipe_action);
  assert_true(pipe_action.sa_handler == SIG_DFL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_thread_of_the_library_blocks_every_signal),
      cmocka_unit_test(the_library_installs_no_handler),
      cmocka_unit_test(a_signal_to_the_process_is_handled_on_a_thread_of_the_host),
      cmocka_unit_test(a_blocking_call_goes_on_when_a_signal_interrupts_it),
  };
  signal(SIGPIPE, SIG_DFL);
  return cmocka_run_group_tests_name("signals", tests, open_all, free_all);
}
