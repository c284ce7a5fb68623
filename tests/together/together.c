/* One of three programs, each in a language of its own, that share the records of one store: together CONFIG STEP.
 * The steps: `write` its records, `check` those of all three, `count` together with the others. */
#include <larder.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ME "c"
#define INCREMENTS 200
#define HOUR_MS (60 * 60 * 1000)

static const uint8_t *bytes(const char *text) { return (const uint8_t *)text; }

static void must(bool is_so, const char *what) {
  if (is_so) return;
  fprintf(stderr, "C: %s\n", what);
  exit(1);
}

static void succeed(int32_t status, larder_error_t *error, const char *what) {
  if (status == LARDER_OK) return;
  fprintf(stderr, "C: %s: %s\n", what, larder_error_message(error));
  exit(1);
}

static larder_put_options_t options(uint8_t *metadata, size_t capacity) {
  larder_put_options_t options = {.struct_size = sizeof options, .lifespan_ms = HOUR_MS, .metadata = metadata};
  must(larder_metadata_append(metadata, capacity, &options.metadata_length, bytes("written by"), 10, bytes(ME),
                              strlen(ME), NULL) == LARDER_OK,
       "metadata");
  return options;
}

static void put(const larder_store_t *store, const char *key, const uint8_t *value, size_t length) {
  uint8_t metadata[64];
  larder_put_options_t with = options(metadata, sizeof metadata);
  larder_error_t *error = NULL;
  succeed(larder_store_put(store, bytes(key), strlen(key), value, length, &with, NULL, &error), error, key);
}

static const larder_record_t *get(const larder_store_t *store, const char *key) {
  const larder_record_t *record = NULL;
  larder_error_t *error = NULL;
  succeed(larder_store_get(store, bytes(key), strlen(key), 0, &record, &error), error, key);
  return record;
}

static void every_byte(uint8_t value[256]) {
  for (int number = 0; number < 256; number++) value[number] = (uint8_t)number;
}

static void write_records(const larder_store_t *store) {
  uint8_t value[256];
  every_byte(value);
  const char *person = "{\"name\":\"Ada Lovelace\",\"born\":1815}";
  put(store, "bytes/" ME, value, sizeof value);
  put(store, "person/" ME, bytes(person), strlen(person));
}

static void check_bytes(const larder_store_t *store, const char *writer) {
  uint8_t expected[256];
  every_byte(expected);
  char key[32];
  snprintf(key, sizeof key, "bytes/%s", writer);
  const larder_record_t *record = get(store, key);
  size_t length = 0;
  const uint8_t *value = larder_record_value(record, &length);
  must(length == sizeof expected && memcmp(value, expected, length) == 0, key);
  const uint8_t *name = NULL;
  must(larder_record_metadata_get(record, bytes("written by"), 10, &name, &length) == LARDER_OK &&
           length == strlen(writer) && memcmp(name, writer, length) == 0,
       "the metadata");
  int64_t left = larder_record_expires_in_ms(record);
  must(left > HOUR_MS / 2 && left <= HOUR_MS, "the lifespan");
  larder_record_free(record);
}

static void check_person(const larder_store_t *store, const char *writer) {
  char key[32], text[128];
  snprintf(key, sizeof key, "person/%s", writer);
  const larder_record_t *record = get(store, key);
  size_t length = 0;
  const uint8_t *value = larder_record_value(record, &length);
  snprintf(text, sizeof text, "%.*s", (int)length, (const char *)value);
  must(strstr(text, "\"name\":\"Ada Lovelace\"") && strstr(text, "\"born\":1815"), text);
  larder_record_free(record);
}

static void check(const larder_store_t *store) {
  const char *writers[] = {"c", "go", "java"};
  for (size_t place = 0; place < sizeof writers / sizeof *writers; place++) {
    check_bytes(store, writers[place]);
    check_person(store, writers[place]);
  }
}

static bool increment(const larder_store_t *store) {
  const larder_record_t *record = get(store, "counter");
  size_t length = 0;
  const uint8_t *value = larder_record_value(record, &length);
  char text[32];
  snprintf(text, sizeof text, "%.*s", (int)length, (const char *)value);
  int written = snprintf(text, sizeof text, "%ld", strtol(text, NULL, 10) + 1);
  larder_error_t *error = NULL;
  int32_t status = larder_store_replace(store, bytes("counter"), 7, bytes(text), (size_t)written,
                                        larder_record_revision(record), NULL, NULL, &error);
  larder_record_free(record);
  if (status == LARDER_CONFLICT) {
    larder_error_free(error);
    return false;
  }
  succeed(status, error, "counter");
  return true;
}

static void count(const larder_store_t *store) {
  int32_t status = larder_store_put_if_absent(store, bytes("counter"), 7, bytes("0"), 1, NULL, NULL, NULL);
  must(status == LARDER_OK || status == LARDER_CONFLICT, "the counter");
  for (int done = 0; done < INCREMENTS;) done += increment(store);
}

int main(int argc, char **argv) {
  must(argc == 3, "usage: together CONFIG STEP");
  larder_t *larder = NULL;
  larder_store_t *store = NULL;
  larder_error_t *error = NULL;
  succeed(larder_open(bytes(argv[1]), strlen(argv[1]), &larder, &error), error, "open");
  succeed(larder_store_open(larder, bytes("default"), 7, NULL, &store, &error), error, "store");
  if (strcmp(argv[2], "write") == 0) write_records(store);
  else if (strcmp(argv[2], "check") == 0) check(store);
  else if (strcmp(argv[2], "count") == 0) count(store);
  else must(false, "no such step");
  larder_store_free(store);
  larder_free(larder);
  return 0;
}
