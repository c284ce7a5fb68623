/**
 * @file larder.h
 * Larder: one cache and store for Go, Java and C services.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * The conventions of every declaration:
 *
 * Names      larder_<noun>_<verb>; opaque types larder_<noun>_t; constants LARDER_<GROUP>_<NAME>.
 * Order      handle, inputs, outputs, then a nullable larder_error_t **err.
 * Status     int32_t. 0 is done; a positive one is no error (LARDER_NOT_FOUND and its like, nothing is allocated for
 *            it); a negative one is an error. A number is never reused; read an unknown negative one as
 *            LARDER_INTERNAL.
 * Errors     made on failure only, and only if err is not NULL; then *err is the caller's, who frees it with
 *            larder_error_free. On any other outcome *err becomes NULL. There is no thread-local last error.
 * Panics     are caught in every function: LARDER_PANIC where there is a status, the answer for NULL elsewhere.
 * Bytes      a pointer and a length, never NUL-terminated; NULL only with length 0. What a call is given is borrowed
 *            for the call: the library copies what it keeps. What a call reads and what it writes must not overlap.
 * Outputs    are written on success, and where a function says so; pointers that it calls optional may be NULL.
 * Options    a struct that begins with struct_size = sizeof(struct); zero in every other field is the default. A
 *            program that was compiled against an older header works with a newer library, and the other way round
 *            as long as it sets no field that the older library lacks.
 * Lifecycle  close makes a handle answer LARDER_CLOSED, is idempotent and may come from any thread while others use
 *            it; free ends it, once, when nobody uses it any more, and never blocks. NULL is fine for every free.
 * Threads    each function says which: any thread / one at a time / not from a callback; and whether it blocks.
 * Time       timeout_ms: milliseconds, 0 for no deadline. wait_ms: milliseconds, 0 for not at all, negative for
 *            without end.
 * Fork       a handle that is used in a forked child answers LARDER_FORKED; freeing it there is fine. A child may open
 *            a larder of its own.
 * Process    the library starts threads named larder-* with all signals blocked, when they are first needed. It
 *            installs no signal handler, prints nothing to standard output, never exits, never changes the allocator.
 */

#ifndef LARDER_H
#define LARDER_H

#include <stddef.h>
#include <stdint.h>

/**
 * The number of the ABI: a binding works with a library whose number is its own or greater.
 */
#define LARDER_ABI_VERSION 1

/**
 * Done.
 */
#define LARDER_OK 0

/**
 * There is no such record, or it has expired.
 */
#define LARDER_NOT_FOUND 1

/**
 * The caller's buffer is smaller than the value; the needed length was returned.
 */
#define LARDER_BUFFER_TOO_SMALL 2

/**
 * The record is there already, or its revision is another one than was expected.
 */
#define LARDER_CONFLICT 3

/**
 * The answer needs input or output: submit the request, or use the blocking call.
 */
#define LARDER_PENDING 4

/**
 * A fault inside Larder.
 */
#define LARDER_INTERNAL -1

/**
 * An argument is null, out of range or not what it must be.
 */
#define LARDER_INVALID_ARGUMENT -2

/**
 * The configuration cannot be used.
 */
#define LARDER_CONFIG -3

/**
 * The handle was closed. A write that was under way was not sent to a server; one that was answers LARDER_AMBIGUOUS.
 */
#define LARDER_CLOSED -4

/**
 * The deadline passed before the answer came.
 */
#define LARDER_TIMEOUT -5

/**
 * The request was cancelled.
 */
#define LARDER_CANCELLED -6

/**
 * Too many requests are in flight.
 */
#define LARDER_BUSY -7

/**
 * A key, value or batch is larger than the store takes.
 */
#define LARDER_TOO_LARGE -8

/**
 * The store cannot do this.
 */
#define LARDER_UNSUPPORTED -9

/**
 * The store cannot be reached.
 */
#define LARDER_UNAVAILABLE -10

/**
 * A blocking call was made from inside one of Larder's callbacks.
 */
#define LARDER_WOULD_DEADLOCK -11

/**
 * The handle was made before a fork and is used in the child.
 */
#define LARDER_FORKED -12

/**
 * Larder's own code panicked; the panic was caught at the boundary.
 */
#define LARDER_PANIC -13

/**
 * Memory could not be had.
 */
#define LARDER_OUT_OF_MEMORY -14

/**
 * A file or a socket failed.
 */
#define LARDER_IO -15

/**
 * Whether the write happened cannot be known: it was sent, and no answer came, or fewer replicas than it asked for are
 * known to have it. Read the record to find out, or write the same value again where that is harmless. A write on a
 * condition may find its own first try: after LARDER_CONFLICT read and compare.
 */
#define LARDER_AMBIGUOUS -16

/**
 * The store refused the credentials.
 */
#define LARDER_AUTH -17

/**
 * The configuration has no store of that name.
 */
#define LARDER_NO_SUCH_STORE -18

/**
 * What the store holds under the key cannot be decoded.
 */
#define LARDER_CORRUPT -19

/**
 * A lifespan or max-idle without end, whatever the store's default is.
 */
#define LARDER_TERM_UNLIMITED -1

/**
 * A write is done when the server that took it has it, whatever the store's default is.
 */
#define LARDER_DURABILITY_NONE -1

/**
 * A write is done when every replica that could become the master has it, and one at least.
 */
#define LARDER_DURABILITY_ALL -2

/**
 * A list gives keys, revisions and times; values and metadata are empty.
 */
#define LARDER_LIST_KEYS 0

/**
 * A list gives whole records.
 */
#define LARDER_LIST_RECORDS 1

/**
 * A watch begins with the next change.
 */
#define LARDER_WATCH_NOW 0

/**
 * A watch begins with a `created` event for each record that is there when the watch comes to it, then one `current`
 * event, then changes. Replayed, the events give what is there now.
 */
#define LARDER_WATCH_EXISTING 1

/**
 * In place of a value's length: there is no such record.
 */
#define LARDER_LENGTH_NOT_FOUND -1

/**
 * The record is new, or was there when the watch began.
 */
#define LARDER_EVENT_CREATED 1

/**
 * The record was written over.
 */
#define LARDER_EVENT_UPDATED 2

/**
 * The record was removed by a caller.
 */
#define LARDER_EVENT_REMOVED 3

/**
 * The record's lifespan or max-idle ended.
 */
#define LARDER_EVENT_EXPIRED 4

/**
 * The store made room.
 */
#define LARDER_EVENT_EVICTED 5

/**
 * All that was there when the watch began has been told; there is no record.
 */
#define LARDER_EVENT_CURRENT 6

/**
 * The reader was too slow, and events were dropped: larder_events_lost says how many; there is no record.
 */
#define LARDER_EVENT_LOST 7

/**
 * Reads a record: key. Answers record; LARDER_NOT_FOUND without one.
 */
#define LARDER_OPERATION_GET 1

/**
 * Reads many: keys. Answers records.
 */
#define LARDER_OPERATION_GET_MANY 2

/**
 * Whether there is a record: key. Answers LARDER_OK or LARDER_NOT_FOUND.
 */
#define LARDER_OPERATION_CONTAINS 3

/**
 * Writes: key, value, condition, revision, put. Answers the revision in number.
 */
#define LARDER_OPERATION_PUT 4

/**
 * Writes many: keys, values, put and put_count. Answers LARDER_OK or the first other status, and bytes with, for each
 * record, its status (i32), 0 (u32) and revision (u64), little-endian.
 */
#define LARDER_OPERATION_PUT_MANY 5

/**
 * Removes: key, condition, revision. Answers the revision in number.
 */
#define LARDER_OPERATION_REMOVE 6

/**
 * Removes many: keys. Answers how many there were in number.
 */
#define LARDER_OPERATION_REMOVE_MANY 7

/**
 * Restarts clocks: key, and the lifespan and max-idle in put. Answers LARDER_OK or LARDER_NOT_FOUND.
 */
