/* A step's operation by its own function. */
#include "contract.h"

larder_store_t *store_of(case_t *state, const cJSON *step) {
  const char *name = text_of(step, "on");
  named_t *handle = find(state->handles, state->handle_count, name ? name : "main");
  return handle ? handle->value : NULL;
}

/* "none", "all" or how many replicas, into its number; left out for the store's default. */
static bool durability_of(case_t *state, const cJSON *from, int32_t *durability) {
  const char *name = text_of(from, "durability");
  if (!name) {
    *durability = (int32_t)number_of(from, "durability", 0);
    return true;
  }
  *durability = strcmp(name, "all") == 0 ? LARDER_DURABILITY_ALL : LARDER_DURABILITY_NONE;
  if (*durability == LARDER_DURABILITY_NONE && strcmp(name, "none") != 0) return failed(state, "there is no durability %s", name);
  return true;
}

bool put_options_of(case_t *state, const cJSON *from, larder_put_options_t *options, bytes_t *metadata) {
  int32_t durability = 0;
  if (!durability_of(state, from, &durability)) return false;
  if (!parse_metadata(cJSON_GetObjectItemCaseSensitive(from, "metadata"), metadata)) return failed(state, "metadata");
  *options = (larder_put_options_t){.struct_size = sizeof *options,
                                    .lifespan_ms = number_of(from, "lifespan_ms", 0),
                                    .max_idle_ms = number_of(from, "max_idle_ms", 0),
                                    .metadata = metadata->data,
                                    .metadata_length = metadata->length,
                                    .timeout_ms = number_of(from, "timeout_ms", 0),
                                    .durability = durability};
  return true;
}

bool list_options_of(case_t *state, const cJSON *step, larder_list_options_t *options, bytes_t *prefix, bytes_t *suffix) {
  if (!optional_bytes(cJSON_GetObjectItemCaseSensitive(step, "prefix"), prefix)) return failed(state, "prefix");
  if (!optional_bytes(cJSON_GetObjectItemCaseSensitive(step, "suffix"), suffix)) return failed(state, "suffix");
  const char *projection = text_of(step, "projection");
  bool whole = projection ? strcmp(projection, "records") == 0 : strcmp(text_of(step, "op"), "read") == 0;
  *options = (larder_list_options_t){.struct_size = sizeof *options,
                                     .prefix = prefix->data,
                                     .prefix_length = prefix->length,
                                     .suffix = suffix->data,
                                     .suffix_length = suffix->length,
                                     .offset = (uint64_t)number_of(step, "offset", 0),
                                     .limit = (uint64_t)number_of(step, "limit", 0),
                                     .projection = whole ? LARDER_LIST_RECORDS : LARDER_LIST_KEYS,
                                     .timeout_ms = number_of(step, "timeout_ms", 0)};
  return true;
}

static bool is(const char *operation, const char *name) { return strcmp(operation, name) == 0; }

/* get, get_into, contains, remove, remove_revision, touch: a key and little else. */
static bool call_on_key(case_t *state, const cJSON *step, const char *operation, const larder_store_t *store, answer_t *answer) {
  bytes_t key;
  if (!parse_bytes(cJSON_GetObjectItemCaseSensitive(step, "key"), &key)) return failed(state, "key");
  int64_t timeout_ms = number_of(step, "timeout_ms", 0);
  larder_error_t **error = &answer->error;
  uint64_t expected = 0;
  bool known = true;
  if (is(operation, "get")) {
    answer->status = larder_store_get(store, key.data, key.length, timeout_ms, &answer->record, error);
    answer->has_revision = answer->record != NULL;
    answer->revision = larder_record_revision(answer->record);
  } else if (is(operation, "get_into")) {
    size_t capacity = (size_t)number_of(step, "capacity", 0);
    answer->value.data = malloc(capacity + 1);
    answer->status = larder_store_get_into(store, key.data, key.length, timeout_ms, answer->value.data, capacity,
                                           &answer->length, &answer->revision, error);
    answer->has_value = answer->status == LARDER_OK;
    answer->has_length = answer->has_revision = answer->status >= 0;
    answer->value.length = answer->length;
  } else if (is(operation, "contains")) {
    answer->status = larder_store_contains(store, key.data, key.length, timeout_ms, error);
  } else if (is(operation, "remove")) {
    answer->status = larder_store_remove(store, key.data, key.length, timeout_ms, &answer->revision, error);
    answer->has_revision = answer->status >= 0;
  } else if (is(operation, "remove_revision")) {
    known = saved_revision(state, cJSON_GetObjectItemCaseSensitive(step, "revision"), &expected);
    answer->status = larder_store_remove_revision(store, key.data, key.length, expected, timeout_ms, &answer->revision, error);
    answer->has_revision = answer->status >= 0;
  } else {
    answer->status = larder_store_touch(store, key.data, key.length, number_of(step, "lifespan_ms", 0),
                                        number_of(step, "max_idle_ms", 0), timeout_ms, error);
  }
  free(key.data);
  return known;
}

