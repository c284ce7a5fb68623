#include "functions.h"

#include <stdlib.h>
#include <string.h>

#define STORE(handle) ((const larder_store_t *)(handle))

uint32_t larder_go_abi_version(void) { return LARDER(larder_abi_version)(); }

const char *larder_go_version(void) { return LARDER(larder_version)(); }

/* Handles. */

int32_t larder_go_open(const uint8_t *config, size_t config_length, uintptr_t *larder, uintptr_t *error) {
  larder_t *opened = NULL;
  larder_error_t *err = NULL;
  int32_t status = LARDER(larder_open)(config, config_length, &opened, &err);
  *larder = (uintptr_t)opened;
  *error = (uintptr_t)err;
  return status;
}

int32_t larder_go_close(uintptr_t larder, int64_t wait_ms, uintptr_t *error) {
  larder_error_t *err = NULL;
  int32_t status = LARDER(larder_close)((const larder_t *)larder, wait_ms, &err);
  *error = (uintptr_t)err;
  return status;
}

void larder_go_free(uintptr_t larder) { LARDER(larder_free)((larder_t *)larder); }

int32_t larder_go_describe(uintptr_t larder, uintptr_t *bytes, uintptr_t *error) {
  larder_bytes_t *json = NULL;
  larder_error_t *err = NULL;
  int32_t status = LARDER(larder_describe)((const larder_t *)larder, &json, &err);
  *bytes = (uintptr_t)json;
  *error = (uintptr_t)err;
  return status;
}

int32_t larder_go_store_open(uintptr_t larder, const uint8_t *name, size_t name_length, const uint8_t *database,
                             size_t database_length, const uint8_t *table, size_t table_length, uintptr_t *store,
                             uintptr_t *error) {
  larder_store_options_t options = {.struct_size = sizeof options};
  options.database = database;
  options.database_length = database_length;
  options.table = table;
  options.table_length = table_length;
  larder_store_t *opened = NULL;
  larder_error_t *err = NULL;
  int32_t status = LARDER(larder_store_open)((const larder_t *)larder, name, name_length, &options, &opened, &err);
  *store = (uintptr_t)opened;
  *error = (uintptr_t)err;
  return status;
}

int32_t larder_go_store_close(uintptr_t store, uintptr_t *error) {
  larder_error_t *err = NULL;
  int32_t status = LARDER(larder_store_close)(STORE(store), &err);
  *error = (uintptr_t)err;
  return status;
}

void larder_go_store_free(uintptr_t store) { LARDER(larder_store_free)((larder_store_t *)store); }

int32_t larder_go_store_is_immediate(uintptr_t store) { return LARDER(larder_store_is_immediate)(STORE(store)); }

int32_t larder_go_store_describe(uintptr_t store, uintptr_t *bytes, uintptr_t *error) {
  larder_bytes_t *json = NULL;
  larder_error_t *err = NULL;
  int32_t status = LARDER(larder_store_describe)(STORE(store), &json, &err);
  *bytes = (uintptr_t)json;
  *error = (uintptr_t)err;
  return status;
}

/* The ways through that are paid for most often. */

int32_t larder_go_peek(uintptr_t store, const uint8_t *key, size_t key_length, uint8_t *value, size_t capacity,
                       larder_go_found_t *found) {
  larder_error_t *err = NULL;
  int32_t status =
      LARDER(larder_store_peek)(STORE(store), key, key_length, value, capacity, &found->length, &found->revision, &err);
  found->error = (uintptr_t)err;
  return status;
}