#define LARDER_OPERATION_TOUCH 8

/**
 * Lists: list. Answers records.
 */
#define LARDER_OPERATION_LIST 9

/**
 * Opens a cursor: list. Answers cursor.
 */
#define LARDER_OPERATION_CURSOR 10

/**
 * The next page: cursor, most. Answers records; LARDER_NOT_FOUND at the end.
 */
#define LARDER_OPERATION_CURSOR_NEXT 11

/**
 * Removes all. Answers how many there were in number.
 */
#define LARDER_OPERATION_CLEAR 12

/**
 * How many records there are, in number.
 */
#define LARDER_OPERATION_SIZE 13

/**
 * Begins to watch: watch_options. Answers watch.
 */
#define LARDER_OPERATION_WATCH 14

/**
 * The next events: watch, most. Answers events; LARDER_CLOSED at the end.
 */
#define LARDER_OPERATION_WATCH_NEXT 15

/**
 * Counts. Answers bytes that hold a larder_statistics_t.
 */
#define LARDER_OPERATION_STATISTICS 16

/**
 * Whether the store answers.
 */
#define LARDER_OPERATION_PING 17

/**
 * Reads a value: key. As LARDER_OPERATION_GET, but expiry and metadata of the record may be missing, where the store
 * would have to ask for them.
 */
#define LARDER_OPERATION_GET_VALUE 18

/**
 * Reads many values: keys. As LARDER_OPERATION_GET_MANY, but expiry and metadata may be missing.
 */
#define LARDER_OPERATION_GET_VALUES 19

/**
 * A write whatever is there.
 */
#define LARDER_CONDITION_ALWAYS 0

/**
 * A write if there is no record.
 */
#define LARDER_CONDITION_IF_ABSENT 1

/**
 * A write or remove if the record has the revision.
 */
#define LARDER_CONDITION_IF_REVISION 2

/**
 * A flag: the value is lent, not borrowed for the call only. It stays where it is, and as it is, until the request's
 * completion was drained, and the library reads it there instead of copying it, where that saves something: on Redis, from
 * 4 KiB to 1 MiB. For LARDER_OPERATION_PUT. A request that is cancelled, or whose queue is closed, completes as
 * soon as the library does not read the value any more, which no server can delay.
 */
#define LARDER_REQUEST_LENDS_VALUE 1

/**
 * Something failed that a person should look at.
 */
#define LARDER_LOG_ERROR 1

/**
 * Something is not as it should be, and Larder goes on.
 */
#define LARDER_LOG_WARN 2

/**
 * Something began or ended.
 */
#define LARDER_LOG_INFO 3

/**
 * For whoever looks for a fault.
 */
#define LARDER_LOG_DEBUG 4

/**
 * Bytes that the library made, such as a description. Immutable: any thread may read them.
 * The caller frees them with `larder_bytes_free`.
 */
typedef struct larder_bytes_t larder_bytes_t;

/**
 * A cursor over a store: gives its records page by page, sorted by key. One thread at a time.
 */
typedef struct larder_cursor_t larder_cursor_t;

/**
 * Why a call failed: a status, a message for people, the setting, argument or store type at fault.
 * Immutable: any thread may read it. The caller frees it with `larder_error_free`.
 */
typedef struct larder_error_t larder_error_t;

/**
 * Events in the order in which they happened. Any thread may read them. Whoever got them from larder_watch_next or a
 * completion frees them with larder_events_free; those that a callback gets are borrowed.
 */
typedef struct larder_events_t larder_events_t;

/**
 * A reader of the library's log lines. There is one at a time: a newer one ends an older.
 */
typedef struct larder_log_t larder_log_t;

/**
 * A completion queue: requests are submitted with an id, and completions are drained in batches, in the order in which
 * they come. Any thread may submit, drain, cancel and close.
 */
typedef struct larder_queue_t larder_queue_t;

/**
 * A record that was read: immutable and reference-counted. Any thread may read and free it, also after the store was
 * closed or freed. The pointer is a reference: larder_record_free gives it back.
 */
typedef struct larder_record_t larder_record_t;

/**
 * Records in an order, with gaps for those that were asked for and are not there. Any thread may read them.
 * The caller frees them with larder_records_free.
 */
typedef struct larder_records_t larder_records_t;

/**
 * The records of one database and table. Any thread may use it.
 */
typedef struct larder_store_t larder_store_t;

/**
 * An opened larder: the stores of one configuration. Any thread may use it.
 */
typedef struct larder_t larder_t;

/**
 * A watch on a store. Any thread may close it; one thread at a time reads it.
 */
typedef struct larder_watch_t larder_watch_t;

/**
 * Which records of a named store a handle is on. NULL names are those that the configuration gives.
 */
typedef struct {
  /**
   * sizeof(larder_store_options_t).
   */
  size_t struct_size;
  /**
   * UTF-8; NULL for the configured database.
   */
  const uint8_t *database;
  /**
   * Bytes of database.
   */
  size_t database_length;
  /**
   * UTF-8; NULL for the configured table.
   */
  const uint8_t *table;
  /**
   * Bytes of table.
   */
  size_t table_length;
  /**
   * Zero.
   */
  uint64_t reserved[4];
} larder_store_options_t;

/**
 * Counts since the store's backend was opened, and its present size.
 */
typedef struct {
  /**
   * sizeof(larder_statistics_t), set by the caller.
   */
  size_t struct_size;
  /**
   * Reads that found a record.
   */
  uint64_t hits;
  /**
   * Reads that found none.
   */
  uint64_t misses;
  /**
   * Records written.
   */
  uint64_t puts;
  /**
   * Records removed by callers.
   */
  uint64_t removals;
  /**
   * Records given up to make room.
   */
  uint64_t evictions;
  /**
   * Records whose lifespan or max-idle ended.
   */
  uint64_t expirations;
  /**
   * Records held now, those that have expired but were not swept yet included.
   */
  uint64_t entries;
  /**
   * Bytes held now: headers, keys, values and metadata.
   */
  uint64_t bytes;
} larder_statistics_t;

/**
 * Options of a write. Zero in all fields but `struct_size` is the default.
 */
typedef struct {
  /**
   * sizeof(larder_put_options_t).
   */
  size_t struct_size;
  /**
   * Milliseconds that the record lives; 0 for the store's default, LARDER_TERM_UNLIMITED for ever.
   */
  int64_t lifespan_ms;
  /**
   * Milliseconds that it lives without being read; 0 for the store's default, LARDER_TERM_UNLIMITED for ever.
   */
  int64_t max_idle_ms;
  /**
   * Metadata in its stored form, see `larder_metadata_append`; NULL for none.
   */
  const uint8_t *metadata;
  /**
   * Bytes of metadata.
   */
  size_t metadata_length;
  /**
   * Milliseconds after which the call answers LARDER_TIMEOUT; 0 for never.
   */
  int64_t timeout_ms;
  /**
   * How much of a replicated store must have the write before it counts as done: 0 for the store's default, 1 to 255
   * for so many replicas at least besides the server that took it, LARDER_DURABILITY_NONE or LARDER_DURABILITY_ALL. A
   * store that has no replicas takes 0 and LARDER_DURABILITY_NONE, and answers LARDER_UNSUPPORTED to the others.
   */
  int32_t durability;
  /**
   * Zero.
   */
  uint32_t reserved_flags;
  /**
   * Zero.
   */
  uint64_t reserved[3];
} larder_put_options_t;

/**
 * Which records a list or a cursor gives: sorted by key, bytewise; offset and limit count what the filter left.
 * Zero in all fields but `struct_size` gives every key.
 */
