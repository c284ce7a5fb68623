/* A step's operation by a request to a queue. */
#include "contract.h"

static const struct {
  const char *name;
  uint32_t operation, condition;
} operations[] = {
    {"get", LARDER_OPERATION_GET, 0},
    {"get_many", LARDER_OPERATION_GET_MANY, 0},
    {"contains", LARDER_OPERATION_CONTAINS, 0},
    {"put", LARDER_OPERATION_PUT, LARDER_CONDITION_ALWAYS},
    {"put_if_absent", LARDER_OPERATION_PUT, LARDER_CONDITION_IF_ABSENT},
    {"replace", LARDER_OPERATION_PUT, LARDER_CONDITION_IF_REVISION},
    {"put_many", LARDER_OPERATION_PUT_MANY, 0},
    {"remove", LARDER_OPERATION_REMOVE, LARDER_CONDITION_ALWAYS},
    {"remove_revision", LARDER_OPERATION_REMOVE, LARDER_CONDITION_IF_REVISION},
    {"remove_many", LARDER_OPERATION_REMOVE_MANY, 0},
    {"touch", LARDER_OPERATION_TOUCH, 0},
    {"list", LARDER_OPERATION_LIST, 0},
    {"read", LARDER_OPERATION_LIST, 0},
    {"cursor_open", LARDER_OPERATION_CURSOR, 0},
    {"cursor_next", LARDER_OPERATION_CURSOR_NEXT, 0},
    {"clear", LARDER_OPERATION_CLEAR, 0},
    {"size", LARDER_OPERATION_SIZE, 0},
    {"watch_open", LARDER_OPERATION_WATCH, 0},
    {"statistics", LARDER_OPERATION_STATISTICS, 0},
    {"ping", LARDER_OPERATION_PING, 0},
};

/* What a request points to while it is submitted. */
typedef struct {
  bytes_t key, value, prefix, suffix;
  bytes_t *metadata;
  larder_put_options_t *put;
  larder_list_options_t list;
  larder_watch_options_t watch;
  uint32_t *key_lengths, *value_lengths;
  size_t count;
} arguments_t;

static void free_arguments(arguments_t *arguments) {
  for (size_t i = 0; arguments->metadata && i <= arguments->count; i++) free(arguments->metadata[i].data);
  free(arguments->metadata);
  free(arguments->put);
  free(arguments->key.data);
  free(arguments->value.data);
  free(arguments->prefix.data);
  free(arguments->suffix.data);
  free(arguments->key_lengths);
  free(arguments->value_lengths);
}

static bool gather_many(case_t *state, const cJSON *step, arguments_t *arguments, larder_request_t *request) {
  const cJSON *keys = cJSON_GetObjectItemCaseSensitive(step, "keys");
  const cJSON *records = cJSON_GetObjectItemCaseSensitive(step, "records"), *record;
  const cJSON *list = keys ? keys : records;
  if (!parse_many(list, keys ? NULL : "key", &arguments->key, &arguments->key_lengths, &arguments->count)) return failed(state, "keys");
  size_t count = 0;
  if (records && !parse_many(records, "value", &arguments->value, &arguments->value_lengths, &count)) return failed(state, "values");
  if (records) {
    arguments->put = calloc(count + 1, sizeof *arguments->put);
    arguments->metadata = calloc(count + 1, sizeof *arguments->metadata);
    size_t index = 0;
    cJSON_ArrayForEach(record, records) {
      if (!put_options_of(state, record, &arguments->put[index], &arguments->metadata[index])) return false;
      index++;
    }
    request->put = arguments->put;
    request->put_count = count;
  }
  request->count = arguments->count;
  request->key_lengths = arguments->key_lengths;
  request->value_lengths = arguments->value_lengths;
  return true;
}

static bool gather(case_t *state, const cJSON *step, arguments_t *arguments, larder_request_t *request) {
  const cJSON *key = cJSON_GetObjectItemCaseSensitive(step, "key"), *value = cJSON_GetObjectItemCaseSensitive(step, "value");
  uint32_t operation = request->operation;
  if (operation == LARDER_OPERATION_CURSOR_NEXT) return true;
  if (key && !parse_bytes(key, &arguments->key)) return failed(state, "key");
  if (value && !parse_bytes(value, &arguments->value)) return failed(state, "value");
  if (operation == LARDER_OPERATION_PUT || operation == LARDER_OPERATION_TOUCH) {
    arguments->put = calloc(1, sizeof *arguments->put);
    arguments->metadata = calloc(1, sizeof *arguments->metadata);
    if (!put_options_of(state, step, arguments->put, arguments->metadata)) return false;
    request->put = arguments->put;
    request->put_count = 1;
  }
  if (operation == LARDER_OPERATION_GET_MANY || operation == LARDER_OPERATION_REMOVE_MANY || operation == LARDER_OPERATION_PUT_MANY) {
    if (!gather_many(state, step, arguments, request)) return false;
  }
  if (operation == LARDER_OPERATION_LIST || operation == LARDER_OPERATION_CURSOR || operation == LARDER_OPERATION_WATCH) {
    if (!list_options_of(state, step, &arguments->list, &arguments->prefix, &arguments->suffix)) return false;
    const char *start = text_of(step, "start");
    arguments->watch = (larder_watch_options_t){
        .struct_size = sizeof arguments->watch, .prefix = arguments->prefix.data, .prefix_length = arguments->prefix.length,
        .start = start && strcmp(start, "existing") == 0 ? LARDER_WATCH_EXISTING : LARDER_WATCH_NOW,
        .capacity = (uint64_t)number_of(step, "capacity", 0)};
    request->list = &arguments->list;
    request->watch_options = &arguments->watch;
  }
  if (request->condition == LARDER_CONDITION_IF_REVISION) {
    if (!saved_revision(state, cJSON_GetObjectItemCaseSensitive(step, "revision"), &request->revision)) return false;
  }
  request->key = arguments->key.data;
  request->key_length = arguments->key.length;
  request->value = arguments->value.data;
  request->value_length = arguments->value.length;
  return true;
}