int32_t larder_go_get(uintptr_t store, const uint8_t *key, size_t key_length, uint8_t *value, size_t capacity,
                      larder_go_found_t *found) {
  larder_error_t *err = NULL;
  const larder_record_t *record = NULL;
  int32_t status = LARDER(larder_store_get)(STORE(store), key, key_length, 0, &record, &err);
  found->error = (uintptr_t)err;
  if (status != LARDER_OK) {
    return status;
  }
  const uint8_t *data = LARDER(larder_record_value)(record, &found->length);
  if (found->length > capacity) {
    found->record = (uintptr_t)record;
    found->value = data;
    return LARDER_BUFFER_TOO_SMALL;
  }
  if (found->length > 0) {
    memcpy(value, data, found->length);
  }
  LARDER(larder_record_free)(record);
  return LARDER_OK;
}

int32_t larder_go_get_many_into(uintptr_t store, const uint8_t *keys, size_t keys_length, const uint32_t *key_lengths,
                                size_t count, uint8_t *values, size_t capacity, int64_t *value_lengths,
                                larder_go_found_t *found) {
  larder_error_t *err = NULL;
  int32_t status = LARDER(larder_store_get_many_into)(STORE(store), keys, keys_length, key_lengths, count, 0, values,
                                                      capacity, value_lengths, &found->length, &err);
  found->error = (uintptr_t)err;
  return status;
}

int32_t larder_go_statistics(uintptr_t store, larder_statistics_t *statistics, uintptr_t *error) {
  larder_error_t *err = NULL;
  statistics->struct_size = sizeof *statistics;
  int32_t status = LARDER(larder_store_statistics)(STORE(store), 0, statistics, &err);
  *error = (uintptr_t)err;
  return status;
}

/* Options. */

static void set_put(larder_put_options_t *put, const larder_go_request_t *request, const uint8_t *metadata) {
  memset(put, 0, sizeof *put);
  put->struct_size = sizeof *put;
  put->lifespan_ms = request->lifespan_ms;
  put->max_idle_ms = request->max_idle_ms;
  put->metadata = metadata;
  put->metadata_length = request->metadata_length;
  put->durability = request->durability;
}

/* One put option for each record, from their flat form; NULL when there is no memory. The caller frees it. */
static larder_put_options_t *new_puts(const larder_go_request_t *request, const uint8_t *metadata,
                                      const uint32_t *metadata_lengths, const int64_t *terms) {
  larder_put_options_t *puts = calloc(request->put_count, sizeof *puts);
  for (size_t index = 0; puts != NULL && index < request->put_count; index++) {
    puts[index].struct_size = sizeof *puts;
    puts[index].lifespan_ms = terms[3 * index];
    puts[index].max_idle_ms = terms[3 * index + 1];
    puts[index].durability = (int32_t)terms[3 * index + 2];
    puts[index].metadata = metadata_lengths[index] == 0 ? NULL : metadata;
    puts[index].metadata_length = metadata_lengths[index];
    metadata += metadata_lengths[index];
  }
  return puts;
}

static larder_list_options_t list_options(const larder_go_request_t *request, const uint8_t *prefix,
                                          const uint8_t *suffix) {
  larder_list_options_t list = {.struct_size = sizeof list};
  list.prefix = prefix;
  list.prefix_length = request->key_length;
  list.suffix = suffix;
  list.suffix_length = request->value_length;
  list.offset = request->offset;
  list.limit = request->limit;
  list.projection = request->projection;
  return list;
}

int32_t larder_go_put_many(uintptr_t store, const larder_go_request_t *request, const uint8_t *keys,
                           const uint32_t *key_lengths, const uint8_t *values, const uint32_t *value_lengths,
                           const uint8_t *metadata, const uint32_t *metadata_lengths, const int64_t *terms,
                           int32_t *statuses, uint64_t *revisions, uintptr_t *error) {
  larder_put_options_t *puts = NULL;
  if (request->put_count > 0 && (puts = new_puts(request, metadata, metadata_lengths, terms)) == NULL) {
    return LARDER_OUT_OF_MEMORY;
  }
  larder_error_t *err = NULL;
  int32_t status = LARDER(larder_store_put_many)(STORE(store), keys, request->key_length, key_lengths, values,
                                                 request->value_length, value_lengths, request->count, puts,
                                                 request->put_count, statuses, revisions, &err);
  *error = (uintptr_t)err;
  free(puts);
  return status;
}