static bool call_write(case_t *state, const cJSON *step, const char *operation, const larder_store_t *store, answer_t *answer) {
  bytes_t key, value, metadata;
  larder_put_options_t options;
  uint64_t expected = 0;
  if (!parse_bytes(cJSON_GetObjectItemCaseSensitive(step, "key"), &key)) return failed(state, "key");
  if (!parse_bytes(cJSON_GetObjectItemCaseSensitive(step, "value"), &value)) return failed(state, "value");
  if (!put_options_of(state, step, &options, &metadata)) return false;
  bool known = true;
  if (is(operation, "put")) {
    answer->status = larder_store_put(store, key.data, key.length, value.data, value.length, &options, &answer->revision,
                                      &answer->error);
  } else if (is(operation, "put_if_absent")) {
    answer->status = larder_store_put_if_absent(store, key.data, key.length, value.data, value.length, &options,
                                                &answer->revision, &answer->error);
  } else {
    known = saved_revision(state, cJSON_GetObjectItemCaseSensitive(step, "revision"), &expected);
    answer->status = larder_store_replace(store, key.data, key.length, value.data, value.length, expected, &options,
                                          &answer->revision, &answer->error);
  }
  answer->has_revision = answer->status >= 0;
  free(key.data);
  free(value.data);
  free(metadata.data);
  return known;
}

static bool call_put_many(case_t *state, const cJSON *step, const larder_store_t *store, answer_t *answer) {
  static const char *const known[] = {"key", "value", "lifespan_ms", "max_idle_ms", "metadata", "durability", "save", NULL};
  const cJSON *records = cJSON_GetObjectItemCaseSensitive(step, "records"), *record;
  bytes_t keys, values;
  uint32_t *key_lengths, *value_lengths;
  size_t count, value_count, index = 0;
  if (!parse_many(records, "key", &keys, &key_lengths, &count)) return failed(state, "keys");
  if (!parse_many(records, "value", &values, &value_lengths, &value_count)) return failed(state, "values");
  larder_put_options_t *options = calloc(count + 1, sizeof *options);
  bytes_t *metadata = calloc(count + 1, sizeof *metadata);
  bool done = true;
  cJSON_ArrayForEach(record, records) {
    done = done && only_fields(state, record, known) && put_options_of(state, record, &options[index], &metadata[index]);
    index++;
  }
  answer->statuses = calloc(count + 1, sizeof *answer->statuses);
  answer->revisions = calloc(count + 1, sizeof *answer->revisions);
  answer->outcomes = count;
  if (done) {
    answer->status = larder_store_put_many(store, keys.data, keys.length, key_lengths, values.data, values.length,
                                           value_lengths, count, options, count, answer->statuses, answer->revisions,
                                           &answer->error);
  }
  index = 0;
  cJSON_ArrayForEach(record, records) {
    const char *name = text_of(record, "save");
    if (done && name) done = save(state, name, answer->revisions[index]);
    free(metadata[index++].data);
  }
  free(metadata);
  free(options);
  free(keys.data);
  free(values.data);
  free(key_lengths);
  free(value_lengths);
  return done;
}

static bool call_keys(case_t *state, const cJSON *step, const char *operation, const larder_store_t *store, answer_t *answer) {
  bytes_t keys;
  uint32_t *lengths;
  size_t count;
  if (!parse_many(cJSON_GetObjectItemCaseSensitive(step, "keys"), NULL, &keys, &lengths, &count)) return failed(state, "keys");
  int64_t timeout_ms = number_of(step, "timeout_ms", 0);
  if (is(operation, "get_many")) {
    answer->status = larder_store_get_many(store, keys.data, keys.length, lengths, count, timeout_ms, &answer->records, &answer->error);
    answer->has_records = answer->records != NULL;
  } else {
    answer->status = larder_store_remove_many(store, keys.data, keys.length, lengths, count, timeout_ms, &answer->number, &answer->error);
    answer->has_number = answer->status == LARDER_OK;
  }
  free(keys.data);
  free(lengths);
  return true;
}