typedef struct {
  /**
   * sizeof(larder_list_options_t).
   */
  size_t struct_size;
  /**
   * Only keys that begin with this; NULL for all.
   */
  const uint8_t *prefix;
  /**
   * Bytes of prefix.
   */
  size_t prefix_length;
  /**
   * Only keys that end with this; NULL for all.
   */
  const uint8_t *suffix;
  /**
   * Bytes of suffix.
   */
  size_t suffix_length;
  /**
   * How many to leave out at the front.
   */
  uint64_t offset;
  /**
   * How many to give at most; 0 for all.
   */
  uint64_t limit;
  /**
   * LARDER_LIST_KEYS or LARDER_LIST_RECORDS.
   */
  uint32_t projection;
  /**
   * Zero.
   */
  uint32_t reserved_flags;
  /**
   * Milliseconds after which the call answers LARDER_TIMEOUT; 0 for never.
   */
  int64_t timeout_ms;
  /**
   * Zero.
   */
  uint64_t reserved[4];
} larder_list_options_t;

/**
 * Options of a watch. Zero in all fields but `struct_size` watches every key from now on.
 */
typedef struct {
  /**
   * sizeof(larder_watch_options_t).
   */
  size_t struct_size;
  /**
   * Only keys that begin with this; NULL for all.
   */
  const uint8_t *prefix;
  /**
   * Bytes of prefix.
   */
  size_t prefix_length;
  /**
   * LARDER_WATCH_NOW or LARDER_WATCH_EXISTING.
   */
  uint32_t start;
  /**
   * Zero.
   */
  uint32_t reserved_flags;
  /**
   * How many events may wait for the reader; 0 for 65,536. Beyond it events are dropped and one `lost` event tells.
   */
  uint64_t capacity;
  /**
   * Milliseconds after which the call answers LARDER_TIMEOUT; 0 for never.
   */
  int64_t timeout_ms;
  /**
   * Zero.
   */
  uint64_t reserved[4];
} larder_watch_options_t;

/**
 * A host's function that events are told to. `events` is borrowed for the call. It must not unwind or longjmp; it may
 * block, which holds up this watch and nothing else; a call into Larder that would have to wait answers
 * LARDER_WOULD_DEADLOCK.
 */
typedef void (*larder_watch_callback_t)(void *user, const larder_events_t *events);

/**
 * A host's function that is called once when `user` is not used any more.
 */
typedef void (*larder_destroy_t)(void *user);

/**
 * A request. What its operation does not name stays zero. All that it points to is borrowed for
 * larder_queue_submit only: the library copies what it needs. LARDER_REQUEST_LENDS_VALUE makes an exception.
 */
typedef struct {
  /**
   * sizeof(larder_request_t), the same in every request of an array.
   */
  size_t struct_size;
  /**
   * What the completion will carry; no two requests in flight on a queue have the same.
   */
  uint64_t id;
  /**
   * One of LARDER_OPERATION_*.
   */
  uint32_t operation;
  /**
   * One of LARDER_CONDITION_*.
   */
  uint32_t condition;
  /**
   * The store; not NULL but for LARDER_OPERATION_CURSOR_NEXT and LARDER_OPERATION_WATCH_NEXT.
   */
  const larder_store_t *store;
  /**
   * The cursor of LARDER_OPERATION_CURSOR_NEXT.
   */
  const larder_cursor_t *cursor;
  /**
   * The watch of LARDER_OPERATION_WATCH_NEXT.
   */
  const larder_watch_t *watch;
  /**
   * The key, or the bytes of all keys one after the other.
   */
  const uint8_t *key;
  /**
   * Bytes of key.
   */
  size_t key_length;
  /**
   * The length of each key, for operations on many.
   */
  const uint32_t *key_lengths;
  /**
   * The value, or the bytes of all values one after the other.
   */
  const uint8_t *value;
  /**
   * Bytes of value.
   */
  size_t value_length;
  /**
   * The length of each value, for LARDER_OPERATION_PUT_MANY.
   */
  const uint32_t *value_lengths;
  /**
   * How many keys there are, for operations on many.
   */
  size_t count;
  /**
   * Options of writes: NULL, one, or for LARDER_OPERATION_PUT_MANY one for each record. Their deadline is not used.
   */
  const larder_put_options_t *put;
  /**
   * How many put options there are.
   */
  size_t put_count;
  /**
   * The filter of a list or a cursor; may be NULL. Its deadline is not used.
   */
  const larder_list_options_t *list;
  /**
   * The options of a watch; may be NULL. Their deadline is not used.
   */
  const larder_watch_options_t *watch_options;
  /**
   * The expected revision of LARDER_CONDITION_IF_REVISION.
   */
  uint64_t revision;
  /**
   * How many records or events at most, for LARDER_OPERATION_CURSOR_NEXT and LARDER_OPERATION_WATCH_NEXT.
   */
  size_t most;
  /**
   * Milliseconds after which it completes with LARDER_TIMEOUT; 0 for never.
   */
  int64_t timeout_ms;
  /**
   * Flags, LARDER_REQUEST_*; 0 for none.
   */
  uint64_t flags;
  /**
   * Zero.
   */
  uint64_t reserved[3];
} larder_request_t;

/**
 * What a request came to. Each pointer that is not NULL belongs to whoever drained it.
 */
typedef struct {
  /**
   * The request's id.
   */
  uint64_t id;
  /**
   * The status; positive and negative ones as the blocking call of the same operation has them.
   */
  int32_t status;
  /**
   * The request's operation.
   */
  uint32_t operation;
  /**
   * A revision, a count or a size.
   */
  uint64_t number;
  /**
   * Of LARDER_OPERATION_GET and LARDER_OPERATION_GET_VALUE; freed with larder_record_free.
   */
  const larder_record_t *record;
  /**
   * Of operations that read many; freed with larder_records_free.
   */
  larder_records_t *records;
  /**
   * Of LARDER_OPERATION_WATCH_NEXT; freed with larder_events_free.
   */
  larder_events_t *events;
  /**
   * Of LARDER_OPERATION_CURSOR; freed with larder_cursor_free.
   */
  larder_cursor_t *cursor;
  /**
   * Of LARDER_OPERATION_WATCH; freed with larder_watch_free.
   */
  larder_watch_t *watch;
  /**
   * Of LARDER_OPERATION_PUT_MANY and LARDER_OPERATION_STATISTICS; freed with larder_bytes_free.
   */
  larder_bytes_t *bytes;
  /**
   * Why it failed; freed with larder_error_free.
   */
  larder_error_t *error;
  /**
   * Zero.
   */
  uint64_t reserved[2];
} larder_completion_t;

/**
 * A host's function that log lines are told to: level, the part of Larder that speaks, the text (both NUL-terminated
 * UTF-8, borrowed for the call), and how many lines were dropped before this one because the function was too slow.
 * It must not unwind or longjmp; it may block.
 */
typedef void (*larder_log_callback_t)(void *user,
                                      int32_t level,
                                      const char *target,
                                      const char *message,
                                      uint64_t dropped);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The number of the ABI that this library has: `LARDER_ABI_VERSION` of the header it was built with. A program checks
 * it before anything else when it loads the library at run time.
 * Any thread. Does not block. Since ABI 1.
 */
uint32_t larder_abi_version(void);

/**
 * The version of the library, such as "0.1.0": static NUL-terminated text.
 * Any thread. Does not block. Since ABI 1.
 */
const char *larder_version(void);

/**
 * The name of a status, such as "NOT_FOUND": static NUL-terminated text. "INTERNAL" for a negative number that this
 * version does not know, "UNKNOWN" for such a positive one.
 * Any thread. Does not block. Since ABI 1.
 */
const char *larder_status_name(int32_t status);

/**
 * A sentence about a status: static NUL-terminated text.
 * Any thread. Does not block. Since ABI 1.
 */
const char *larder_status_text(int32_t status);

/**
 * The status of an error, always negative. `LARDER_INVALID_ARGUMENT` for NULL.
 * Any thread. Does not block. Since ABI 1.
 */
int32_t larder_error_code(const larder_error_t *error);