/* Operations at once. */

static int32_t call_put(const larder_store_t *store, const larder_go_request_t *request, const uint8_t *key,
                        const uint8_t *value, const uint8_t *metadata, uint64_t *revision, larder_error_t **err) {
  larder_put_options_t put;
  set_put(&put, request, metadata);
  switch (request->condition) {
  case LARDER_CONDITION_IF_ABSENT:
    return LARDER(larder_store_put_if_absent)(store, key, request->key_length, value, request->value_length, &put,
                                              revision, err);
  case LARDER_CONDITION_IF_REVISION:
    return LARDER(larder_store_replace)(store, key, request->key_length, value, request->value_length,
                                        request->revision, &put, revision, err);
  default:
    return LARDER(larder_store_put)(store, key, request->key_length, value, request->value_length, &put, revision, err);
  }
}

static int32_t call_remove(const larder_store_t *store, const larder_go_request_t *request, const uint8_t *key,
                           uint64_t *revision, larder_error_t **err) {
  if (request->condition == LARDER_CONDITION_IF_REVISION) {
    return LARDER(larder_store_remove_revision)(store, key, request->key_length, request->revision, 0, revision, err);
  }
  return LARDER(larder_store_remove)(store, key, request->key_length, 0, revision, err);
}

static int32_t call_get(const larder_store_t *store, const larder_go_request_t *request, const uint8_t *key,
                        larder_go_answer_t *answer, larder_error_t **err) {
  const larder_record_t *record = NULL;
  int32_t status = LARDER(larder_store_get)(store, key, request->key_length, 0, &record, err);
  answer->record = (uintptr_t)record;
  return status;
}

static int32_t call_for_records(uintptr_t handle, const larder_go_request_t *request, const uint8_t *key,
                                const uint32_t *key_lengths, const uint8_t *value, larder_go_answer_t *answer,
                                larder_error_t **err) {
  larder_records_t *records = NULL;
  int32_t status;
  if (request->operation == LARDER_OPERATION_GET_MANY || request->operation == LARDER_OPERATION_GET_VALUES) {
    status = LARDER(larder_store_get_many)(STORE(handle), key, request->key_length, key_lengths, request->count, 0,
                                           &records, err);
  } else if (request->operation == LARDER_OPERATION_LIST) {
    larder_list_options_t list = list_options(request, key, value);
    status = LARDER(larder_store_list)(STORE(handle), &list, &records, err);
  } else {
    status = LARDER(larder_cursor_next)((const larder_cursor_t *)handle, request->most, 0, &records, err);
  }
  answer->records = (uintptr_t)records;
  return status;
}

static int32_t call_cursor(const larder_store_t *store, const larder_go_request_t *request, const uint8_t *prefix,
                           const uint8_t *suffix, larder_go_answer_t *answer, larder_error_t **err) {
  larder_list_options_t list = list_options(request, prefix, suffix);
  larder_cursor_t *cursor = NULL;
  int32_t status = LARDER(larder_store_cursor)(store, &list, &cursor, err);
  answer->cursor = (uintptr_t)cursor;
  return status;
}

