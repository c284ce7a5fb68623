/*
 * What this package uses of larder.h, so that `go build` needs nothing installed: a module of Go does not hold the
 * header, which is outside of it. Where larder.h is included first, its own types and constants are taken, and here is
 * only the list of functions. The test of this directory holds both to the same layout, values and signatures.
 */

#ifndef LARDER_GO_ABI_H
#define LARDER_GO_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifndef LARDER_H

#define LARDER_ABI_VERSION 1

#define LARDER_OK 0
#define LARDER_NOT_FOUND 1
#define LARDER_BUFFER_TOO_SMALL 2
#define LARDER_CONFLICT 3
#define LARDER_PENDING 4
#define LARDER_INTERNAL -1
#define LARDER_INVALID_ARGUMENT -2
#define LARDER_CONFIG -3
#define LARDER_CLOSED -4
#define LARDER_TIMEOUT -5
#define LARDER_CANCELLED -6
#define LARDER_BUSY -7
#define LARDER_TOO_LARGE -8
#define LARDER_UNSUPPORTED -9
#define LARDER_UNAVAILABLE -10
#define LARDER_WOULD_DEADLOCK -11
#define LARDER_FORKED -12
#define LARDER_PANIC -13
#define LARDER_OUT_OF_MEMORY -14
#define LARDER_IO -15
#define LARDER_AMBIGUOUS -16
#define LARDER_AUTH -17
#define LARDER_NO_SUCH_STORE -18
#define LARDER_CORRUPT -19

#define LARDER_TERM_UNLIMITED -1
#define LARDER_DURABILITY_NONE -1
#define LARDER_DURABILITY_ALL -2
#define LARDER_LENGTH_NOT_FOUND -1

#define LARDER_LIST_KEYS 0
#define LARDER_LIST_RECORDS 1

#define LARDER_WATCH_NOW 0
#define LARDER_WATCH_EXISTING 1

#define LARDER_EVENT_CREATED 1
#define LARDER_EVENT_UPDATED 2
#define LARDER_EVENT_REMOVED 3
#define LARDER_EVENT_EXPIRED 4
#define LARDER_EVENT_EVICTED 5
#define LARDER_EVENT_CURRENT 6
#define LARDER_EVENT_LOST 7

#define LARDER_OPERATION_GET 1
#define LARDER_OPERATION_GET_MANY 2
#define LARDER_OPERATION_CONTAINS 3
#define LARDER_OPERATION_PUT 4
#define LARDER_OPERATION_PUT_MANY 5
#define LARDER_OPERATION_REMOVE 6
#define LARDER_OPERATION_REMOVE_MANY 7
#define LARDER_OPERATION_TOUCH 8
#define LARDER_OPERATION_LIST 9
#define LARDER_OPERATION_CURSOR 10
#define LARDER_OPERATION_CURSOR_NEXT 11
#define LARDER_OPERATION_CLEAR 12
#define LARDER_OPERATION_SIZE 13
#define LARDER_OPERATION_WATCH 14
#define LARDER_OPERATION_WATCH_NEXT 15
#define LARDER_OPERATION_STATISTICS 16
#define LARDER_OPERATION_PING 17
#define LARDER_OPERATION_GET_VALUE 18
#define LARDER_OPERATION_GET_VALUES 19

#define LARDER_CONDITION_ALWAYS 0
#define LARDER_CONDITION_IF_ABSENT 1
#define LARDER_CONDITION_IF_REVISION 2

#define LARDER_REQUEST_LENDS_VALUE 1

#define LARDER_LOG_ERROR 1
#define LARDER_LOG_WARN 2
#define LARDER_LOG_INFO 3
#define LARDER_LOG_DEBUG 4

typedef struct larder_bytes_t larder_bytes_t;
typedef struct larder_cursor_t larder_cursor_t;
typedef struct larder_error_t larder_error_t;
typedef struct larder_events_t larder_events_t;
typedef struct larder_queue_t larder_queue_t;
typedef struct larder_record_t larder_record_t;
typedef struct larder_records_t larder_records_t;
typedef struct larder_store_t larder_store_t;
typedef struct larder_t larder_t;
typedef struct larder_watch_t larder_watch_t;

typedef struct {
  size_t struct_size;
  const uint8_t *database;
  size_t database_length;
  const uint8_t *table;
  size_t table_length;
  uint64_t reserved[4];
} larder_store_options_t;

