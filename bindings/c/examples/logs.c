/* Larder's log lines in the host's own log. */
#include "example.h"

#include <semaphore.h>

static sem_t told;

static void on_line(void *user, int32_t level, const char *target, const char *message, uint64_t dropped) {
  (void)user;
  static const char *const levels[] = {"?", "ERROR", "WARN", "INFO", "DEBUG"};
  printf("%s %s: %s (%" PRIu64 " dropped)\n", levels[level < 0 || level > 4 ? 0 : level], target, message, dropped);
  sem_post(&told);
}

int main(void) {
  larder_error_t *error = NULL;
  sem_init(&told, 0, 0);
  check(larder_log_start(LARDER_LOG_INFO, on_line, NULL, NULL, &error), error);
  larder_free(open_larder("memory://"));
  for (int i = 0; i < 2; i++) sem_wait(&told);
  larder_log_stop();
  return 0;
}