/**
 * What happened, on what, and what to do about it: NUL-terminated UTF-8 that lives as long as the error. Never NULL.
 * Any thread. Does not block. Since ABI 1.
 */
const char *larder_error_message(const larder_error_t *error);

/**
 * The setting, argument or store type at fault: NUL-terminated UTF-8 that lives as long as the error. Never NULL.
 * Any thread. Does not block. Since ABI 1.
 */
const char *larder_error_source(const larder_error_t *error);

/**
 * 1 when the same call can succeed later without any change, 0 otherwise. 0 for NULL.
 * Any thread. Does not block. Since ABI 1.
 */
int32_t larder_error_retryable(const larder_error_t *error);

/**
 * Frees an error. NULL is fine.
 * Any thread, once. Does not block. Since ABI 1.
 */
void larder_error_free(larder_error_t *error);

/**
 * Where the bytes are, and how many. A NUL follows them that is not counted, so that text can be printed as it is.
 * The memory lives as long as `bytes`. NULL gives an empty answer.
 * Any thread. Does not block. Since ABI 1.
 *
 * @param bytes   the bytes
 * @param length  receives their number; may be NULL
 */
const uint8_t *larder_bytes_data(const larder_bytes_t *bytes, size_t *length);

/**
 * Frees bytes. NULL is fine.
 * Any thread, once. Does not block. Since ABI 1.
 */
void larder_bytes_free(larder_bytes_t *bytes);

/**
 * Opens a larder from a configuration: TOML or JSON text, a URL such as `memory://?max_entries=10000`, a file's
 * address such as `file:///etc/larder.toml`, or the address of what variables of the environment say.
 *
 * `env://ocis/STORAGE_USERS_FILEMETADATA_CACHE` is that cache, configured by the variables that oCIS reads for it, as a
 * store called "default"; `env://ocis` is all its caches and stores, each under its name. `opencloud` reads OpenCloud's
 * variables, and `env://larder/NAME` LARDER_STORE, LARDER_NAME_STORE and their settings. Errors name the variable. The
 * environment is read during the call: no other thread may change it meanwhile.
 *
 * Any thread. Reads files and connects nothing: stores connect when they are first used. Since ABI 1.
 *
 * @param config         the configuration, UTF-8; borrowed for the call
 * @param config_length  its length in bytes
 * @param larder         receives the larder, to be closed with larder_close and freed with larder_free
 * @param err            receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_CONFIG for a configuration that cannot be used (the error names the setting), LARDER_IO
 *         for a file that cannot be read, LARDER_INVALID_ARGUMENT, LARDER_PANIC
 */
int32_t larder_open(const uint8_t *config, size_t config_length, larder_t **larder, larder_error_t **err);

/**
 * Closes a larder: each later call on it, and on its stores, answers LARDER_CLOSED; watches end; what is in flight
 * completes with LARDER_CLOSED, or with LARDER_AMBIGUOUS where it is a write that may have happened: it was sent to a
 * server, or is one of many records. Idempotent. The handle stays valid until larder_free.
 *
 * Any thread; not from a callback when something has to be waited for. Blocks at most `wait_ms`. Since ABI 1.
 *
 * @param larder   the larder
 * @param wait_ms  milliseconds to wait for connections to end; 0 for not at all, negative for without end
 * @param err      receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_TIMEOUT when it goes on ending in the background; LARDER_WOULD_DEADLOCK in a callback, when
 *         something has to be waited for: it ends in the background too; LARDER_FORKED, LARDER_INVALID_ARGUMENT
 */
int32_t larder_close(const larder_t *larder, int64_t wait_ms, larder_error_t **err);

/**
 * Frees a larder, closing it first if it is open. Stores, watches and queues that were made of it stay valid and
 * answer LARDER_CLOSED. NULL is fine.
 * Any thread, once. Does not block. Since ABI 1.
 */
void larder_free(larder_t *larder);

/**
 * What the larder is: version, stores, their types and settings, as a JSON object without secrets.
 * Any thread. Does not block. Since ABI 1.
 *
 * @param larder  the larder
 * @param json    receives the text, to be freed with larder_bytes_free
 * @param err     receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_FORKED, LARDER_INVALID_ARGUMENT
 */
int32_t larder_describe(const larder_t *larder, larder_bytes_t **json, larder_error_t **err);

/**
 * Opens a store of a larder by the name that the configuration gives it. Handles on the same name, database and table
 * are on the same records.
 *
 * Any thread. Does not block. Since ABI 1.
 *
 * @param larder       the larder
 * @param name         the store's name, UTF-8; "default" for a configuration of one store
 * @param name_length  its length in bytes
 * @param options      another database and table than configured; may be NULL
 * @param store        receives the store, to be freed with larder_store_free
 * @param err          receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_NO_SUCH_STORE with a suggestion, LARDER_CLOSED, LARDER_FORKED, LARDER_INVALID_ARGUMENT
 */
int32_t larder_store_open(const larder_t *larder,
                          const uint8_t *name,
                          size_t name_length,
                          const larder_store_options_t *options,
                          larder_store_t **store,
                          larder_error_t **err);

/**
 * Closes this handle: each later call on it answers LARDER_CLOSED, and what is in flight on it completes so, or with
 * LARDER_AMBIGUOUS where it is a write that may have happened: it was sent to a server, or is one of many records. Other
 * handles on the same records stay open.
 * Idempotent. The handle stays valid until larder_store_free.
 * Any thread. Does not block. Since ABI 1.
 *
 * @return LARDER_OK; LARDER_FORKED, LARDER_INVALID_ARGUMENT
 */
int32_t larder_store_close(const larder_store_t *store,
                           larder_error_t **err);

/**
 * Frees a handle. Requests in flight on it go on. NULL is fine.
 * Any thread, once. Does not block. Since ABI 1.
 */
void larder_store_free(larder_store_t *store);

/**
 * 1 when every call on this store but those of a watch is answered at once, without input or output; 0 when calls may
 * wait, so that a host with cheap threads of its own submits them to a queue; 0 for NULL or a closed handle.
 * Any thread. Does not block. Since ABI 1.
 */
int32_t larder_store_is_immediate(const larder_store_t *store);

/**
 * What was counted since the store's backend was opened, for all its databases and tables.
 *
 * Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
 *
 * @param store       the store
 * @param timeout_ms  milliseconds after which it answers LARDER_TIMEOUT; 0 for never
 * @param statistics  a struct with its struct_size set; receives the counts
 * @param err         receives the error on failure; may be NULL
 * @return LARDER_OK; errors as larder_store_get_into
 */
int32_t larder_store_statistics(const larder_store_t *store,
                                int64_t timeout_ms,
                                larder_statistics_t *statistics,
                                larder_error_t **err);

/**
 * Asks whether the store answers.
 *
 * Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
 *
 * @return LARDER_OK; errors as larder_store_get_into
 */
int32_t larder_store_ping(const larder_store_t *store, int64_t timeout_ms, larder_error_t **err);

/**
 * What the store is and what it can do, as a JSON object without secrets.
 * Any thread. Does not block. Since ABI 1.
 *
 * @param store  the store
 * @param json   receives the text, to be freed with larder_bytes_free
 * @param err    receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_CLOSED, LARDER_FORKED, LARDER_INVALID_ARGUMENT
 */
int32_t larder_store_describe(const larder_store_t *store, larder_bytes_t **json, larder_error_t **err);

/**
 * Looks into memory only, and copies the value: never waits, allocates nothing.
 *
 * Any thread, a callback too. Does not block. Since ABI 1.
 *
 * @param store            the store
 * @param key, key_length  the key, any bytes; borrowed for the call
 * @param value, capacity  the buffer for the value; NULL and 0 to learn its length
 * @param value_length     receives the value's length, also when the buffer is too small; may be NULL
 * @param revision         receives the revision; may be NULL
 * @param err              receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_NOT_FOUND; LARDER_BUFFER_TOO_SMALL (nothing was copied); LARDER_PENDING when memory does
 *         not know: ask with larder_store_get_into or a request; LARDER_CLOSED, LARDER_FORKED,
 *         LARDER_INVALID_ARGUMENT
 */