static int32_t call_any(uintptr_t handle, const larder_go_request_t *request, const uint8_t *key,
                        const uint32_t *key_lengths, const uint8_t *value, const uint8_t *metadata,
                        larder_go_answer_t *answer, larder_error_t **err) {
  switch (request->operation) {
  case LARDER_OPERATION_PUT:
    return call_put(STORE(handle), request, key, value, metadata, &answer->number, err);
  case LARDER_OPERATION_GET:
  case LARDER_OPERATION_GET_VALUE:
    return call_get(STORE(handle), request, key, answer, err);
  case LARDER_OPERATION_CONTAINS:
    return LARDER(larder_store_contains)(STORE(handle), key, request->key_length, 0, err);
  case LARDER_OPERATION_REMOVE:
    return call_remove(STORE(handle), request, key, &answer->number, err);
  case LARDER_OPERATION_REMOVE_MANY:
    return LARDER(larder_store_remove_many)(STORE(handle), key, request->key_length, key_lengths, request->count, 0,
                                            &answer->number, err);
  case LARDER_OPERATION_TOUCH:
    return LARDER(larder_store_touch)(STORE(handle), key, request->key_length, request->lifespan_ms,
                                      request->max_idle_ms, 0, err);
  case LARDER_OPERATION_GET_MANY:
  case LARDER_OPERATION_GET_VALUES:
  case LARDER_OPERATION_LIST:
  case LARDER_OPERATION_CURSOR_NEXT:
    return call_for_records(handle, request, key, key_lengths, value, answer, err);
  case LARDER_OPERATION_CURSOR:
    return call_cursor(STORE(handle), request, key, value, answer, err);
  case LARDER_OPERATION_CLEAR:
    return LARDER(larder_store_clear)(STORE(handle), 0, &answer->number, err);
  case LARDER_OPERATION_SIZE:
    return LARDER(larder_store_size)(STORE(handle), 0, &answer->number, err);
  case LARDER_OPERATION_PING:
    return LARDER(larder_store_ping)(STORE(handle), 0, err);
  default:
    return LARDER_INVALID_ARGUMENT;
  }
}

int32_t larder_go_call(uintptr_t handle, const larder_go_request_t *request, const uint8_t *key,
                       const uint32_t *key_lengths, const uint8_t *value, const uint8_t *metadata,
                       larder_go_answer_t *answer) {
  larder_error_t *err = NULL;
  int32_t status = call_any(handle, request, key, key_lengths, value, metadata, answer, &err);
  answer->error = (uintptr_t)err;
  answer->status = status;
  answer->operation = request->operation;
  return status;
}

/* What answers hold. */

void larder_go_answer_free(const larder_go_answer_t *answer) {
  LARDER(larder_record_free)((const larder_record_t *)answer->record);
  LARDER(larder_records_free)((larder_records_t *)answer->records);
  LARDER(larder_events_free)((larder_events_t *)answer->events);
  LARDER(larder_cursor_free)((larder_cursor_t *)answer->cursor);
  LARDER(larder_watch_free)((larder_watch_t *)answer->watch);
  LARDER(larder_bytes_free)((larder_bytes_t *)answer->bytes);
  LARDER(larder_error_free)((larder_error_t *)answer->error);
}

void larder_go_record_view(uintptr_t handle, larder_go_record_t *view) {
  const larder_record_t *record = (const larder_record_t *)handle;
  view->key = LARDER(larder_record_key)(record, &view->key_length);
  view->value = LARDER(larder_record_value)(record, &view->value_length);
  view->metadata = LARDER(larder_record_metadata)(record, &view->metadata_length);
  view->revision = LARDER(larder_record_revision)(record);
  view->expires_in_ms = LARDER(larder_record_expires_in_ms)(record);
  view->max_idle_ms = LARDER(larder_record_max_idle_ms)(record);
}

void larder_go_record_free(uintptr_t record) { LARDER(larder_record_free)((const larder_record_t *)record); }

const uint8_t *larder_go_records_flat(uintptr_t records, size_t *length) {
  return LARDER(larder_records_flat)((const larder_records_t *)records, length);
}

void larder_go_records_free(uintptr_t records) { LARDER(larder_records_free)((larder_records_t *)records); }

const uint8_t *larder_go_events_flat(uintptr_t events, size_t *length) {
  return LARDER(larder_events_flat)((const larder_events_t *)events, length);
}

void larder_go_events_free(uintptr_t events) { LARDER(larder_events_free)((larder_events_t *)events); }

const uint8_t *larder_go_bytes_data(uintptr_t bytes, size_t *length) {
  return LARDER(larder_bytes_data)((const larder_bytes_t *)bytes, length);
}

