/* An event loop: requests go into a queue, poll says when completions wait, and they are drained in batches. */
#include "example.h"

#include <poll.h>

enum { REQUESTS = 100, BATCH = 16 };

int main(void) {
  larder_error_t *error = NULL;
  /* This type answers as a server would: later. */
  larder_t *larder = open_larder("fault://?delay=5ms");
  larder_store_t *store = open_store(larder);
  larder_queue_t *queue = NULL;
  int32_t descriptor = -1;
  check(larder_queue_open(0, &queue, &error), error);
  check(larder_queue_descriptor(queue, &descriptor, &error), error);

  larder_request_t requests[REQUESTS];
  for (uint64_t id = 0; id < REQUESTS; id++) {
    requests[id] = (larder_request_t){.struct_size = sizeof requests[id], .id = id, .operation = LARDER_OPERATION_PUT,
                                      .store = store, .key = (const uint8_t *)&requests[id].id, .key_length = 8,
                                      .value = (const uint8_t *)"value", .value_length = 5, .timeout_ms = 10000};
  }
  check(larder_queue_submit(queue, requests, REQUESTS, NULL, &error), error);

  int done = 0, batches = 0;
  while (done < REQUESTS) {
    struct pollfd entry = {.fd = descriptor, .events = POLLIN};
    if (poll(&entry, 1, 10000) != 1) return 1;
    larder_completion_t completions[BATCH];
    size_t count = 0;
    check(larder_queue_drain(queue, completions, BATCH, 0, &count, &error), error);
    for (size_t i = 0; i < count; i++) check(completions[i].status, completions[i].error);
    done += (int)count;
    batches++;
  }
  printf("%d requests in %s\n", done, batches < REQUESTS ? "batches" : "single steps");

  larder_queue_free(queue);
  larder_store_free(store);
  larder_free(larder);
  return 0;
}
