/* Which exported functions a test has called. */
#include "support.h"

enum { MOST = 256, LONGEST = 80 };

static char names[MOST][LONGEST];
static int marked[MOST];
static size_t count;

static void read_names(void) {
  if (count != 0) return;
  FILE *file = fopen(LARDER_SYMBOLS, "r");
  assert_non_null(file);
  while (count < MOST && fscanf(file, "%79s", names[count]) == 1) {
    if (strncmp(names[count], "larder_", 7) == 0) count++;
  }
  fclose(file);
  assert_in_range(count, 50, MOST - 1);
}

void mark_symbol(const char *call) {
  read_names();
  size_t length = strcspn(call, "(");
  for (size_t i = 0; i < count; i++) {
    if (strlen(names[i]) == length && strncmp(names[i], call, length) == 0) {
      marked[i] = 1;
      return;
    }
  }
  print_error("%.*s is not in tests/abi/symbols.txt\n", (int)length, call);
  fail();
}

void expect_all_symbols_marked(const char *const *exempt) {
  for (; *exempt; exempt++) mark_symbol(*exempt);
  size_t forgotten = 0;
  for (size_t i = 0; i < count; i++) {
    if (!marked[i]) {
      print_error("no test of this program calls %s\n", names[i]);
      forgotten++;
    }
  }
  assert_int_equal(forgotten, 0);
}
