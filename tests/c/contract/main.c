/* Runs the contract of stores through the C functions, each case by call and by request. Cases sleep more than they
 * work, so some run at once. Usage: contract [part of a case's name] */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>

#include "contract.h"

enum { MOST_JOBS = 1000, AT_ONCE = 16 };

typedef struct {
  char file[64];
  const cJSON *test;
  const char *type;
  way_t way;
  bool done;
  char fault[FAULT_LENGTH];
} job_t;

static job_t jobs[MOST_JOBS];
static size_t job_count;
static atomic_size_t next_job;

static cJSON *read_file(const char *directory, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  fseek(file, 0, SEEK_END);
  size_t length = (size_t)ftell(file);
  rewind(file);
  char *text = malloc(length + 1);
  size_t count = fread(text, 1, length, file);
  text[count] = 0;
  fclose(file);
  cJSON *document = cJSON_Parse(text);
  free(text);
  return document;
}

static bool add_file(const char *name, const cJSON *document, const char *wanted) {
  if (number_of(document, "format", 0) != 1) {
    fprintf(stderr, "%s: not a contract of format 1\n", name);
    return false;
  }
  const cJSON *test, *type;
  cJSON_ArrayForEach(test, cJSON_GetObjectItemCaseSensitive(document, "cases")) {
    if (wanted && !strstr(text_of(test, "name"), wanted)) continue;
    cJSON_ArrayForEach(type, cJSON_GetObjectItemCaseSensitive(test, "types")) {
      for (way_t way = BY_CALL; way <= BY_REQUEST && job_count < MOST_JOBS; way++) {
        job_t *job = &jobs[job_count++];
        *job = (job_t){.test = test, .type = cJSON_GetStringValue(type), .way = way};
        snprintf(job->file, sizeof job->file, "%.60s", name);
      }
    }
  }
  return true;
}

static void *work(void *argument) {
  (void)argument;
  for (size_t index; (index = atomic_fetch_add(&next_job, 1)) < job_count;) {
    job_t *job = &jobs[index];
    job->done = run_case(job->test, job->type, job->way, job->fault);
  }
  return NULL;
}

int main(int argc, char **argv) {
  const char *directory = getenv("LARDER_CONTRACT") ? getenv("LARDER_CONTRACT") : LARDER_CONTRACT_DIRECTORY;
  cJSON *documents[100];
  size_t document_count = 0, failures = 0;
  DIR *files = opendir(directory);
  if (!files) return fprintf(stderr, "there is no directory %s\n", directory), 1;
  for (struct dirent *entry; (entry = readdir(files)) && document_count < 100;) {
    size_t length = strlen(entry->d_name);
    if (length < 5 || strcmp(entry->d_name + length - 5, ".json") != 0) continue;
    cJSON *document = documents[document_count++] = read_file(directory, entry->d_name);
    if (!document || !add_file(entry->d_name, document, argc > 1 ? argv[1] : NULL)) return 1;
  }
  closedir(files);
  pthread_t threads[AT_ONCE];
  for (int i = 0; i < AT_ONCE; i++) pthread_create(&threads[i], NULL, work, NULL);
  for (int i = 0; i < AT_ONCE; i++) pthread_join(threads[i], NULL);
  for (size_t i = 0; i < job_count; i++) {
    if (jobs[i].done) continue;
    failures++;
    fprintf(stderr, "%s: %s (%s, by %s): %s\n", jobs[i].file, text_of(jobs[i].test, "name"), jobs[i].type,
            jobs[i].way == BY_CALL ? "call" : "request", jobs[i].fault);
  }
  printf("%zu runs, %zu failed\n", job_count, failures);
  for (size_t i = 0; i < document_count; i++) cJSON_Delete(documents[i]);
  return failures == 0 && (job_count > 200 || argc > 1) ? 0 : 1;
}
