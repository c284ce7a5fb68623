/* Whether an answer is what a case expects. */
#include "contract.h"

void free_answer(answer_t *answer) {
  larder_record_free(answer->record);
  larder_records_free(answer->records);
  larder_bytes_free(answer->description);
  larder_error_free(answer->error);
  for (size_t i = 0; i < answer->row_count; i++) larder_record_free(answer->rows[i]);
  free(answer->rows);
  free(answer->value.data);
  free(answer->statuses);
  free(answer->revisions);
}

bool save(case_t *state, const char *name, uint64_t revision) {
  if (state->saved_count == MOST_NAMED) return failed(state, "too many saved revisions");
  state->saved[state->saved_count++] = (saved_t){.name = name, .revision = revision};
  return true;
}

bool saved_revision(case_t *state, const cJSON *value, uint64_t *revision) {
  if (cJSON_IsNumber(value)) {
    *revision = (uint64_t)value->valuedouble;
    return true;
  }
  const char *name = cJSON_GetStringValue(value);
  for (size_t i = state->saved_count; name && name[0] == '$' && i > 0; i--) {
    if (strcmp(state->saved[i - 1].name, name + 1) != 0) continue;
    *revision = state->saved[i - 1].revision;
    return true;
  }
  return failed(state, "%s is no saved revision", name ? name : "that");
}

bool check_number(case_t *state, const char *field, const cJSON *expected, int64_t actual) {
  int64_t least = actual, most = actual;
  if (cJSON_IsNumber(expected)) {
    least = most = (int64_t)expected->valuedouble;
  } else {
    static const char *const known[] = {"least", "most", NULL};
    if (!only_fields(state, expected, known)) return false;
    least = number_of(expected, "least", actual);
    most = number_of(expected, "most", actual);
  }
  if (actual >= least && actual <= most) return true;
  return failed(state, "%s: expected %lld to %lld, got %lld", field, (long long)least, (long long)most, (long long)actual);
}

static bool check_status(case_t *state, const cJSON *expected, int32_t status) {
  const char *actual = larder_status_name(status);
  if (expected == NULL) return status == LARDER_OK || failed(state, "expected OK, got %s", actual);
  if (cJSON_IsString(expected)) {
    return strcmp(expected->valuestring, actual) == 0 || failed(state, "expected %s, got %s", expected->valuestring, actual);
  }
  const cJSON *one;
  cJSON_ArrayForEach(one, expected) {
    if (strcmp(cJSON_GetStringValue(one), actual) == 0) return true;
  }
  return failed(state, "got %s", actual);
}

static bool check_revision(case_t *state, const char *field, const cJSON *expected, uint64_t actual) {
  uint64_t revision = 0;
  if (!saved_revision(state, expected, &revision)) return false;
  bool fits = strcmp(field, "revision") == 0 ? actual == revision : actual > revision;
  return fits || failed(state, "%s: expected %llu, got %llu", field, (unsigned long long)revision, (unsigned long long)actual);
}

static bool check_metadata(case_t *state, const cJSON *expected, const larder_record_t *record) {
  bytes_t stored;
  size_t length = 0;
  const uint8_t *actual = larder_record_metadata(record, &length);
  if (!parse_metadata(expected, &stored)) return failed(state, "metadata");
  bool same = stored.length == length && (length == 0 || memcmp(stored.data, actual, length) == 0);
  free(stored.data);
  if (!same) return failed(state, "the metadata differs: %zu bytes", length);
  /* Each name by itself, too. */
  const cJSON *pair;
  cJSON_ArrayForEach(pair, expected) {
    const char *name = cJSON_GetStringValue(cJSON_GetArrayItem(pair, 0));
    const uint8_t *value = NULL;
    int32_t status = larder_record_metadata_get(record, (const uint8_t *)name, strlen(name), &value, &length);
    if (status != LARDER_OK || !same_bytes(cJSON_GetArrayItem(pair, 1), value, length)) return failed(state, "metadata %s differs", name);
  }
  return true;
}

static bool check_record_field(case_t *state, const cJSON *expected, const larder_record_t *record) {
  const char *field = expected->string;
  size_t length = 0;
  if (!record) return failed(state, "%s: there is no record", field);
  if (strcmp(field, "key") == 0 || strcmp(field, "value") == 0) {
    const uint8_t *data = field[0] == 'k' ? larder_record_key(record, &length) : larder_record_value(record, &length);
    return same_bytes(expected, data, length) || failed(state, "%s differs: %.*s (%zu bytes)", field, (int)(length < 60 ? length : 60), (const char *)data, length);
  }
  if (strcmp(field, "metadata") == 0) return check_metadata(state, expected, record);
  if (strncmp(field, "revision", 8) == 0) return check_revision(state, field, expected, larder_record_revision(record));
  if (strcmp(field, "expires_in_ms") == 0) return check_number(state, field, expected, larder_record_expires_in_ms(record));
  if (strcmp(field, "max_idle_ms") == 0) return check_number(state, field, expected, larder_record_max_idle_ms(record));
  return failed(state, "there is no field %s of a record", field);
}

static bool check_records(case_t *state, const cJSON *expected, const answer_t *answer) {
  size_t count = answer->rows || !answer->records ? answer->row_count : larder_records_count(answer->records), index = 0;
  if ((size_t)cJSON_GetArraySize(expected) != count) return failed(state, "expected %d records, got %zu", cJSON_GetArraySize(expected), count);
  const cJSON *one, *field;
  cJSON_ArrayForEach(one, expected) {
    const larder_record_t *record = answer->rows ? answer->rows[index] : larder_records_at(answer->records, index);
    if (cJSON_IsNull(one) != (record == NULL)) return failed(state, "record %zu is %s", index, record ? "there" : "a gap");
    cJSON_ArrayForEach(field, one) {
      if (!check_record_field(state, field, record)) return false;
    }
    index++;
  }
  return true;
}