void larder_go_bytes_free(uintptr_t bytes) { LARDER(larder_bytes_free)((larder_bytes_t *)bytes); }

void larder_go_cursor_free(uintptr_t cursor) { LARDER(larder_cursor_free)((larder_cursor_t *)cursor); }

void larder_go_watch_close(uintptr_t watch) { LARDER(larder_watch_close)((const larder_watch_t *)watch, NULL); }

void larder_go_watch_free(uintptr_t watch) { LARDER(larder_watch_free)((larder_watch_t *)watch); }

void larder_go_error_view(uintptr_t handle, larder_go_error_t *view) {
  const larder_error_t *error = (const larder_error_t *)handle;
  view->message = LARDER(larder_error_message)(error);
  view->source = LARDER(larder_error_source)(error);
  view->code = LARDER(larder_error_code)(error);
  view->retryable = LARDER(larder_error_retryable)(error);
}

void larder_go_error_free(uintptr_t error) { LARDER(larder_error_free)((larder_error_t *)error); }

/* The queue. */

int32_t larder_go_queue_open(size_t capacity, uintptr_t *queue, uintptr_t *error) {
  larder_queue_t *opened = NULL;
  larder_error_t *err = NULL;
  int32_t status = LARDER(larder_queue_open)(capacity, &opened, &err);
  *queue = (uintptr_t)opened;
  *error = (uintptr_t)err;
  return status;
}

int32_t larder_go_queue_descriptor(uintptr_t queue, int32_t *descriptor, uintptr_t *error) {
  larder_error_t *err = NULL;
  int32_t status = LARDER(larder_queue_descriptor)((const larder_queue_t *)queue, descriptor, &err);
  *error = (uintptr_t)err;
  return status;
}

static int32_t submit(const larder_queue_t *queue, uintptr_t handle, const larder_go_request_t *request,
                      const larder_go_parts_t *parts, const larder_put_options_t *puts, size_t put_count,
                      larder_error_t **err) {
  larder_request_t out = {.struct_size = sizeof out};
  larder_list_options_t list = list_options(request, parts->key, parts->value);
  larder_watch_options_t watch = {.struct_size = sizeof watch};
  watch.prefix = parts->key;
  watch.prefix_length = request->key_length;
  watch.start = request->start;
  watch.capacity = request->capacity;

  out.id = request->id;
  out.operation = request->operation;
  out.timeout_ms = request->timeout_ms;
  out.flags = request->flags;
  switch (request->operation) {
  case LARDER_OPERATION_CURSOR_NEXT:
    out.cursor = (const larder_cursor_t *)handle;
    out.most = request->most;
    break;
  case LARDER_OPERATION_WATCH_NEXT:
    out.watch = (const larder_watch_t *)handle;
    out.most = request->most;
    break;
  case LARDER_OPERATION_LIST:
  case LARDER_OPERATION_CURSOR:
    out.store = STORE(handle);
    out.list = &list;
    break;
  case LARDER_OPERATION_WATCH:
    out.store = STORE(handle);
    out.watch_options = &watch;
    break;
  default:
    out.store = STORE(handle);
    out.condition = request->condition;
    out.revision = request->revision;
    out.key = parts->key;
    out.key_length = request->key_length;
    out.key_lengths = parts->key_lengths;
    out.value = parts->value;
    out.value_length = request->value_length;
    out.value_lengths = parts->value_lengths;
    out.count = request->count;
    out.put = puts;
    out.put_count = put_count;
  }
  return LARDER(larder_queue_submit)(queue, &out, 1, NULL, err);
}

