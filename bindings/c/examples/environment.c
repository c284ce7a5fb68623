/* Opens the cache that an operator has configured for oCIS, by the variables that oCIS itself reads:
 *
 *   OCIS_CACHE_STORE=nats-js-kv OCIS_CACHE_STORE_NODES=127.0.0.1:9233 environment
 */
#include "example.h"

int main(void) {
  larder_error_t *error = NULL;
  /* A malformed variable is an error that names it. */
  larder_t *larder = open_larder("env://ocis/STORAGE_USERS_FILEMETADATA_CACHE");
  larder_store_t *store = open_store(larder);

  const larder_record_t *record = NULL;
  int32_t status = larder_store_get(store, TEXT("nodes/64/bb"), 5000, &record, &error);
  check(status, error);
  if (status == LARDER_NOT_FOUND) {
    puts("nothing was cached yet");
  } else {
    size_t length = 0;
    larder_record_value(record, &length);
    printf("%zu bytes, as oCIS wrote them\n", length);
    larder_record_free(record);
  }

  larder_store_free(store);
  larder_free(larder);
  return 0;
}
