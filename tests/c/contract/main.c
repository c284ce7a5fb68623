/* Runs the contract of stores through the C functions, each case by call and by request. Cases sleep more than they
 * work, so some run at once. Types that need servers are left out where LARDER_TEST_STORES names none.
 * Usage: contract [part of a case's name] */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>

#include "contract.h"

enum { MOST_JOBS = 4000, AT_ONCE = 32 };

typedef struct {
  char file[64];
  const cJSON *test;
  kind_t kind;
  way_t way;
  bool done;
  char fault[FAULT_LENGTH];
} job_t;

static job_t jobs[MOST_JOBS];
static size_t job_count;
static bool are_some_left_out;
static atomic_size_t next_job;

static cJSON *read_file(const char *directory, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return read_document(path);
}

static bool add_kind(const char *file, const cJSON *test, const kind_t *kind) {
  for (way_t way = BY_CALL; way <= BY_REQUEST; way++) {
    if (job_count == MOST_JOBS) return fprintf(stderr, "there are more than %d runs\n", MOST_JOBS), false;
    job_t *job = &jobs[job_count++];
    *job = (job_t){.test = test, .kind = *kind, .way = way};
    snprintf(job->file, sizeof job->file, "%.60s", file);
  }
  return true;
}

/* The runs of a case for a type that it names, and for the variants of that type that it does not except. */
static bool add_type(const char *file, const cJSON *test, const char *type, const cJSON *servers) {
  kind_t kind;
  if (!find_kind(type, servers, &kind)) {
    are_some_left_out = true;
    return servers ? fprintf(stderr, "%s: there is no type %s\n", file, type), false : true;
  }
  if (!add_kind(file, test, &kind)) return false;
  const cJSON *entry;
  cJSON_ArrayForEach(entry, servers) {
    const char *base = text_of(entry, "variant_of");
    if (!base || strcmp(base, type) != 0 || is_excepted(test, entry->string)) continue;
    if (!find_kind(entry->string, servers, &kind) || !add_kind(file, test, &kind)) return false;
  }
  return true;
}

static bool add_file(const char *name, const cJSON *document, const char *wanted, const cJSON *servers) {
  if (number_of(document, "format", 0) != 1) {
    fprintf(stderr, "%s: not a contract of format 1\n", name);
    return false;
  }
  const cJSON *test, *type;
  cJSON_ArrayForEach(test, cJSON_GetObjectItemCaseSensitive(document, "cases")) {
    if (wanted && !strstr(text_of(test, "name"), wanted)) continue;
    if (servers && !exceptions_are_variants(test, servers)) {
      return fprintf(stderr, "%s: %s: no variant of its types is excepted\n", name, text_of(test, "name")), false;
    }
    cJSON_ArrayForEach(type, cJSON_GetObjectItemCaseSensitive(test, "types")) {
      if (!add_type(name, test, cJSON_GetStringValue(type), servers)) return false;
    }
  }
  return true;
}

static void *work(void *argument) {
  (void)argument;
  for (size_t index; (index = atomic_fetch_add(&next_job, 1)) < job_count;) {
    job_t *job = &jobs[index];
    job->done = run_case(job->test, &job->kind, job->way, job->fault);
  }
  return NULL;
}

int main(int argc, char **argv) {
  const char *directory = getenv("LARDER_CONTRACT") ? getenv("LARDER_CONTRACT") : LARDER_CONTRACT_DIRECTORY;
  cJSON *documents[100];
  size_t document_count = 0, failures = 0;
  const char *stores = getenv("LARDER_TEST_STORES");
  cJSON *servers = stores && stores[0] ? read_document(stores) : NULL;
  if (stores && stores[0] && !servers) return fprintf(stderr, "LARDER_TEST_STORES: %s is no JSON file\n", stores), 1;
  DIR *files = opendir(directory);
  if (!files) return fprintf(stderr, "there is no directory %s\n", directory), 1;
  for (struct dirent *entry; (entry = readdir(files)) && document_count < 100;) {
    size_t length = strlen(entry->d_name);
    if (length < 5 || strcmp(entry->d_name + length - 5, ".json") != 0) continue;
    cJSON *document = documents[document_count++] = read_file(directory, entry->d_name);
    if (!document || !add_file(entry->d_name, document, argc > 1 ? argv[1] : NULL, servers)) return 1;
  }
  closedir(files);
  pthread_t threads[AT_ONCE];
  for (int i = 0; i < AT_ONCE; i++) pthread_create(&threads[i], NULL, work, NULL);
  for (int i = 0; i < AT_ONCE; i++) pthread_join(threads[i], NULL);
  for (size_t i = 0; i < job_count; i++) {
    if (jobs[i].done) continue;
    failures++;
    fprintf(stderr, "%s: %s (%s, by %s): %s\n", jobs[i].file, text_of(jobs[i].test, "name"), jobs[i].kind.name,
            jobs[i].way == BY_CALL ? "call" : "request", jobs[i].fault);
  }
  if (are_some_left_out) printf("left out what needs servers: LARDER_TEST_STORES is not set\n");
  printf("%zu runs, %zu failed\n", job_count, failures);
  for (size_t i = 0; i < document_count; i++) cJSON_Delete(documents[i]);
  cJSON_Delete(servers);
  return failures == 0 && (job_count > 200 || argc > 1) ? 0 : 1;
}