static bool check_outcomes(case_t *state, const cJSON *expected, const answer_t *answer) {
  static const char *const known[] = {"status", "revision", "revision_above", NULL};
  size_t index = 0;
  if ((size_t)cJSON_GetArraySize(expected) != answer->outcomes) return failed(state, "got %zu outcomes", answer->outcomes);
  const cJSON *one, *field;
  cJSON_ArrayForEach(one, expected) {
    if (!only_fields(state, one, known)) return false;
    if (!check_status(state, cJSON_GetObjectItemCaseSensitive(one, "status"), answer->statuses[index])) return false;
    cJSON_ArrayForEach(field, one) {
      if (strcmp(field->string, "status") != 0 && !check_revision(state, field->string, field, answer->revisions[index])) return false;
    }
    index++;
  }
  return true;
}

static bool check_statistics(case_t *state, const cJSON *expected, const larder_statistics_t *counted) {
  const struct {
    const char *name;
    uint64_t value;
  } numbers[] = {{"hits", counted->hits},           {"misses", counted->misses},       {"puts", counted->puts},
                 {"removals", counted->removals},   {"evictions", counted->evictions}, {"expirations", counted->expirations},
                 {"entries", counted->entries},     {"bytes", counted->bytes}};
  const cJSON *field;
  cJSON_ArrayForEach(field, expected) {
    size_t i = 0;
    while (i < 8 && strcmp(numbers[i].name, field->string) != 0) i++;
    if (i == 8) return failed(state, "there is no %s", field->string);
    if (!check_number(state, field->string, field, (int64_t)numbers[i].value)) return false;
  }
  return true;
}

static bool check_description(case_t *state, const cJSON *expected, larder_bytes_t *description) {
  cJSON *actual = cJSON_Parse((const char *)larder_bytes_data(description, NULL));
  bool same = actual != NULL;
  const cJSON *field;
  cJSON_ArrayForEach(field, expected) {
    same = same && cJSON_Compare(field, cJSON_GetObjectItemCaseSensitive(actual, field->string), 1);
  }
  cJSON_Delete(actual);
  return same || failed(state, "the description differs: %.200s", (const char *)larder_bytes_data(description, NULL));
}

static bool check_field(case_t *state, const cJSON *expected, const answer_t *answer) {
  const char *field = expected->string, *text = cJSON_GetStringValue(expected);
  if (strcmp(field, "status") == 0) return true;
  if (strcmp(field, "value") == 0 && answer->has_value) {
    return same_bytes(expected, answer->value.data, answer->value.length) || failed(state, "the value differs");
  }
  if (strncmp(field, "revision", 8) == 0) {
    if (!answer->has_revision) return failed(state, "there is no revision");
    return check_revision(state, field, expected, answer->revision);
  }
  if (strcmp(field, "length") == 0) {
    return answer->has_length ? check_number(state, field, expected, (int64_t)answer->length) : failed(state, "there is no length");
  }
  if (strcmp(field, "number") == 0) {
    return answer->has_number ? check_number(state, field, expected, (int64_t)answer->number) : failed(state, "there is no number");
  }
  if (strcmp(field, "records") == 0) return answer->has_records ? check_records(state, expected, answer) : failed(state, "there are no records");
  if (strcmp(field, "outcomes") == 0) return check_outcomes(state, expected, answer);
  if (strcmp(field, "statistics") == 0) {
    return answer->has_statistics ? check_statistics(state, expected, &answer->statistics) : failed(state, "there are no statistics");
  }
  if (strcmp(field, "description") == 0) return check_description(state, expected, answer->description);
  if (strcmp(field, "source") == 0) {
    return strcmp(text, larder_error_source(answer->error)) == 0 || failed(state, "the source is %s", larder_error_source(answer->error));
  }
  if (strcmp(field, "message_contains") == 0) {
    return strstr(larder_error_message(answer->error), text) || failed(state, "the message is %s", larder_error_message(answer->error));
  }
  return check_record_field(state, expected, answer->record);
}

bool check_answer(case_t *state, const cJSON *expect, const answer_t *answer) {
  if (!check_status(state, cJSON_GetObjectItemCaseSensitive(expect, "status"), answer->status)) return false;
  if ((answer->status < 0) != (answer->error != NULL)) return failed(state, "the error does not fit the status");
  const cJSON *field;
  cJSON_ArrayForEach(field, expect) {
    if (!check_field(state, field, answer)) return false;
  }
  return true;
}

bool check_event(case_t *state, const cJSON *expected, const larder_events_t *events, size_t index) {
  const cJSON *field;
  cJSON_ArrayForEach(field, expected) {
    const char *name = field->string;
    if (strcmp(name, "kind") == 0) {
      int32_t kind = larder_events_kind(events, index);
      const char *actual = kind >= 0 && kind <= LARDER_EVENT_LOST ? event_names[kind] : "?";
      if (strcmp(cJSON_GetStringValue(field), actual) != 0) return failed(state, "expected %s, got %s", field->valuestring, actual);
    } else if (strcmp(name, "initial") == 0) {
      if (cJSON_IsTrue(field) != (larder_events_initial(events, index) == 1)) return failed(state, "initial differs");
    } else if (strcmp(name, "lost") == 0) {
      if (!check_number(state, name, field, (int64_t)larder_events_lost(events, index))) return false;
    } else if (!check_record_field(state, field, larder_events_record(events, index))) {
      return false;
    }
  }
  return true;
}
