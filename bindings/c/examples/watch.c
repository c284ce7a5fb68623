/* What happens in a store: what is there first, then changes, told to a callback on a thread of its own. */
#include "example.h"

#include <semaphore.h>

static const char *const names[] = {"?", "created", "updated", "removed", "expired", "evicted", "current", "lost"};

typedef struct {
  sem_t told, destroyed;
} listener_t;

static void on_events(void *user, const larder_events_t *events) {
  listener_t *listener = user;
  for (size_t i = 0; i < larder_events_count(events); i++) {
    int32_t kind = larder_events_kind(events, i);
    size_t length = 0;
    const uint8_t *key = larder_record_key(larder_events_record(events, i), &length);
    printf("%s %.*s\n", names[kind < 0 || kind > LARDER_EVENT_LOST ? 0 : kind], (int)length, key ? (const char *)key : "");
    sem_post(&listener->told);
  }
}

static void on_destroy(void *user) { sem_post(&((listener_t *)user)->destroyed); }

int main(void) {
  larder_error_t *error = NULL;
  larder_t *larder = open_larder("memory://");
  larder_store_t *store = open_store(larder);
  listener_t listener;
  sem_init(&listener.told, 0, 0);
  sem_init(&listener.destroyed, 0, 0);

  check(larder_store_put(store, TEXT("users/1"), TEXT("ann"), NULL, NULL, &error), error);
  larder_watch_options_t options = {.struct_size = sizeof options, .start = LARDER_WATCH_EXISTING,
                                    .prefix = (const uint8_t *)"users/", .prefix_length = 6};
  larder_watch_t *watch = NULL;
  check(larder_store_watch(store, &options, &watch, &error), error);
  check(larder_watch_start(watch, on_events, &listener, on_destroy, &error), error);
  /* What is there, and that it was all. */
  for (int i = 0; i < 2; i++) sem_wait(&listener.told);

  check(larder_store_put(store, TEXT("users/1"), TEXT("bob"), NULL, NULL, &error), error);
  check(larder_store_put(store, TEXT("groups/1"), TEXT("not told"), NULL, NULL, &error), error);
  check(larder_store_remove(store, TEXT("users/1"), 0, NULL, &error), error);

  for (int i = 0; i < 2; i++) sem_wait(&listener.told);
  larder_watch_free(watch);
  sem_wait(&listener.destroyed);
  larder_store_free(store);
  larder_free(larder);
  return 0;
}