typedef struct {
  size_t struct_size;
  int64_t lifespan_ms;
  int64_t max_idle_ms;
  const uint8_t *metadata;
  size_t metadata_length;
  int64_t timeout_ms;
  int32_t durability;
  uint32_t reserved_flags;
  uint64_t reserved[3];
} larder_put_options_t;

typedef struct {
  size_t struct_size;
  uint64_t hits;
  uint64_t misses;
  uint64_t puts;
  uint64_t removals;
  uint64_t evictions;
  uint64_t expirations;
  uint64_t entries;
  uint64_t bytes;
} larder_statistics_t;

typedef struct {
  size_t struct_size;
  const uint8_t *prefix;
  size_t prefix_length;
  const uint8_t *suffix;
  size_t suffix_length;
  uint64_t offset;
  uint64_t limit;
  uint32_t projection;
  uint32_t reserved_flags;
  int64_t timeout_ms;
  uint64_t reserved[4];
} larder_list_options_t;

typedef struct {
  size_t struct_size;
  const uint8_t *prefix;
  size_t prefix_length;
  uint32_t start;
  uint32_t reserved_flags;
  uint64_t capacity;
  int64_t timeout_ms;
  uint64_t reserved[4];
} larder_watch_options_t;

typedef struct {
  size_t struct_size;
  uint64_t id;
  uint32_t operation;
  uint32_t condition;
  const larder_store_t *store;
  const larder_cursor_t *cursor;
  const larder_watch_t *watch;
  const uint8_t *key;
  size_t key_length;
  const uint32_t *key_lengths;
  const uint8_t *value;
  size_t value_length;
  const uint32_t *value_lengths;
  size_t count;
  const larder_put_options_t *put;
  size_t put_count;
  const larder_list_options_t *list;
  const larder_watch_options_t *watch_options;
  uint64_t revision;
  size_t most;
  int64_t timeout_ms;
  uint64_t flags;
  uint64_t reserved[3];
} larder_request_t;

typedef struct {
  uint64_t id;
  int32_t status;
  uint32_t operation;
  uint64_t number;
  const larder_record_t *record;
  larder_records_t *records;
  larder_events_t *events;
  larder_cursor_t *cursor;
  larder_watch_t *watch;
  larder_bytes_t *bytes;
  larder_error_t *error;
  uint64_t reserved[2];
} larder_completion_t;

typedef void (*larder_destroy_t)(void *user);
typedef void (*larder_log_callback_t)(void *user, int32_t level, const char *target, const char *message,
                                      uint64_t dropped);

#endif /* LARDER_H */

/*
 * The functions: FUNCTION(what it returns, its name, its parameters).
 */
