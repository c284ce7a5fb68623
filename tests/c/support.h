/* What the test programs have in common. */
#ifndef LARDER_TEST_SUPPORT_H
#define LARDER_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "larder.h"

/* The place for a call's error; `EXPECT` looks at it and frees it. One for each thread. */
extern _Thread_local larder_error_t *last_error;
#define E (&last_error)

/* A call answers a status; its error is there exactly when it is negative, and says the same. */
#define EXPECT(status, call) expect_status((status), (call), #call, __FILE__, __LINE__)
#define OK(call) EXPECT(LARDER_OK, call)
void expect_status(int32_t expected, int32_t actual, const char *call, const char *file, int line);

/* A call answers INVALID_ARGUMENT and names the argument. */
#define REFUSED(argument, call) expect_refused((argument), (call), #call, __FILE__, __LINE__)
void expect_refused(const char *argument, int32_t actual, const char *call, const char *file, int line);

/* As EXPECT, for threads that cmocka did not start: ends the program with a message. */
#define MUST(condition) must((condition), #condition, __FILE__, __LINE__)
void must(int condition, const char *text, const char *file, int line);

/* Text as a pointer and a length. */
#define TEXT(text) ((const uint8_t *)(text)), (sizeof(text) - 1)

larder_t *open_larder(const char *config);
larder_store_t *open_store(const larder_t *larder);
larder_store_t *open_table(const larder_t *larder, const char *database, const char *table);

/* Writes and reads short texts. */
void put_text(const larder_store_t *store, const char *key, const char *value);
void expect_text(const larder_store_t *store, const char *key, const char *value);

/* A whole number from the environment. */
size_t from_environment(const char *name, size_t otherwise);

/* Milliseconds of a clock that only goes on. */
int64_t now_ms(void);
void sleep_ms(int64_t milliseconds);

/* The functions that the library exports, as tests/abi/symbols.txt has them: each is marked when a test has called it,
 * so that a new one cannot be forgotten. `call` begins with the function's name. */
void mark_symbol(const char *call);
void expect_all_symbols_marked(const char *const *exempt);

#endif
