/* A store that is configured by the variables of an oCIS service. They, and the record that is there, come from the
 * program that starts the servers (tests/servers/planted.rs); without them this is left out. */
#include "support.h"

static void a_service_reads_what_its_go_code_wrote_to_the_server(void **state) {
  (void)state;
  const char *nodes = getenv("NOTIFICATIONS_STORE_NODES");
  if (!nodes || !nodes[0]) skip();
  larder_t *larder = open_larder("env://ocis/NOTIFICATIONS_STORE");
  larder_store_t *store = open_store(larder);
  expect_text(store, "written by go", "as oCIS writes it");
  put_text(store, "c", "value");
  expect_text(store, "c", "value");
  larder_store_free(store);
  larder_free(larder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_service_reads_what_its_go_code_wrote_to_the_server)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