static bool call_filter(case_t *state, const cJSON *step, const char *operation, const larder_store_t *store, answer_t *answer) {
  larder_list_options_t options;
  bytes_t prefix, suffix;
  if (!list_options_of(state, step, &options, &prefix, &suffix)) return false;
  bool done = true;
  if (is(operation, "cursor_open")) {
    larder_cursor_t *cursor = NULL;
    answer->status = larder_store_cursor(store, &options, &cursor, &answer->error);
    if (cursor) {
      state->cursors[state->cursor_count++] =
          (named_t){.name = text_of(step, "cursor"), .value = cursor, .page = (size_t)number_of(step, "page", 1)};
    }
  } else {
    answer->status = larder_store_list(store, &options, &answer->records, &answer->error);
    answer->has_records = answer->records != NULL;
  }
  free(prefix.data);
  free(suffix.data);
  return done;
}

static int32_t next_page(case_t *state, const cJSON *step, const named_t *cursor, size_t most, answer_t *page) {
  if (state->way == BY_REQUEST) {
    char name[32];
    snprintf(name, sizeof name, "cursor_next %zu", most);
    submit(state, step, name, NULL, page);
    return page->status;
  }
  return larder_cursor_next(cursor->value, most, number_of(step, "timeout_ms", 0), &page->records, &page->error);
}

static bool read_cursor(case_t *state, const cJSON *step, answer_t *answer) {
  static const char *const known[] = {"op", "expect", "cursor", "count", "timeout_ms", NULL};
  if (!only_fields(state, step, known)) return false;
  named_t *cursor = find(state->cursors, state->cursor_count, text_of(step, "cursor"));
  if (!cursor) return failed(state, "there is no such cursor");
  size_t count = (size_t)number_of(step, "count", INT64_MAX);
  answer->has_records = true;
  while (answer->row_count < count) {
    size_t missing = count - answer->row_count;
    answer_t page = {0};
    int32_t status = next_page(state, step, cursor, missing < cursor->page ? missing : cursor->page, &page);
    if (status != LARDER_OK) {
      answer->status = status == LARDER_NOT_FOUND ? LARDER_OK : status;
      answer->error = page.error;
      break;
    }
    size_t found = larder_records_count(page.records);
    answer->rows = realloc(answer->rows, (answer->row_count + found) * sizeof *answer->rows);
    for (size_t i = 0; i < found; i++) {
      answer->rows[answer->row_count++] = larder_record_retain(larder_records_at(page.records, i));
    }
    larder_records_free(page.records);
  }
  return true;
}

static bool open_watch(case_t *state, const cJSON *step, const larder_store_t *store, answer_t *answer) {
  bytes_t prefix;
  const char *start = text_of(step, "start");
  if (!optional_bytes(cJSON_GetObjectItemCaseSensitive(step, "prefix"), &prefix)) return failed(state, "prefix");
  larder_watch_options_t options = {.struct_size = sizeof options,
                                    .prefix = prefix.data,
                                    .prefix_length = prefix.length,
                                    .start = start && is(start, "existing") ? LARDER_WATCH_EXISTING : LARDER_WATCH_NOW,
                                    .capacity = (uint64_t)number_of(step, "capacity", 0),
                                    .timeout_ms = number_of(step, "timeout_ms", 0)};
  larder_watch_t *watch = NULL;
  answer->status = larder_store_watch(store, &options, &watch, &answer->error);
  if (watch) state->watches[state->watch_count++] = (named_t){.name = text_of(step, "watch"), .value = watch};
  free(prefix.data);
  return true;
}

