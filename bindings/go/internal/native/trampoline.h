/*
 * What Go calls. Each function makes one crossing do a whole step: it builds the structs that hold pointers on the C
 * stack, so that no pointer to Go memory ever stands in Go memory that C sees, and answers in numbers. Handles and
 * owned objects are uintptr_t for Go, which then checks and scans nothing.
 */

#ifndef LARDER_GO_TRAMPOLINE_H
#define LARDER_GO_TRAMPOLINE_H

#ifdef LARDER_GO_LINKED
#include <larder.h>
#endif
#include "abi.h"

/* A request in numbers; its bytes come as arguments of their own. */
typedef struct {
  uint64_t id;
  uint32_t operation;
  uint32_t condition;
  uint32_t projection;
  uint32_t start;
  size_t key_length;
  size_t value_length;
  size_t metadata_length;
  size_t count;
  size_t put_count;
  size_t most;
  uint64_t revision;
  uint64_t offset;
  uint64_t limit;
  uint64_t capacity;
  int64_t lifespan_ms;
  int64_t max_idle_ms;
  int64_t timeout_ms;
  int32_t durability;
  /* Whether the value is lent: LARDER_REQUEST_LENDS_VALUE, or 0. */
  uint32_t flags;
} larder_go_request_t;

/* The bytes of a request; which operation uses which: see larder_go_call. */
typedef struct {
  const uint8_t *key;
  const uint32_t *key_lengths;
  const uint8_t *value;
  const uint32_t *value_lengths;
  const uint8_t *metadata;
  const uint32_t *metadata_lengths;
  const int64_t *terms;
} larder_go_parts_t;

/* An answer: whatever is not 0 below number belongs to the caller. */
typedef struct {
  uint64_t id;
  uint64_t number;
  uintptr_t record;
  uintptr_t records;
  uintptr_t events;
  uintptr_t cursor;
  uintptr_t watch;
  uintptr_t bytes;
  uintptr_t error;
  int32_t status;
  uint32_t operation;
} larder_go_answer_t;

/* A record's numbers and where its bytes are. */
typedef struct {
  const uint8_t *key;
  const uint8_t *value;
  const uint8_t *metadata;
  size_t key_length;
  size_t value_length;
  size_t metadata_length;
  uint64_t revision;
  int64_t expires_in_ms;
  int64_t max_idle_ms;
} larder_go_record_t;

/* An error's number and texts. */
typedef struct {
  const char *message;
  const char *source;
  int32_t code;
  int32_t retryable;
} larder_go_error_t;

/* The outcome of a read into a buffer; a record that is not 0 belongs to the caller, and the value to the record. */
typedef struct {
  size_t length;
  uint64_t revision;
  const uint8_t *value;
  uintptr_t record;
  uintptr_t error;
} larder_go_found_t;

/* Loading; see load.c. NULL when it went well, otherwise why not: text to be freed with free. */
char *larder_go_load(const char *path);
uint32_t larder_go_abi_version(void);
const char *larder_go_version(void);

int32_t larder_go_open(const uint8_t *config, size_t config_length, uintptr_t *larder, uintptr_t *error);
int32_t larder_go_close(uintptr_t larder, int64_t wait_ms, uintptr_t *error);
void larder_go_free(uintptr_t larder);
int32_t larder_go_describe(uintptr_t larder, uintptr_t *bytes, uintptr_t *error);

int32_t larder_go_store_open(uintptr_t larder, const uint8_t *name, size_t name_length, const uint8_t *database,
                             size_t database_length, const uint8_t *table, size_t table_length, uintptr_t *store,
                             uintptr_t *error);
int32_t larder_go_store_close(uintptr_t store, uintptr_t *error);
void larder_go_store_free(uintptr_t store);
int32_t larder_go_store_is_immediate(uintptr_t store);
int32_t larder_go_store_describe(uintptr_t store, uintptr_t *bytes, uintptr_t *error);