static uint64_t number(const uint8_t *at, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = bytes; i > 0; i--) value = value << 8 | at[i - 1];
  return value;
}

static bool take_outcomes(case_t *state, const cJSON *step, const larder_completion_t *done, answer_t *answer) {
  size_t length = 0, index = 0;
  const uint8_t *outcomes = larder_bytes_data(done->bytes, &length);
  answer->outcomes = length / 16;
  answer->statuses = calloc(answer->outcomes + 1, sizeof *answer->statuses);
  answer->revisions = calloc(answer->outcomes + 1, sizeof *answer->revisions);
  for (size_t i = 0; i < answer->outcomes; i++) {
    answer->statuses[i] = (int32_t)number(outcomes + 16 * i, 4);
    answer->revisions[i] = number(outcomes + 16 * i + 8, 8);
  }
  const cJSON *record;
  cJSON_ArrayForEach(record, cJSON_GetObjectItemCaseSensitive(step, "records")) {
    const char *name = text_of(record, "save");
    if (name && index < answer->outcomes && !save(state, name, answer->revisions[index])) return false;
    index++;
  }
  return true;
}

static bool take_completion(case_t *state, const cJSON *step, larder_completion_t *done, answer_t *answer) {
  answer->status = done->status;
  answer->error = done->error;
  answer->record = done->record;
  answer->records = done->records;
  answer->has_records = done->records != NULL;
  answer->number = answer->revision = done->number;
  answer->has_revision = done->status >= 0;
  answer->has_number = done->status == LARDER_OK;
  if (done->cursor) {
    state->cursors[state->cursor_count++] =
        (named_t){.name = text_of(step, "cursor"), .value = done->cursor, .page = (size_t)number_of(step, "page", 1)};
  }
  if (done->watch) state->watches[state->watch_count++] = (named_t){.name = text_of(step, "watch"), .value = done->watch};
  bool known = true;
  if (done->operation == LARDER_OPERATION_PUT_MANY && done->bytes) known = take_outcomes(state, step, done, answer);
  if (done->operation == LARDER_OPERATION_STATISTICS && done->bytes) {
    memcpy(&answer->statistics, larder_bytes_data(done->bytes, NULL), sizeof answer->statistics);
    answer->has_statistics = true;
  }
  larder_bytes_free(done->bytes);
  return known;
}

bool submit(case_t *state, const cJSON *step, const char *operation, const larder_store_t *store, answer_t *answer) {
  larder_request_t request = {.struct_size = sizeof request, .id = state->next_id++, .store = store,
                              .timeout_ms = number_of(step, "timeout_ms", 0)};
  size_t length = strcspn(operation, " ");
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
    if (strlen(operations[i].name) != length || strncmp(operations[i].name, operation, length) != 0) continue;
    request.operation = operations[i].operation;
    request.condition = operations[i].condition;
  }
  if (request.operation == 0) return failed(state, "there is no request %s", operation);
  if (request.operation == LARDER_OPERATION_CURSOR_NEXT) {
    request.cursor = find(state->cursors, state->cursor_count, text_of(step, "cursor"))->value;
    request.most = (size_t)strtoull(operation + length, NULL, 10);
  }
  arguments_t arguments = {0};
  bool done = gather(state, step, &arguments, &request);
  if (done) answer->status = larder_queue_submit(state->queue, &request, 1, NULL, &answer->error);
  free_arguments(&arguments);
  if (!done || answer->status != LARDER_OK) return done;
  larder_completion_t completion;
  size_t count = 0;
  int32_t drained = larder_queue_drain(state->queue, &completion, 1, 60000, &count, NULL);
  if (drained != LARDER_OK || count != 1 || completion.id != request.id) return failed(state, "no completion came");
  return take_completion(state, step, &completion, answer);
}
