#include "support.h"

#include <time.h>

_Thread_local larder_error_t *last_error = NULL;

static void forget_error(void) {
  larder_error_free(last_error);
  last_error = NULL;
}

void expect_status(int32_t expected, int32_t actual, const char *call, const char *file, int line) {
  if (actual != expected) {
    print_error("%s:%d: %s\n  expected %s, got %s: %s\n", file, line, call, larder_status_name(expected),
                larder_status_name(actual), larder_error_message(last_error));
  } else if ((actual < 0) != (last_error != NULL)) {
    print_error("%s:%d: %s\n  %s, and the error is %s\n", file, line, call, larder_status_name(actual),
                last_error ? "there" : "NULL");
  } else if (actual < 0 && larder_error_code(last_error) != actual) {
    print_error("%s:%d: %s\n  the error says %s\n", file, line, call, larder_status_name(larder_error_code(last_error)));
  } else {
    forget_error();
    return;
  }
  forget_error();
  _fail(file, line);
}

void expect_refused(const char *argument, int32_t actual, const char *call, const char *file, int line) {
  mark_symbol(call);
  const char *source = larder_error_source(last_error);
  if (actual != LARDER_INVALID_ARGUMENT || strcmp(source, argument) != 0) {
    print_error("%s:%d: %s\n  expected a refusal of \"%s\", got %s: %s\n", file, line, call, argument,
                larder_status_name(actual), larder_error_message(last_error));
    forget_error();
    _fail(file, line);
  }
  expect_status(LARDER_INVALID_ARGUMENT, actual, call, file, line);
}

void must(int condition, const char *text, const char *file, int line) {
  if (condition) return;
  fprintf(stderr, "%s:%d: %s does not hold: %s\n", file, line, text, larder_error_message(last_error));
  fflush(stderr);
  _Exit(70);
}

larder_t *open_larder(const char *config) {
  larder_t *larder = NULL;
  OK(larder_open((const uint8_t *)config, strlen(config), &larder, E));
  assert_non_null(larder);
  return larder;
}

larder_store_t *open_store(const larder_t *larder) {
  larder_store_t *store = NULL;
  OK(larder_store_open(larder, TEXT("default"), NULL, &store, E));
  assert_non_null(store);
  return store;
}

larder_store_t *open_table(const larder_t *larder, const char *database, const char *table) {
  larder_store_options_t options = {.struct_size = sizeof options,
                                    .database = (const uint8_t *)database,
                                    .database_length = strlen(database),
                                    .table = (const uint8_t *)table,
                                    .table_length = strlen(table)};
  larder_store_t *store = NULL;
  OK(larder_store_open(larder, TEXT("default"), &options, &store, E));
  return store;
}

void put_text(const larder_store_t *store, const char *key, const char *value) {
  OK(larder_store_put(store, (const uint8_t *)key, strlen(key), (const uint8_t *)value, strlen(value), NULL, NULL, E));
}

void expect_text(const larder_store_t *store, const char *key, const char *value) {
  uint8_t buffer[256];
  size_t length = 0;
  OK(larder_store_get_into(store, (const uint8_t *)key, strlen(key), 0, buffer, sizeof buffer, &length, NULL, E));
  assert_int_equal(length, strlen(value));
  assert_memory_equal(buffer, value, length);
}

size_t from_environment(const char *name, size_t otherwise) {
  const char *text = getenv(name);
  return text ? (size_t)strtoull(text, NULL, 10) : otherwise;
}

int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void sleep_ms(int64_t milliseconds) {
  struct timespec pause = {.tv_sec = milliseconds / 1000, .tv_nsec = (milliseconds % 1000) * 1000000};
  while (nanosleep(&pause, &pause) != 0) {
  }
}
