/* The interpreter of the contract (tests/contract/README.md) in C. */
#ifndef LARDER_CONTRACT_H
#define LARDER_CONTRACT_H

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "larder.h"

enum { MOST_NAMED = 32, FAULT_LENGTH = 2048 };

typedef struct {
  uint8_t *data;
  size_t length;
} bytes_t;

/* The two ways to call: each operation's own function, or a request to a queue. */
typedef enum { BY_CALL, BY_REQUEST } way_t;

/* A type of a case: its settings, and which name of a store, if any, keeps a run apart from others. */
typedef struct {
  const char *name, *prefixed;
  const cJSON *settings;
} kind_t;

/* What any operation can answer; what it does not, stays empty. */
typedef struct {
  int32_t status;
  const larder_record_t *record;
  larder_records_t *records;
  bool has_records, has_revision, has_number, has_length, has_value, has_statistics;
  uint64_t revision, number;
  size_t length;
  bytes_t value;
  /* Of put_many. */
  int32_t *statuses;
  uint64_t *revisions;
  size_t outcomes;
  larder_statistics_t statistics;
  larder_bytes_t *description;
  larder_error_t *error;
  /* Of a cursor's several pages. */
  const larder_record_t **rows;
  size_t row_count;
} answer_t;

typedef struct {
  const char *name;
  void *value;
  size_t page;
  larder_events_t *events;
  size_t next_event;
} named_t;

typedef struct {
  const char *name;
  uint64_t revision;
} saved_t;

/* What a case has open. */
typedef struct {
  way_t way;
  const kind_t *kind;
  char prefix[24];
  larder_t *larder;
  larder_queue_t *queue;
  uint64_t next_id;
  named_t handles[MOST_NAMED], cursors[MOST_NAMED], watches[MOST_NAMED];
  size_t handle_count, cursor_count, watch_count;
  saved_t saved[MOST_NAMED];
  size_t saved_count;
  char fault[FAULT_LENGTH];
} case_t;

/* bytes.c */
bool parse_bytes(const cJSON *value, bytes_t *bytes);
bool optional_bytes(const cJSON *value, bytes_t *bytes);
bool parse_metadata(const cJSON *list, bytes_t *metadata);
bool parse_many(const cJSON *list, const char *field, bytes_t *all, uint32_t **lengths, size_t *count);
bool same_bytes(const cJSON *expected, const uint8_t *data, size_t length);
const char *text_of(const cJSON *object, const char *field);
int64_t number_of(const cJSON *object, const char *field, int64_t otherwise);

/* kind.c: types, and names that no other run on the same servers has. */

bool find_kind(const char *name, const cJSON *servers, kind_t *kind);
bool is_excepted(const cJSON *test, const char *variant);
bool exceptions_are_variants(const cJSON *test, const cJSON *servers);
void choose_prefix(case_t *state);
bool name_of(const case_t *state, const cJSON *names, const char *field, bytes_t *name);
cJSON *section_of(const case_t *state, const cJSON *test);

/* case.c */
bool run_case(const cJSON *test, const kind_t *kind, way_t way, char *fault);
bool failed(case_t *state, const char *format, ...) __attribute__((format(printf, 2, 3)));
named_t *find(named_t *list, size_t count, const char *name);
bool only_fields(case_t *state, const cJSON *object, const char *const *known);

/* call.c and submit.c: a step's operation, by call and by request. */
bool call(case_t *state, const cJSON *step, const char *operation, answer_t *answer);
bool submit(case_t *state, const cJSON *step, const char *operation, const larder_store_t *store, answer_t *answer);
larder_store_t *store_of(case_t *state, const cJSON *step);
bool put_options_of(case_t *state, const cJSON *from, larder_put_options_t *options, bytes_t *metadata);
bool list_options_of(case_t *state, const cJSON *step, larder_list_options_t *options, bytes_t *prefix, bytes_t *suffix);

/* check.c */
bool check_answer(case_t *state, const cJSON *expect, const answer_t *answer);
bool saved_revision(case_t *state, const cJSON *value, uint64_t *revision);
bool save(case_t *state, const char *name, uint64_t revision);
bool check_event(case_t *state, const cJSON *expected, const larder_events_t *events, size_t index);
bool check_number(case_t *state, const char *field, const cJSON *expected, int64_t actual);
void free_answer(answer_t *answer);

/* watch.c */
extern const char *const event_names[];
bool watch_step(case_t *state, const cJSON *step, const char *operation);

#endif
