/* The steps that read a watch. */
#include <time.h>

#include "contract.h"

const char *const event_names[] = {"?", "created", "updated", "removed", "expired", "evicted", "current", "lost"};

enum { PATIENCE_MS = 20000, MOST_EVENTS = 64 };

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int32_t next_events(case_t *state, named_t *watch, size_t most, int64_t wait_ms) {
  larder_events_free(watch->events);
  watch->events = NULL;
  watch->next_event = 0;
  if (state->way == BY_CALL) return larder_watch_next(watch->value, most, wait_ms, &watch->events, NULL);
  larder_request_t request = {.struct_size = sizeof request, .id = state->next_id++, .operation = LARDER_OPERATION_WATCH_NEXT,
                              .watch = watch->value, .most = most, .timeout_ms = wait_ms > 0 ? wait_ms : 1};
  larder_completion_t done;
  size_t count = 0;
  if (larder_queue_submit(state->queue, &request, 1, NULL, NULL) != LARDER_OK) return LARDER_INTERNAL;
  if (larder_queue_drain(state->queue, &done, 1, 60000, &count, NULL) != LARDER_OK || count != 1) return LARDER_INTERNAL;
  watch->events = done.events;
  larder_error_free(done.error);
  return done.status == LARDER_TIMEOUT ? LARDER_NOT_FOUND : done.status;
}

/* Has one event ready at `next_event` of the watch; false when none came in time. */
static bool has_event(case_t *state, named_t *watch, int64_t end) {
  while (watch->next_event >= larder_events_count(watch->events)) {
    int64_t left = end - now_ms();
    int32_t status = next_events(state, watch, 1, left > 0 ? left : 0);
    if (status == LARDER_NOT_FOUND) return false;
    if (status != LARDER_OK) return failed(state, "reading the watch: %s", larder_status_name(status));
  }
  return true;
}

static bool in_order(case_t *state, named_t *watch, const cJSON *events, int64_t end) {
  const cJSON *expected;
  int index = 0;
  cJSON_ArrayForEach(expected, events) {
    if (!has_event(state, watch, end)) return failed(state, "only %d events came", index);
    if (!check_event(state, expected, watch->events, watch->next_event++)) return false;
    index++;
  }
  return true;
}

static bool in_any_order(case_t *state, named_t *watch, const cJSON *events, int64_t end) {
  larder_events_t *came[MOST_EVENTS] = {0};
  int count = cJSON_GetArraySize(events), index = 0;
  bool done = count <= MOST_EVENTS;
  for (; done && index < count; index++) {
    done = has_event(state, watch, end);
    if (!done) failed(state, "only %d events came", index);
    /* One event comes at a time, so that each can be kept apart. */
    came[index] = watch->events;
    watch->events = NULL;
  }
  const cJSON *expected;
  cJSON_ArrayForEach(expected, events) {
    int found = 0;
    while (done && found < count && !(came[found] && check_event(state, expected, came[found], 0))) found++;
    if (done && found == count) {
      done = failed(state, "no event is %s %s", text_of(expected, "kind"), text_of(expected, "key") ? text_of(expected, "key") : "");
    }
    if (!done) break;
    larder_events_free(came[found]);
    came[found] = NULL;
  }
  for (int i = 0; i < count && i < MOST_EVENTS; i++) larder_events_free(came[i]);
  return done;
}

static bool skip_to(case_t *state, named_t *watch, const char *kind, int64_t count, int64_t end) {
  for (int64_t seen = 0; seen < count;) {
    if (!has_event(state, watch, end)) return failed(state, "only %lld of %s came", (long long)seen, kind);
    int32_t number = larder_events_kind(watch->events, watch->next_event++);
    if (number >= 0 && number <= LARDER_EVENT_LOST && strcmp(event_names[number], kind) == 0) seen++;
  }
  return true;
}

bool watch_step(case_t *state, const cJSON *step, const char *operation) {
  static const char *const known[] = {"op", "expect", "watch", "order", "wait_ms", "ms", "kind", "count", NULL};
  if (!only_fields(state, step, known)) return false;
  named_t *watch = find(state->watches, state->watch_count, text_of(step, "watch"));
  if (!watch) return failed(state, "there is no such watch");
  int64_t wait_ms = number_of(step, "wait_ms", PATIENCE_MS);
  if (strcmp(operation, "watch_read") == 0) {
    const cJSON *events = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(step, "expect"), "events");
    const char *order = text_of(step, "order");
    bool any = order && strcmp(order, "any") == 0;
    return (any ? in_any_order : in_order)(state, watch, events, now_ms() + wait_ms);
  }
  if (strcmp(operation, "watch_quiet") == 0) {
    bool came = has_event(state, watch, now_ms() + number_of(step, "ms", 0));
    return !came || failed(state, "there came %s", event_names[larder_events_kind(watch->events, watch->next_event)]);
  }
  if (strcmp(operation, "watch_skip_to") == 0) {
    return skip_to(state, watch, text_of(step, "kind"), number_of(step, "count", 1), now_ms() + wait_ms);
  }
  if (strcmp(operation, "watch_close") == 0) return larder_watch_close(watch->value, NULL) == LARDER_OK || failed(state, "close");
  if (strcmp(operation, "watch_ended") == 0) {
    int32_t status = next_events(state, watch, 1, wait_ms);
    return status == LARDER_CLOSED || failed(state, "expected the end, got %s", larder_status_name(status));
  }
  return failed(state, "there is no operation %s", operation);
}