int32_t larder_store_peek(const larder_store_t *store,
                          const uint8_t *key,
                          size_t key_length,
                          uint8_t *value,
                          size_t capacity,
                          size_t *value_length,
                          uint64_t *revision,
                          larder_error_t **err);

/**
 * Reads a value into the caller's buffer.
 *
 * Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
 *
 * @param store            the store
 * @param key, key_length  the key, any bytes; borrowed for the call
 * @param timeout_ms       milliseconds after which it answers LARDER_TIMEOUT; 0 for never
 * @param value, capacity  the buffer for the value; NULL and 0 to learn its length
 * @param value_length     receives the value's length, also when the buffer is too small; may be NULL
 * @param revision         receives the revision; may be NULL
 * @param err              receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_NOT_FOUND; LARDER_BUFFER_TOO_SMALL (nothing was copied); LARDER_TIMEOUT,
 *         LARDER_UNAVAILABLE, LARDER_WOULD_DEADLOCK, LARDER_CLOSED, LARDER_FORKED, LARDER_INVALID_ARGUMENT
 */
int32_t larder_store_get_into(const larder_store_t *store,
                              const uint8_t *key,
                              size_t key_length,
                              int64_t timeout_ms,
                              uint8_t *value,
                              size_t capacity,
                              size_t *value_length,
                              uint64_t *revision,
                              larder_error_t **err);

/**
 * Reads a record by reference: nothing is copied, and the record stays as it is whatever happens to the store.
 * A record of a server with a value of 4 KiB and more keeps, as long as it lives, all that was read together with it: at
 * least 64 KiB. Copy what is to be kept for long.
 *
 * Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
 *
 * @param store            the store
 * @param key, key_length  the key, any bytes; borrowed for the call
 * @param timeout_ms       milliseconds after which it answers LARDER_TIMEOUT; 0 for never
 * @param record           receives the record, to be freed with larder_record_free; NULL when there is none
 * @param err              receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_NOT_FOUND; errors as larder_store_get_into
 */
int32_t larder_store_get(const larder_store_t *store,
                         const uint8_t *key,
                         size_t key_length,
                         int64_t timeout_ms,
                         const larder_record_t **record,
                         larder_error_t **err);

/**
 * Whether there is a record, without reading it and without counting as a use of it.
 *
 * Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
 *
 * @return LARDER_OK; LARDER_NOT_FOUND; errors as larder_store_get_into
 */
int32_t larder_store_contains(const larder_store_t *store,
                              const uint8_t *key,
                              size_t key_length,
                              int64_t timeout_ms,
                              larder_error_t **err);

/**
 * Writes a record, whatever is there.
 *
 * Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
 *
 * @param store                the store
 * @param key, key_length      the key, any bytes; borrowed for the call
 * @param value, value_length  the value, any bytes; borrowed for the call
 * @param options              lifespan, max-idle, metadata, deadline, durability; NULL for the defaults
 * @param revision             receives the record's new revision; may be NULL
 * @param err                  receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_TOO_LARGE, LARDER_OUT_OF_MEMORY (the record that was there stays), LARDER_TIMEOUT,
 *         LARDER_AMBIGUOUS (read the record, or write it again), LARDER_UNSUPPORTED (a durability that the store cannot
 *         give; nothing was written), LARDER_UNAVAILABLE, LARDER_WOULD_DEADLOCK, LARDER_CLOSED, LARDER_FORKED,
 *         LARDER_INVALID_ARGUMENT
 */
int32_t larder_store_put(const larder_store_t *store,
                         const uint8_t *key,
                         size_t key_length,
                         const uint8_t *value,
                         size_t value_length,
                         const larder_put_options_t *options,
                         uint64_t *revision,
                         larder_error_t **err);

/**
 * Writes a record if there is none under its key.
 *
 * As larder_store_put, and: Since ABI 1.
 *
 * @param revision  receives the new revision, or with LARDER_CONFLICT that of the record that is there; may be NULL
 * @return LARDER_OK; LARDER_CONFLICT when there is a record; errors as larder_store_put
 */
int32_t larder_store_put_if_absent(const larder_store_t *store,
                                   const uint8_t *key,
                                   size_t key_length,
                                   const uint8_t *value,
                                   size_t value_length,
                                   const larder_put_options_t *options,
                                   uint64_t *revision,
                                   larder_error_t **err);

/**
 * Writes a record over the one that is there, if that has the expected revision.
 *
 * As larder_store_put, and: Since ABI 1.
 *
 * @param expected  the revision that the record must have
 * @param revision  receives the new revision, or with LARDER_CONFLICT that of the record that is there; may be NULL
 * @return LARDER_OK; LARDER_CONFLICT when it has another revision; LARDER_NOT_FOUND when there is none; errors as
 *         larder_store_put
 */
int32_t larder_store_replace(const larder_store_t *store,
                             const uint8_t *key,
                             size_t key_length,
                             const uint8_t *value,
                             size_t value_length,
                             uint64_t expected,
                             const larder_put_options_t *options,
                             uint64_t *revision,
                             larder_error_t **err);

/**
 * Removes a record.
 *
 * Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
 *
 * @param store            the store
 * @param key, key_length  the key, any bytes; borrowed for the call
 * @param timeout_ms       milliseconds after which it answers LARDER_TIMEOUT; 0 for never
 * @param revision         receives the revision that the record had; may be NULL
 * @param err              receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_NOT_FOUND when there was none; errors as larder_store_put
 */
int32_t larder_store_remove(const larder_store_t *store,
                            const uint8_t *key,
                            size_t key_length,
                            int64_t timeout_ms,
                            uint64_t *revision,
                            larder_error_t **err);

/**
 * Removes a record if it has the expected revision.
 *
 * As larder_store_remove, and: Since ABI 1.
 *
 * @param expected  the revision that the record must have
 * @param revision  receives the revision that it had, or with LARDER_CONFLICT the one that it has; may be NULL
 * @return LARDER_OK; LARDER_CONFLICT when it has another revision; LARDER_NOT_FOUND; errors as larder_store_put
 */
int32_t larder_store_remove_revision(const larder_store_t *store,
                                     const uint8_t *key,
                                     size_t key_length,
                                     uint64_t expected,
                                     int64_t timeout_ms,
                                     uint64_t *revision,
                                     larder_error_t **err);

/**
 * Restarts a record's max-idle clock, and gives it new terms counted from now. Value and revision stay.
 *
 * Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
 *
 * @param store            the store
 * @param key, key_length  the key, any bytes; borrowed for the call
 * @param lifespan_ms      new lifespan in milliseconds; 0 to leave it, LARDER_TERM_UNLIMITED for none
 * @param max_idle_ms      new max-idle in milliseconds; 0 to leave it, LARDER_TERM_UNLIMITED for none
 * @param timeout_ms       milliseconds after which it answers LARDER_TIMEOUT; 0 for never
 * @param err              receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_NOT_FOUND when there is none; errors as larder_store_put
 */
int32_t larder_store_touch(const larder_store_t *store,
                           const uint8_t *key,
                           size_t key_length,
                           int64_t lifespan_ms,
                           int64_t max_idle_ms,
                           int64_t timeout_ms,
                           larder_error_t **err);

/**
 * Reads many records by reference.
 *
 * Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
 *
 * @param store        the store
 * @param keys         the bytes of all keys, one after the other; borrowed for the call
 * @param keys_length  their number
 * @param key_lengths  the length of each key
 * @param count        how many keys there are
 * @param timeout_ms   milliseconds after which it answers LARDER_TIMEOUT; 0 for never
 * @param records      receives the records in the keys' order, with gaps, to be freed with larder_records_free
 * @param err          receives the error on failure; may be NULL
 * @return LARDER_OK; errors as larder_store_get_into
 */