static bool call_store(case_t *state, const cJSON *step, const char *operation, const larder_store_t *store, answer_t *answer) {
  int64_t timeout_ms = number_of(step, "timeout_ms", 0);
  if (is(operation, "clear") || is(operation, "size")) {
    int32_t (*function)(const larder_store_t *, int64_t, uint64_t *, larder_error_t **) =
        is(operation, "clear") ? larder_store_clear : larder_store_size;
    answer->status = function(store, timeout_ms, &answer->number, &answer->error);
    answer->has_number = answer->status == LARDER_OK;
    return true;
  }
  if (is(operation, "statistics")) {
    answer->statistics.struct_size = sizeof answer->statistics;
    answer->status = larder_store_statistics(store, timeout_ms, &answer->statistics, &answer->error);
    answer->has_statistics = answer->status == LARDER_OK;
    return true;
  }
  if (is(operation, "ping")) {
    answer->status = larder_store_ping(store, timeout_ms, &answer->error);
    return true;
  }
  if (is(operation, "describe")) {
    answer->status = larder_store_describe(store, &answer->description, &answer->error);
    return true;
  }
  if (is(operation, "close_store")) {
    answer->status = larder_store_close(store, &answer->error);
    return true;
  }
  return failed(state, "there is no operation %s", operation);
}

typedef bool (*caller_t)(case_t *, const cJSON *, const char *, const larder_store_t *, answer_t *);

typedef struct {
  const char *operation;
  caller_t caller;
  const char *const *arguments;
} entry_t;

#define COMMON "op", "on", "timeout_ms", "expect", "save"
static const char *const key_fields[] = {COMMON, "key", NULL};
static const char *const into_fields[] = {COMMON, "key", "capacity", NULL};
static const char *const touch_fields[] = {COMMON, "key", "lifespan_ms", "max_idle_ms", NULL};
static const char *const remove_fields[] = {COMMON, "key", "revision", NULL};
static const char *const put_fields[] = {COMMON, "key", "value", "lifespan_ms", "max_idle_ms", "metadata", "durability", NULL};
static const char *const replace_fields[] = {COMMON, "key", "value", "lifespan_ms", "max_idle_ms", "metadata", "durability", "revision", NULL};
static const char *const keys_fields[] = {COMMON, "keys", NULL};
static const char *const many_fields[] = {COMMON, "records", NULL};
static const char *const list_fields[] = {COMMON, "prefix", "suffix", "offset", "limit", NULL};
static const char *const cursor_fields[] = {COMMON, "cursor", "page", "projection", "prefix", "suffix", "offset", "limit", NULL};
static const char *const watch_fields[] = {COMMON, "watch", "start", "prefix", "capacity", NULL};
static const char *const no_fields[] = {COMMON, NULL};

static bool call_many(case_t *state, const cJSON *step, const char *operation, const larder_store_t *store, answer_t *answer) {
  (void)operation;
  return call_put_many(state, step, store, answer);
}

static bool call_watch(case_t *state, const cJSON *step, const char *operation, const larder_store_t *store, answer_t *answer) {
  (void)operation;
  return open_watch(state, step, store, answer);
}

static const entry_t entries[] = {
    {"get", call_on_key, key_fields},          {"get_into", call_on_key, into_fields},
    {"contains", call_on_key, key_fields},     {"remove", call_on_key, key_fields},
    {"touch", call_on_key, touch_fields},      {"remove_revision", call_on_key, remove_fields},
    {"put", call_write, put_fields},           {"put_if_absent", call_write, put_fields},
    {"replace", call_write, replace_fields},   {"put_many", call_many, many_fields},
    {"get_many", call_keys, keys_fields},      {"remove_many", call_keys, keys_fields},
    {"list", call_filter, list_fields},        {"read", call_filter, list_fields},
    {"cursor_open", call_filter, cursor_fields}, {"watch_open", call_watch, watch_fields},
    {"clear", call_store, no_fields},          {"size", call_store, no_fields},
    {"statistics", call_store, no_fields},     {"ping", call_store, no_fields},
    {"describe", call_store, no_fields},       {"close_store", call_store, no_fields},
};

bool call(case_t *state, const cJSON *step, const char *operation, answer_t *answer) {
  if (is(operation, "cursor_read")) return read_cursor(state, step, answer);
  for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
    if (!is(operation, entries[i].operation)) continue;
    if (!only_fields(state, step, entries[i].arguments)) return false;
    const larder_store_t *store = store_of(state, step);
    if (!store) return failed(state, "there is no such handle");
    /* These have no request. */
    bool by_call = state->way == BY_CALL || is(operation, "get_into") || is(operation, "describe") || is(operation, "close_store");
    return by_call ? entries[i].caller(state, step, operation, store, answer) : submit(state, step, operation, store, answer);
  }
  return failed(state, "there is no operation %s", operation);
}