#define LARDER_GO_FUNCTIONS(FUNCTION)                                                                                  \
  FUNCTION(uint32_t, larder_abi_version, (void))                                                                       \
  FUNCTION(const char *, larder_version, (void))                                                                       \
  FUNCTION(int32_t, larder_error_code, (const larder_error_t *error))                                                  \
  FUNCTION(const char *, larder_error_message, (const larder_error_t *error))                                          \
  FUNCTION(const char *, larder_error_source, (const larder_error_t *error))                                           \
  FUNCTION(int32_t, larder_error_retryable, (const larder_error_t *error))                                             \
  FUNCTION(void, larder_error_free, (larder_error_t * error))                                                          \
  FUNCTION(const uint8_t *, larder_bytes_data, (const larder_bytes_t *bytes, size_t *length))                          \
  FUNCTION(void, larder_bytes_free, (larder_bytes_t * bytes))                                                          \
  FUNCTION(int32_t, larder_open,                                                                                       \
           (const uint8_t *config, size_t config_length, larder_t **larder, larder_error_t **err))                     \
  FUNCTION(int32_t, larder_close, (const larder_t *larder, int64_t wait_ms, larder_error_t **err))                     \
  FUNCTION(void, larder_free, (larder_t * larder))                                                                     \
  FUNCTION(int32_t, larder_describe, (const larder_t *larder, larder_bytes_t **json, larder_error_t **err))            \
  FUNCTION(int32_t, larder_store_open,                                                                                 \
           (const larder_t *larder, const uint8_t *name, size_t name_length, const larder_store_options_t *options,    \
            larder_store_t **store, larder_error_t **err))                                                             \
  FUNCTION(int32_t, larder_store_close, (const larder_store_t *store, larder_error_t **err))                           \
  FUNCTION(void, larder_store_free, (larder_store_t * store))                                                          \
  FUNCTION(int32_t, larder_store_is_immediate, (const larder_store_t *store))                                          \
  FUNCTION(int32_t, larder_store_peek,                                                                                 \
           (const larder_store_t *store, const uint8_t *key, size_t key_length, uint8_t *value, size_t capacity,       \
            size_t *value_length, uint64_t *revision, larder_error_t **err))                                           \
  FUNCTION(int32_t, larder_store_get,                                                                                  \
           (const larder_store_t *store, const uint8_t *key, size_t key_length, int64_t timeout_ms,                    \
            const larder_record_t **record, larder_error_t **err))                                                     \
  FUNCTION(int32_t, larder_store_contains,                                                                             \
           (const larder_store_t *store, const uint8_t *key, size_t key_length, int64_t timeout_ms,                    \
            larder_error_t **err))                                                                                     \
  FUNCTION(int32_t, larder_store_put,                                                                                  \
           (const larder_store_t *store, const uint8_t *key, size_t key_length, const uint8_t *value,                  \
            size_t value_length, const larder_put_options_t *options, uint64_t *revision, larder_error_t **err))       \
  FUNCTION(int32_t, larder_store_put_if_absent,                                                                        \
           (const larder_store_t *store, const uint8_t *key, size_t key_length, const uint8_t *value,                  \
            size_t value_length, const larder_put_options_t *options, uint64_t *revision, larder_error_t **err))       \
  FUNCTION(int32_t, larder_store_replace,                                                                              \
           (const larder_store_t *store, const uint8_t *key, size_t key_length, const uint8_t *value,                  \
            size_t value_length, uint64_t expected, const larder_put_options_t *options, uint64_t *revision,           \
            larder_error_t **err))                                                                                     \
  FUNCTION(int32_t, larder_store_remove,                                                                               \
           (const larder_store_t *store, const uint8_t *key, size_t key_length, int64_t timeout_ms,                    \
            uint64_t *revision, larder_error_t **err))                                                                 \
  FUNCTION(int32_t, larder_store_remove_revision,                                                                      \
           (const larder_store_t *store, const uint8_t *key, size_t key_length, uint64_t expected, int64_t timeout_ms, \
            uint64_t *revision, larder_error_t **err))                                                                 \
  FUNCTION(int32_t, larder_store_touch,                                                                                \
           (const larder_store_t *store, const uint8_t *key, size_t key_length, int64_t lifespan_ms,                   \
            int64_t max_idle_ms, int64_t timeout_ms, larder_error_t **err))                                            \
  FUNCTION(int32_t, larder_store_statistics,                                                                           \
           (const larder_store_t *store, int64_t timeout_ms, larder_statistics_t *statistics, larder_error_t **err))   \
  FUNCTION(int32_t, larder_store_ping, (const larder_store_t *store, int64_t timeout_ms, larder_error_t **err))        \
  FUNCTION(int32_t, larder_store_describe,                                                                             \
           (const larder_store_t *store, larder_bytes_t **json, larder_error_t **err))                                 \
  FUNCTION(int32_t, larder_store_get_many,                                                                             \
           (const larder_store_t *store, const uint8_t *keys, size_t keys_length, const uint32_t *key_lengths,         \
            size_t count, int64_t timeout_ms, larder_records_t **records, larder_error_t **err))                       \
  FUNCTION(int32_t, larder_store_get_many_into,                                                                        \
           (const larder_store_t *store, const uint8_t *keys, size_t keys_length, const uint32_t *key_lengths,         \
            size_t count, int64_t timeout_ms, uint8_t *values, size_t capacity, int64_t *value_lengths,                \
            size_t *needed, larder_error_t **err))                                                                     \
  FUNCTION(int32_t, larder_store_put_many,                                                                             \
           (const larder_store_t *store, const uint8_t *keys, size_t keys_length, const uint32_t *key_lengths,         \
            const uint8_t *values, size_t values_length, const uint32_t *value_lengths, size_t count,                  \
            const larder_put_options_t *options, size_t options_count, int32_t *statuses, uint64_t *revisions,         \
            larder_error_t **err))                                                                                     \
  FUNCTION(int32_t, larder_store_remove_many,                                                                          \
           (const larder_store_t *store, const uint8_t *keys, size_t keys_length, const uint32_t *key_lengths,         \
            size_t count, int64_t timeout_ms, uint64_t *removed, larder_error_t **err))                                \
  FUNCTION(int32_t, larder_store_list,                                                                                 \
           (const larder_store_t *store, const larder_list_options_t *options, larder_records_t **records,             \
            larder_error_t **err))                                                                                     \
  FUNCTION(int32_t, larder_store_clear,                                                                                \
           (const larder_store_t *store, int64_t timeout_ms, uint64_t *removed, larder_error_t **err))                 \
  FUNCTION(int32_t, larder_store_size,                                                                                 \
           (const larder_store_t *store, int64_t timeout_ms, uint64_t *size, larder_error_t **err))                    \
  FUNCTION(const uint8_t *, larder_record_key, (const larder_record_t *record, size_t *length))                        \
  FUNCTION(const uint8_t *, larder_record_value, (const larder_record_t *record, size_t *length))                      \
  FUNCTION(const uint8_t *, larder_record_metadata, (const larder_record_t *record, size_t *length))                   \
  FUNCTION(uint64_t, larder_record_revision, (const larder_record_t *record))                                          \
  FUNCTION(int64_t, larder_record_expires_in_ms, (const larder_record_t *record))                                      \
  FUNCTION(int64_t, larder_record_max_idle_ms, (const larder_record_t *record))                                        \
  FUNCTION(void, larder_record_free, (const larder_record_t *record))                                                  \
  FUNCTION(const uint8_t *, larder_records_flat, (const larder_records_t *records, size_t *length))                    \
  FUNCTION(void, larder_records_free, (larder_records_t * records))                                                    \
  FUNCTION(int32_t, larder_store_cursor,                                                                               \
           (const larder_store_t *store, const larder_list_options_t *options, larder_cursor_t **cursor,               \
            larder_error_t **err))                                                                                     \
  FUNCTION(int32_t, larder_cursor_next,                                                                                \
           (const larder_cursor_t *cursor, size_t most, int64_t timeout_ms, larder_records_t **records,                \
            larder_error_t **err))                                                                                     \
  FUNCTION(void, larder_cursor_free, (larder_cursor_t * cursor))                                                       \
  FUNCTION(int32_t, larder_watch_close, (const larder_watch_t *watch, larder_error_t **err))                           \
  FUNCTION(void, larder_watch_free, (larder_watch_t * watch))                                                          \
  FUNCTION(const uint8_t *, larder_events_flat, (const larder_events_t *events, size_t *length))                       \
  FUNCTION(void, larder_events_free, (larder_events_t * events))                                                       \
  FUNCTION(int32_t, larder_queue_open, (size_t capacity, larder_queue_t **queue, larder_error_t **err))                \
  FUNCTION(int32_t, larder_queue_descriptor,                                                                           \
           (const larder_queue_t *queue, int32_t *descriptor, larder_error_t **err))                                   \
  FUNCTION(int32_t, larder_queue_submit,                                                                               \
           (const larder_queue_t *queue, const larder_request_t *requests, size_t count, size_t *accepted,             \
            larder_error_t **err))                                                                                     \
  FUNCTION(int32_t, larder_queue_drain,                                                                                \
           (const larder_queue_t *queue, larder_completion_t *completions, size_t capacity, int64_t wait_ms,           \
            size_t *count, larder_error_t **err))                                                                      \
  FUNCTION(int32_t, larder_queue_cancel, (const larder_queue_t *queue, uint64_t id, larder_error_t **err))             \
  FUNCTION(size_t, larder_queue_in_flight, (const larder_queue_t *queue))                                              \
  FUNCTION(int32_t, larder_queue_close, (const larder_queue_t *queue, larder_error_t **err))                           \
  FUNCTION(void, larder_queue_free, (larder_queue_t * queue))                                                          \
  FUNCTION(int32_t, larder_log_start,                                                                                  \
           (int32_t level, larder_log_callback_t callback, void *user, larder_destroy_t destroy, larder_error_t **err)) \
  FUNCTION(void, larder_log_stop, (void))                                                                              \
  FUNCTION(void, larder_fault_arm_panic, (void))

#endif /* LARDER_GO_ABI_H */