int32_t larder_store_get_many(const larder_store_t *store,
                              const uint8_t *keys,
                              size_t keys_length,
                              const uint32_t *key_lengths,
                              size_t count,
                              int64_t timeout_ms,
                              larder_records_t **records,
                              larder_error_t **err);

/**
 * Reads many values into one buffer: one after the other, in the keys' order. From a memory store it allocates nothing.
 *
 * Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
 *
 * @param store, keys, keys_length, key_lengths, count, timeout_ms  as larder_store_get_many
 * @param values, capacity  the buffer for the values
 * @param value_lengths     receives `count` lengths, LARDER_LENGTH_NOT_FOUND where there is no record
 * @param needed            receives the bytes of all values together; may be NULL
 * @param err               receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_BUFFER_TOO_SMALL (the lengths are right, values are only those that fit in front; ask again
 *         with a buffer of `needed` bytes); errors as larder_store_get_into
 */
int32_t larder_store_get_many_into(const larder_store_t *store,
                                   const uint8_t *keys,
                                   size_t keys_length,
                                   const uint32_t *key_lengths,
                                   size_t count,
                                   int64_t timeout_ms,
                                   uint8_t *values,
                                   size_t capacity,
                                   int64_t *value_lengths,
                                   size_t *needed,
                                   larder_error_t **err);

/**
 * Writes many records, each whatever is there. Not one transaction: an error of one record is in its place in
 * `statuses`, and the others are written.
 *
 * Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
 *
 * @param store                                     the store
 * @param keys, keys_length, key_lengths, count     the keys, as larder_store_get_many
 * @param values, values_length, value_lengths      the values in the same form and order
 * @param options, options_count                    NULL and 0 for the defaults, one for all records, or one for each;
 *                                                  the deadline is that of the first
 * @param statuses                                  receives `count` statuses; may be NULL
 * @param revisions                                 receives `count` revisions; may be NULL
 * @param err                                       receives the error on failure; may be NULL
 * @return LARDER_OK when all were written; the status of the first that was not; errors as larder_store_put
 */
int32_t larder_store_put_many(const larder_store_t *store,
                              const uint8_t *keys,
                              size_t keys_length,
                              const uint32_t *key_lengths,
                              const uint8_t *values,
                              size_t values_length,
                              const uint32_t *value_lengths,
                              size_t count,
                              const larder_put_options_t *options,
                              size_t options_count,
                              int32_t *statuses,
                              uint64_t *revisions,
                              larder_error_t **err);

/**
 * Removes many records.
 *
 * Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
 *
 * @param store, keys, keys_length, key_lengths, count, timeout_ms  as larder_store_get_many
 * @param removed  receives how many there were; may be NULL
 * @param err      receives the error on failure; may be NULL
 * @return LARDER_OK; errors as larder_store_put
 */
int32_t larder_store_remove_many(const larder_store_t *store,
                                 const uint8_t *keys,
                                 size_t keys_length,
                                 const uint32_t *key_lengths,
                                 size_t count,
                                 int64_t timeout_ms,
                                 uint64_t *removed,
                                 larder_error_t **err);

/**
 * Lists the records that pass a filter, sorted by key, bytewise. For a large store use larder_store_cursor.
 *
 * Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
 *
 * @param store    the store
 * @param options  the filter; NULL for every key
 * @param records  receives the records, to be freed with larder_records_free
 * @param err      receives the error on failure; may be NULL
 * @return LARDER_OK, also when there are none; errors as larder_store_get_into
 */
int32_t larder_store_list(const larder_store_t *store,
                          const larder_list_options_t *options,
                          larder_records_t **records,
                          larder_error_t **err);

/**
 * Removes every record of the store's database and table. Watches see each as removed.
 *
 * Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
 *
 * @param store       the store
 * @param timeout_ms  milliseconds after which it answers LARDER_TIMEOUT; 0 for never
 * @param removed     receives how many there were; may be NULL
 * @param err         receives the error on failure; may be NULL
 * @return LARDER_OK; errors as larder_store_put
 */
int32_t larder_store_clear(const larder_store_t *store, int64_t timeout_ms, uint64_t *removed, larder_error_t **err);

/**
 * How many records the store's database and table holds; expired ones do not count.
 *
 * Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
 *
 * @param store       the store
 * @param timeout_ms  milliseconds after which it answers LARDER_TIMEOUT; 0 for never
 * @param size        receives the number
 * @param err         receives the error on failure; may be NULL
 * @return LARDER_OK; errors as larder_store_get_into
 */
int32_t larder_store_size(const larder_store_t *store, int64_t timeout_ms, uint64_t *size, larder_error_t **err);

/**
 * The key: `length` bytes that live as long as the reference. Not NUL-terminated.
 * Any thread. Does not block. NULL gives NULL and 0. Since ABI 1.
 */
const uint8_t *larder_record_key(const larder_record_t *record, size_t *length);

/**
 * The value: `length` bytes that live as long as the reference. Not NUL-terminated.
 * Any thread. Does not block. NULL gives NULL and 0. Since ABI 1.
 */
const uint8_t *larder_record_value(const larder_record_t *record, size_t *length);

/**
 * The metadata in its stored form, see larder_metadata_append: `length` bytes that live as long as the reference.
 * Any thread. Does not block. NULL gives NULL and 0. Since ABI 1.
 */
const uint8_t *larder_record_metadata(const larder_record_t *record, size_t *length);

/**
 * The value of a name in the record's metadata.
 * Any thread. Does not block. Since ABI 1.
 *
 * @param record             the record
 * @param name, name_length  the name, UTF-8
 * @param value              receives where the value is; it lives as long as the reference; may be NULL
 * @param value_length       receives its length; may be NULL
 * @return LARDER_OK; LARDER_NOT_FOUND when there is no such name; LARDER_INVALID_ARGUMENT
 */
int32_t larder_record_metadata_get(const larder_record_t *record,
                                   const uint8_t *name,
                                   size_t name_length,
                                   const uint8_t **value,
                                   size_t *value_length);

/**
 * The revision: grows with every write of the same key. 0 for NULL.
 * Any thread. Does not block. Since ABI 1.
 */
uint64_t larder_record_revision(const larder_record_t *record);

/**
 * Milliseconds until the record expires if nobody reads it; 0 when it has expired meanwhile, -1 for never and for NULL.
 * Any thread. Does not block. Since ABI 1.
 */
int64_t larder_record_expires_in_ms(const larder_record_t *record);

/**
 * The record's max-idle in milliseconds; -1 for none and for NULL.
 * Any thread. Does not block. Since ABI 1.
 */
int64_t larder_record_max_idle_ms(const larder_record_t *record);

/**
 * A second reference to a record, to be freed on its own. NULL gives NULL.
 * Any thread. Does not block. Since ABI 1.
 */
const larder_record_t *larder_record_retain(const larder_record_t *record);

/**
 * Gives a reference back; the last one frees the record. NULL is fine.
 * Any thread, once for each reference. Does not block. Since ABI 1.
 */
void larder_record_free(const larder_record_t *record);

/**
 * How many records there are, gaps included. 0 for NULL.
 * Any thread. Does not block. Since ABI 1.
 */
size_t larder_records_count(const larder_records_t *records);

/**
 * The record at an index; NULL for a gap and for an index that is out of range. It is borrowed: it lives as long as
 * `records`, and is not freed; larder_record_retain gives a reference that lives longer.
 * Any thread. Does not block. Since ABI 1.
 */
const larder_record_t *larder_records_at(const larder_records_t *records, size_t index);