int32_t larder_go_peek(uintptr_t store, const uint8_t *key, size_t key_length, uint8_t *value, size_t capacity,
                       larder_go_found_t *found);
/* Reads once: a value that the buffer has room for is copied, a longer one comes as a record. */
int32_t larder_go_get(uintptr_t store, const uint8_t *key, size_t key_length, uint8_t *value, size_t capacity,
                      larder_go_found_t *found);
int32_t larder_go_get_many_into(uintptr_t store, const uint8_t *keys, size_t keys_length, const uint32_t *key_lengths,
                                size_t count, uint8_t *values, size_t capacity, int64_t *value_lengths,
                                larder_go_found_t *found);
int32_t larder_go_put_many(uintptr_t store, const larder_go_request_t *request, const uint8_t *keys,
                           const uint32_t *key_lengths, const uint8_t *values, const uint32_t *value_lengths,
                           const uint8_t *metadata, const uint32_t *metadata_lengths, const int64_t *terms,
                           int32_t *statuses, uint64_t *revisions, uintptr_t *error);
int32_t larder_go_statistics(uintptr_t store, larder_statistics_t *statistics, uintptr_t *error);

/*
 * Does an operation at once and fills in the answer. The handle is the store, or the cursor of
 * LARDER_OPERATION_CURSOR_NEXT; a list has its prefix for a key and its suffix for a value.
 */
int32_t larder_go_call(uintptr_t handle, const larder_go_request_t *request, const uint8_t *key,
                       const uint32_t *key_lengths, const uint8_t *value, const uint8_t *metadata,
                       larder_go_answer_t *answer);

/* Frees all that an answer owns. */
void larder_go_answer_free(const larder_go_answer_t *answer);

void larder_go_record_view(uintptr_t record, larder_go_record_t *view);
void larder_go_record_free(uintptr_t record);
const uint8_t *larder_go_records_flat(uintptr_t records, size_t *length);
void larder_go_records_free(uintptr_t records);
const uint8_t *larder_go_events_flat(uintptr_t events, size_t *length);
void larder_go_events_free(uintptr_t events);
const uint8_t *larder_go_bytes_data(uintptr_t bytes, size_t *length);
void larder_go_bytes_free(uintptr_t bytes);
void larder_go_cursor_free(uintptr_t cursor);
void larder_go_watch_close(uintptr_t watch);
void larder_go_watch_free(uintptr_t watch);
void larder_go_error_view(uintptr_t error, larder_go_error_t *view);
void larder_go_error_free(uintptr_t error);

int32_t larder_go_queue_open(size_t capacity, uintptr_t *queue, uintptr_t *error);
int32_t larder_go_queue_descriptor(uintptr_t queue, int32_t *descriptor, uintptr_t *error);
/* As larder_go_call, but the answer comes through the queue; also for watches, whose handle is the store or the watch. */
int32_t larder_go_queue_submit(uintptr_t queue, uintptr_t handle, const larder_go_request_t *request,
                               const uint8_t *key, const uint32_t *key_lengths, const uint8_t *value,
                               const uint32_t *value_lengths, const uint8_t *metadata,
                               const uint32_t *metadata_lengths, const int64_t *terms, uintptr_t *error);
/* Waits for the first answer so many milliseconds, or without end for a negative number. */
int32_t larder_go_queue_drain(uintptr_t queue, larder_go_answer_t *answers, size_t capacity, int64_t wait_ms,
                              size_t *count, uintptr_t *error);
int32_t larder_go_queue_cancel(uintptr_t queue, uint64_t id);
size_t larder_go_queue_in_flight(uintptr_t queue);
void larder_go_queue_close(uintptr_t queue);
void larder_go_queue_free(uintptr_t queue);

int32_t larder_go_log_start(int32_t level, uint64_t logger, uintptr_t *error);
void larder_go_log_stop(void);
void larder_go_arm_panic(void);

#endif /* LARDER_GO_TRAMPOLINE_H */