int32_t larder_go_queue_submit(uintptr_t queue, uintptr_t handle, const larder_go_request_t *request,
                               const uint8_t *key, const uint32_t *key_lengths, const uint8_t *value,
                               const uint32_t *value_lengths, const uint8_t *metadata,
                               const uint32_t *metadata_lengths, const int64_t *terms, uintptr_t *error) {
  const larder_go_parts_t parts = {key, key_lengths, value, value_lengths, metadata, metadata_lengths, terms};
  const larder_queue_t *to = (const larder_queue_t *)queue;
  larder_error_t *err = NULL;
  int32_t status;
  if (request->put_count > 0) {
    larder_put_options_t *puts = new_puts(request, metadata, metadata_lengths, terms);
    if (puts == NULL) {
      return LARDER_OUT_OF_MEMORY;
    }
    status = submit(to, handle, request, &parts, puts, request->put_count, &err);
    free(puts);
  } else {
    larder_put_options_t put;
    set_put(&put, request, metadata);
    int writes = request->operation == LARDER_OPERATION_PUT || request->operation == LARDER_OPERATION_TOUCH;
    status = submit(to, handle, request, &parts, writes ? &put : NULL, writes ? 1 : 0, &err);
  }
  *error = (uintptr_t)err;
  return status;
}

/* How many completions are taken from the library at once. */
enum { DRAINED_AT_ONCE = 64 };

static void to_answer(const larder_completion_t *completion, larder_go_answer_t *answer) {
  answer->id = completion->id;
  answer->number = completion->number;
  answer->record = (uintptr_t)completion->record;
  answer->records = (uintptr_t)completion->records;
  answer->events = (uintptr_t)completion->events;
  answer->cursor = (uintptr_t)completion->cursor;
  answer->watch = (uintptr_t)completion->watch;
  answer->bytes = (uintptr_t)completion->bytes;
  answer->error = (uintptr_t)completion->error;
  answer->status = completion->status;
  answer->operation = completion->operation;
}

int32_t larder_go_queue_drain(uintptr_t queue, larder_go_answer_t *answers, size_t capacity, int64_t wait_ms,
                              size_t *count, uintptr_t *error) {
  larder_completion_t completions[DRAINED_AT_ONCE];
  larder_error_t *err = NULL;
  size_t most = capacity < DRAINED_AT_ONCE ? capacity : DRAINED_AT_ONCE;
  size_t taken = 0;
  int32_t status = LARDER(larder_queue_drain)((const larder_queue_t *)queue, completions, most, wait_ms, &taken, &err);
  for (size_t index = 0; index < taken; index++) {
    to_answer(&completions[index], &answers[index]);
  }
  *count = taken;
  *error = (uintptr_t)err;
  return status;
}

int32_t larder_go_queue_cancel(uintptr_t queue, uint64_t id) {
  return LARDER(larder_queue_cancel)((const larder_queue_t *)queue, id, NULL);
}

size_t larder_go_queue_in_flight(uintptr_t queue) {
  return LARDER(larder_queue_in_flight)((const larder_queue_t *)queue);
}

void larder_go_queue_close(uintptr_t queue) { LARDER(larder_queue_close)((const larder_queue_t *)queue, NULL); }

void larder_go_queue_free(uintptr_t queue) { LARDER(larder_queue_free)((larder_queue_t *)queue); }

/* The log, and faults on purpose. */

/* Exported by log.go. */
extern void larderGoLog(uint64_t logger, int32_t level, char *target, char *message, uint64_t dropped);

static void tell_go(void *user, int32_t level, const char *target, const char *message, uint64_t dropped) {
  larderGoLog((uint64_t)(uintptr_t)user, level, (char *)target, (char *)message, dropped);
}

int32_t larder_go_log_start(int32_t level, uint64_t logger, uintptr_t *error) {
  larder_error_t *err = NULL;
  int32_t status = LARDER(larder_log_start)(level, tell_go, (void *)(uintptr_t)logger, NULL, &err);
  *error = (uintptr_t)err;
  return status;
}

void larder_go_log_stop(void) { LARDER(larder_log_stop)(); }

void larder_go_arm_panic(void) { LARDER(larder_fault_arm_panic)(); }