/**
 * All records in one piece of memory that lives as long as `records`, for hosts to which a call is dear. All numbers
 * are little-endian, each item is padded to a multiple of 8 bytes:
 *
 * ```text
 * 0  u32 length of the item, padding included     24  u64 revision
 * 4  u16 1 for a record, 0 for a gap              32  i64 milliseconds until it expires, -1 for never
 * 6  u16 0                                        40  i64 max-idle in milliseconds, -1 for none
 * 8  u32 length of the key                        48  key, value, metadata in its stored form
 * 12 u32 length of the value
 * 16 u32 length of the metadata
 * 20 u32 0
 * ```
 *
 * Any thread. Does not block. NULL, and a lack of memory, give NULL and 0. Since ABI 1.
 */
const uint8_t *larder_records_flat(const larder_records_t *records, size_t *length);

/**
 * Frees records. NULL is fine.
 * Any thread, once. Does not block. Since ABI 1.
 */
void larder_records_free(larder_records_t *records);

/**
 * Appends a name and a value to metadata in its stored form, which is, for each pair: the name's length (u32
 * little-endian), the value's length (u32 little-endian), name, value; a name that stands twice counts once, with the
 * last value.
 *
 * Any thread; the buffer by one at a time. Does not block, allocates nothing. Since ABI 1.
 *
 * @param metadata, capacity   the buffer that holds the metadata
 * @param length               the bytes that are used so far, 0 at first; receives the new length, also when the
 *                             buffer is too small: then make it that large, set this back to what was used, and
 *                             append again
 * @param name, name_length    the name, UTF-8
 * @param value, value_length  the value, any bytes
 * @param err                  receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_BUFFER_TOO_SMALL (nothing was appended); LARDER_TOO_LARGE over 1 MiB;
 *         LARDER_INVALID_ARGUMENT
 */
int32_t larder_metadata_append(uint8_t *metadata,
                               size_t capacity,
                               size_t *length,
                               const uint8_t *name,
                               size_t name_length,
                               const uint8_t *value,
                               size_t value_length,
                               larder_error_t **err);

/**
 * Opens a cursor over the records that pass a filter.
 *
 * Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
 *
 * @param store    the store
 * @param options  the filter; NULL for every key
 * @param cursor   receives the cursor, to be freed with larder_cursor_free
 * @param err      receives the error on failure; may be NULL
 * @return LARDER_OK; errors as larder_store_get_into
 */
int32_t larder_store_cursor(const larder_store_t *store,
                            const larder_list_options_t *options,
                            larder_cursor_t **cursor,
                            larder_error_t **err);

/**
 * The next page. A record that went away since the cursor was opened is left out; one that came since may be.
 *
 * One thread at a time. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
 *
 * @param cursor      the cursor
 * @param most        how many records at most; 0 is an error
 * @param timeout_ms  milliseconds after which it answers LARDER_TIMEOUT; 0 for never
 * @param records     receives the page, to be freed with larder_records_free; NULL at the end
 * @param err         receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_NOT_FOUND at the end; errors as larder_store_get_into
 */
int32_t larder_cursor_next(const larder_cursor_t *cursor,
                           size_t most,
                           int64_t timeout_ms,
                           larder_records_t **records,
                           larder_error_t **err);

/**
 * Frees a cursor. NULL is fine.
 * Any thread, once. Does not block. Since ABI 1.
 */
void larder_cursor_free(larder_cursor_t *cursor);

/**
 * Begins to watch a store.
 *
 * Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
 *
 * @param store    the store
 * @param options  prefix and start; NULL for every key from now on
 * @param watch    receives the watch, to be freed with larder_watch_free
 * @param err      receives the error on failure; may be NULL
 * @return LARDER_OK; errors as larder_store_get_into, and LARDER_UNSUPPORTED by a store that has no watch
 */
int32_t larder_store_watch(const larder_store_t *store,
                           const larder_watch_options_t *options,
                           larder_watch_t **watch,
                           larder_error_t **err);

/**
 * The next events, in the order in which they happened.
 *
 * One thread at a time; not from a callback when it has to wait. Blocks until there is an event, at most `wait_ms`.
 * Since ABI 1.
 *
 * @param watch    the watch
 * @param most     how many events at most; 0 is an error
 * @param wait_ms  milliseconds to wait for the first; 0 for not at all, negative for without end
 * @param events   receives the events, to be freed with larder_events_free; NULL when there are none
 * @param err      receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_NOT_FOUND when none came in time; LARDER_CLOSED when the watch or its larder was closed,
 *         which drops events that were not read; LARDER_WOULD_DEADLOCK, LARDER_FORKED, LARDER_INVALID_ARGUMENT
 */
int32_t larder_watch_next(const larder_watch_t *watch,
                          size_t most,
                          int64_t wait_ms,
                          larder_events_t **events,
                          larder_error_t **err);

/**
 * Tells each further event to a callback, on a thread of its own, until the watch is closed. Afterwards the watch is
 * not read by larder_watch_next any more. What the callback uses has to be there until `destroy` is called.
 *
 * Any thread, once for a watch. Does not block. Since ABI 1.
 *
 * @param watch     the watch
 * @param callback  the function; not NULL
 * @param user      passed to it as it is
 * @param destroy   called once after the last call of `callback`, also when this function fails; may be NULL
 * @param err       receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_IO when there is no thread to be had; LARDER_FORKED, LARDER_INVALID_ARGUMENT
 */
int32_t larder_watch_start(const larder_watch_t *watch,
                           larder_watch_callback_t callback,
                           void *user,
                           larder_destroy_t destroy,
                           larder_error_t **err);

/**
 * Closes a watch: a waiting larder_watch_next answers LARDER_CLOSED, and the callback is told nothing more. A call of it
 * that is under way, or at the point of beginning, is not waited for and may run after this returned: what the callback
 * uses may be freed once `destroy` was called. Idempotent. The handle stays valid until larder_watch_free.
 * Any thread, a callback too. Does not block. Since ABI 1.
 *
 * @return LARDER_OK; LARDER_FORKED, LARDER_INVALID_ARGUMENT
 */
int32_t larder_watch_close(const larder_watch_t *watch,
                           larder_error_t **err);

/**
 * Frees a watch, closing it first if it is open. NULL is fine.
 * Any thread, once. Does not block. Since ABI 1.
 */
void larder_watch_free(larder_watch_t *watch);

/**
 * How many events there are. 0 for NULL.
 * Any thread. Does not block. Since ABI 1.
 */
size_t larder_events_count(const larder_events_t *events);

/**
 * What happened: one of LARDER_EVENT_*. 0 for an index that is out of range. Expect numbers of later versions.
 * Any thread. Does not block. Since ABI 1.
 */
int32_t larder_events_kind(const larder_events_t *events, size_t index);

/**
 * The record as written; for a removed, expired or evicted one as it last was. NULL where the event has none. It is
 * borrowed: it lives as long as `events`.
 * Any thread. Does not block. Since ABI 1.
 */
const larder_record_t *larder_events_record(const larder_events_t *events, size_t index);

/**
 * 1 when the event tells what was there when the watch began, 0 otherwise.
 * Any thread. Does not block. Since ABI 1.
 */
int32_t larder_events_initial(const larder_events_t *events, size_t index);

/**
 * How many events were dropped, for LARDER_EVENT_LOST; 0 otherwise.
 * Any thread. Does not block. Since ABI 1.
 */
uint64_t larder_events_lost(const larder_events_t *events, size_t index);

/**
 * All events in one piece of memory that lives as long as `events`: items as larder_records_flat has them, but with
 * the event's kind in the low byte of the u16 at 6, bit 8 of it set for what was there when the watch began, and the
 * number of dropped events in place of the revision for a `lost` one.
 * Any thread. Does not block. NULL, and a lack of memory, give NULL and 0. Since ABI 1.
 */
const uint8_t *larder_events_flat(const larder_events_t *events, size_t *length);

/**
 * Frees events. NULL is fine.
 * Any thread, once. Does not block. Since ABI 1.
 */
