/* A store that is too large for one answer, page by page. */
#include "example.h"

enum { RECORDS = 1000, PAGE = 64 };

int main(void) {
  larder_error_t *error = NULL;
  larder_t *larder = open_larder("memory://");
  larder_store_t *store = open_store(larder);
  for (int i = 0; i < RECORDS; i++) {
    char key[16];
    int length = snprintf(key, sizeof key, "key-%04d", i);
    check(larder_store_put(store, (const uint8_t *)key, (size_t)length, TEXT("v"), NULL, NULL, &error), error);
  }

  larder_list_options_t options = {.struct_size = sizeof options, .projection = LARDER_LIST_RECORDS,
                                   .prefix = (const uint8_t *)"key-0", .prefix_length = 5};
  larder_cursor_t *cursor = NULL;
  larder_records_t *page = NULL;
  size_t count = 0, pages = 0;
  int32_t status;
  check(larder_store_cursor(store, &options, &cursor, &error), error);
  while ((status = larder_cursor_next(cursor, PAGE, 0, &page, &error)) == LARDER_OK) {
    count += larder_records_count(page);
    pages++;
    larder_records_free(page);
  }
  check(status, error);
  printf("%zu records in %zu pages\n", count, pages);

  larder_cursor_free(cursor);
  larder_store_free(store);
  larder_free(larder);
  return count == RECORDS ? 0 : 1;
}
