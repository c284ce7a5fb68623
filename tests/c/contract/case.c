/* A case: what it has open, and its steps one after the other. */
#include <time.h>

#include "contract.h"

bool failed(case_t *state, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(state->fault, sizeof state->fault, format, arguments);
  va_end(arguments);
  return false;
}

named_t *find(named_t *list, size_t count, const char *name) {
  for (size_t i = 0; name && i < count; i++) {
    if (strcmp(list[i].name, name) == 0) return &list[i];
  }
  return NULL;
}

bool only_fields(case_t *state, const cJSON *object, const char *const *known) {
  const cJSON *field;
  cJSON_ArrayForEach(field, object) {
    size_t i = 0;
    while (known[i] && strcmp(known[i], field->string) != 0) i++;
    if (!known[i]) return failed(state, "there is no field %s", field->string);
  }
  return true;
}

static int32_t open_names(const case_t *state, const char *name, const cJSON *names, larder_store_t **store,
                          larder_error_t **error) {
  bytes_t database, table;
  name_of(state, names, "database", &database);
  name_of(state, names, "table", &table);
  larder_store_options_t options = {.struct_size = sizeof options,
                                    .database = database.data,
                                    .database_length = database.length,
                                    .table = table.data,
                                    .table_length = table.length};
  int32_t status = larder_store_open(state->larder, (const uint8_t *)name, strlen(name), &options, store, error);
  free(database.data);
  free(table.data);
  return status;
}

static bool add_handle(case_t *state, const char *name, const cJSON *names) {
  larder_store_t *store = NULL;
  if (open_names(state, "default", names, &store, NULL) != LARDER_OK || state->handle_count == MOST_NAMED) {
    return failed(state, "the handle %s cannot be opened", name);
  }
  state->handles[state->handle_count++] = (named_t){.name = name, .value = store};
  return true;
}

static bool open_case(case_t *state, const cJSON *test) {
  static const char *const known[] = {"name", "types", "except", "settings", "handles", "steps", NULL};
  if (!only_fields(state, test, known)) return false;
  cJSON *stores = cJSON_CreateObject(), *document = cJSON_CreateObject();
  choose_prefix(state);
  cJSON_AddItemToObject(stores, "default", section_of(state, test));
  cJSON_AddItemToObject(document, "stores", stores);
  char *config = cJSON_PrintUnformatted(document);
  larder_error_t *error = NULL;
  int32_t status = larder_open((const uint8_t *)config, strlen(config), &state->larder, &error);
  if (status != LARDER_OK) failed(state, "%s: %s", config, larder_error_message(error));
  larder_error_free(error);
  cJSON_free(config);
  cJSON_Delete(document);
  if (status != LARDER_OK || !add_handle(state, "main", NULL)) return false;
  const cJSON *names;
  cJSON_ArrayForEach(names, cJSON_GetObjectItemCaseSensitive(test, "handles")) {
    if (!add_handle(state, names->string, names)) return false;
  }
  return larder_queue_open(0, &state->queue, NULL) == LARDER_OK;
}

static void close_case(case_t *state) {
  for (size_t i = 0; i < state->cursor_count; i++) larder_cursor_free(state->cursors[i].value);
  for (size_t i = 0; i < state->watch_count; i++) {
    larder_events_free(state->watches[i].events);
    larder_watch_free(state->watches[i].value);
  }
  for (size_t i = 0; i < state->handle_count; i++) larder_store_free(state->handles[i].value);
  larder_queue_free(state->queue);
  larder_free(state->larder);
}

static bool pause_for(case_t *state, const cJSON *step) {
  static const char *const known[] = {"op", "ms", NULL};
  if (!only_fields(state, step, known)) return false;
  int64_t ms = number_of(step, "ms", 0);
  struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  nanosleep(&pause, NULL);
  return true;
}

/* Operations on the larder itself: they are the same in both ways. */
static bool larder_step(case_t *state, const cJSON *step, const char *operation, answer_t *answer) {
  static const char *const known[] = {"op", "expect", "config", "name", "database", "table", NULL};
  if (!only_fields(state, step, known)) return false;
  if (strcmp(operation, "close_larder") == 0) {
    answer->status = larder_close(state->larder, -1, &answer->error);
    return true;
  }
  if (strcmp(operation, "open") == 0) {
    larder_t *other = NULL;
    const char *config = text_of(step, "config");
    answer->status = larder_open((const uint8_t *)config, strlen(config), &other, &answer->error);
    larder_free(other);
    return true;
  }
  larder_store_t *store = NULL;
  answer->status = open_names(state, text_of(step, "name"), step, &store, &answer->error);
  larder_store_free(store);
  return true;
}

static bool run_step(case_t *state, const cJSON *step) {
  const char *operation = text_of(step, "op");
  if (!operation) return failed(state, "a step without op");
  if (strcmp(operation, "sleep") == 0) return pause_for(state, step);
  if (strncmp(operation, "watch_", 6) == 0 && strcmp(operation, "watch_open") != 0) return watch_step(state, step, operation);
  answer_t answer = {0};
  bool is_of_larder = strcmp(operation, "close_larder") == 0 || strncmp(operation, "open", 4) == 0;
  bool done = is_of_larder ? larder_step(state, step, operation, &answer) : call(state, step, operation, &answer);
  done = done && check_answer(state, cJSON_GetObjectItemCaseSensitive(step, "expect"), &answer);
  const char *name = text_of(step, "save");
  if (done && name) done = answer.has_revision ? save(state, name, answer.revision) : failed(state, "no revision to save");
  free_answer(&answer);
  return done;
}

bool run_case(const cJSON *test, const kind_t *kind, way_t way, char *fault) {
  case_t state = {.way = way, .kind = kind};
  bool done = open_case(&state, test);
  const cJSON *step;
  int index = 0;
  cJSON_ArrayForEach(step, cJSON_GetObjectItemCaseSensitive(test, "steps")) {
    if (!done) break;
    done = run_step(&state, step);
    if (!done) {
      char *text = cJSON_PrintUnformatted(step);
      snprintf(fault, FAULT_LENGTH, "step %d: %.300s: %.1500s", index, text, state.fault);
      cJSON_free(text);
    }
    index++;
  }
  if (!done && fault[0] == 0) snprintf(fault, FAULT_LENGTH, "%s", state.fault);
  close_case(&state);
  return done;
}