void larder_events_free(larder_events_t *events);

/**
 * Opens a queue. Requests of any larder of this process can go through it.
 *
 * Any thread. Does not block. Since ABI 1.
 *
 * @param capacity  how many requests may be accepted and not yet drained; 0 for 65,536
 * @param queue     receives the queue, to be closed with larder_queue_close and freed with larder_queue_free
 * @param err       receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_INVALID_ARGUMENT
 */
int32_t larder_queue_open(size_t capacity, larder_queue_t **queue, larder_error_t **err);

/**
 * A file descriptor that is readable while completions wait and once the queue is closed: for poll, epoll or an event
 * loop. It belongs to the queue and lives as long as it does; reading it (8 bytes) is allowed and not needed.
 *
 * Any thread. Does not block. Since ABI 1.
 *
 * @param queue       the queue
 * @param descriptor  receives the descriptor
 * @param err         receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_IO when the kernel gives none; LARDER_FORKED, LARDER_INVALID_ARGUMENT
 */
int32_t larder_queue_descriptor(const larder_queue_t *queue, int32_t *descriptor, larder_error_t **err);

/**
 * Submits requests. Each accepted one gets exactly one completion, whatever happens; a refused one keeps nothing. The
 * requests before the first refused one are accepted.
 *
 * Any thread, a callback too. Does not block. Since ABI 1.
 *
 * @param queue     the queue
 * @param requests  the requests; borrowed for the call
 * @param count     how many
 * @param accepted  receives how many were accepted, from the front; may be NULL
 * @param err       receives the error of the first refused one; may be NULL
 * @return LARDER_OK when all were accepted; LARDER_BUSY when too many are in flight or not drained; LARDER_CLOSED,
 *         LARDER_FORKED, LARDER_INVALID_ARGUMENT (also for an id that is in flight)
 */
int32_t larder_queue_submit(const larder_queue_t *queue,
                            const larder_request_t *requests,
                            size_t count,
                            size_t *accepted,
                            larder_error_t **err);

/**
 * Takes completions, in the order in which they came.
 *
 * Any thread. Blocks until there is one, at most `wait_ms`; the thread serves the connections of stores meanwhile.
 * Since ABI 1.
 *
 * @param queue                  the queue
 * @param completions, capacity  the array to fill; at least one
 * @param wait_ms                milliseconds to wait for the first; 0 for not at all, negative for without end
 * @param count                  receives how many were filled in; 0 when none came in time
 * @param err                    receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_CLOSED when the queue was closed and all completions were taken; LARDER_WOULD_DEADLOCK
 *         from a callback when it has to wait; LARDER_FORKED, LARDER_INVALID_ARGUMENT
 */
int32_t larder_queue_drain(const larder_queue_t *queue,
                           larder_completion_t *completions,
                           size_t capacity,
                           int64_t wait_ms,
                           size_t *count,
                           larder_error_t **err);

/**
 * Cancels a request: it completes with LARDER_CANCELLED. A write that was under way may still happen.
 * Any thread, a callback too. Does not block. Since ABI 1.
 *
 * @return LARDER_OK; LARDER_NOT_FOUND when no such request is in flight, because it completed; LARDER_FORKED,
 *         LARDER_INVALID_ARGUMENT
 */
int32_t larder_queue_cancel(const larder_queue_t *queue, uint64_t id, larder_error_t **err);

/**
 * How many requests are in flight: accepted and not completed. 0 for NULL.
 * Any thread. Does not block. Since ABI 1.
 */
size_t larder_queue_in_flight(const larder_queue_t *queue);

/**
 * Closes a queue: requests in flight complete with LARDER_CLOSED, or with LARDER_AMBIGUOUS where one is a write that may
 * have happened: it was sent to a server, or is one of many records. New ones are refused. What has completed can still
 * be drained. A write completes a moment later, as soon as it was asked whether it was sent and the library does not read
 * any more what it was lent; no server can delay that. Idempotent. The handle stays valid until larder_queue_free.
 * Any thread, a callback too. Does not block. Since ABI 1.
 *
 * @return LARDER_OK; LARDER_FORKED, LARDER_INVALID_ARGUMENT
 */
int32_t larder_queue_close(const larder_queue_t *queue,
                           larder_error_t **err);

/**
 * Frees a queue, closing it first if it is open; completions that were not drained are freed with it. NULL is fine.
 * Where values were lent to requests that may be in flight, close it and drain it until LARDER_CLOSED before.
 * Any thread, once; not while another call on it runs. Does not block. Since ABI 1.
 */
void larder_queue_free(larder_queue_t *queue);

/**
 * Begins to listen to log lines of a level and graver. Lines never hold a key, a value or a secret. At most 1024 wait
 * for the reader; further ones are dropped and counted.
 * Any thread. Does not block. Since ABI 1.
 *
 * @param level  LARDER_LOG_ERROR to LARDER_LOG_DEBUG
 * @param log    receives the reader, to be freed with larder_log_free
 * @param err    receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_INVALID_ARGUMENT
 */
int32_t larder_log_open(int32_t level, larder_log_t **log, larder_error_t **err);

/**
 * The next line, as "target: message".
 *
 * One thread at a time. Blocks until there is a line, at most `wait_ms`. Since ABI 1.
 *
 * @param log             the reader
 * @param wait_ms         milliseconds to wait; 0 for not at all, negative for without end
 * @param level           receives the level; may be NULL
 * @param line, capacity  the buffer; a longer line is cut, at the end of a character
 * @param length          receives the length of what was copied; may be NULL
 * @param dropped         receives how many lines were dropped before this one; may be NULL
 * @param err             receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_NOT_FOUND when none came in time; LARDER_CLOSED, LARDER_WOULD_DEADLOCK,
 *         LARDER_FORKED, LARDER_INVALID_ARGUMENT
 */
int32_t larder_log_next(const larder_log_t *log,
                        int64_t wait_ms,
                        int32_t *level,
                        uint8_t *line,
                        size_t capacity,
                        size_t *length,
                        uint64_t *dropped,
                        larder_error_t **err);

/**
 * Ends the listening: a waiting larder_log_next answers LARDER_CLOSED. Idempotent.
 * Any thread. Does not block. Since ABI 1.
 */
void larder_log_close(const larder_log_t *log);

/**
 * Frees a reader, closing it first. NULL is fine.
 * Any thread, once; not while larder_log_next runs on it. Does not block. Since ABI 1.
 */
void larder_log_free(larder_log_t *log);

/**
 * Tells log lines of a level and graver to a callback, on a thread of its own, until larder_log_stop or another reader.
 * What the callback uses has to be there until `destroy` is called.
 * Any thread. Does not block. Since ABI 1.
 *
 * @param level     LARDER_LOG_ERROR to LARDER_LOG_DEBUG
 * @param callback  the function; not NULL
 * @param user      passed to it as it is
 * @param destroy   called once after the last call of `callback`, also when this function fails; may be NULL
 * @param err       receives the error on failure; may be NULL
 * @return LARDER_OK; LARDER_IO when there is no thread to be had; LARDER_INVALID_ARGUMENT
 */
int32_t larder_log_start(int32_t level,
                         larder_log_callback_t callback,
                         void *user,
                         larder_destroy_t destroy,
                         larder_error_t **err);

/**
 * Ends what larder_log_start began: the callback is told nothing more. A call of it that is under way, or at the point of
 * beginning, is not waited for and may run after this returned: what the callback uses may be freed once `destroy` was
 * called. Idempotent.
 * Any thread. Does not block. Since ABI 1.
 */
void larder_log_stop(void);

/**
 * Makes the next call of this thread into the library panic inside, so that a test can see that the panic is caught:
 * the call answers LARDER_PANIC, or what it answers for NULL. For tests only.
 * Any thread. Does not block. Since ABI 1.
 */
void larder_fault_arm_panic(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LARDER_H */
