/* What an error says, and what is none. */
#include "example.h"

int main(void) {
  larder_t *larder = NULL;
  larder_error_t *error = NULL;

  /* The source names the setting; the message says what to do. */
  int32_t status = larder_open(TEXT("memory://?max_entires=10"), &larder, &error);
  printf("%s (%" PRId32 ") at %s: %s\n", larder_status_name(status), status, larder_error_source(error),
         larder_error_message(error));
  larder_error_free(error);
  if (status != LARDER_CONFIG) return 1;

  /* A condition that does not hold is an answer, not an error: nothing is allocated for it. */
  larder = open_larder("memory://");
  larder_store_t *store = open_store(larder);
  uint64_t revision = 0, current = 0;
  check(larder_store_put_if_absent(store, TEXT("k"), TEXT("one"), NULL, &revision, &error), error);
  status = larder_store_replace(store, TEXT("k"), TEXT("two"), revision + 1, NULL, &current, &error);
  printf("%s: the record has revision %s\n", larder_status_name(status), current == revision ? "one" : "another");
  if (status != LARDER_CONFLICT || error != NULL) return 1;

  /* Whoever does not want to know why passes NULL. */
  check(larder_close(larder, 0, &error), error);
  status = larder_store_ping(store, 0, NULL);
  printf("%s: %s\n", larder_status_name(status), larder_status_text(status));
  larder_store_free(store);
  larder_free(larder);
  return status == LARDER_CLOSED ? 0 : 1;
}
