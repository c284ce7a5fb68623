/* The demo's main job: the metadata of every file below a directory, cached with a lifespan.
 *
 * Usage: filecache [directory]     (/usr/share)
 *
 * A file's stat is looked up in Larder under its path, and read from the file system and written on a miss. All files
 * are looked up several times; between the rounds some files of the program's own change, and what is cached of them is
 * removed. The last line is for programs. */
#include <dirent.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "example.h"

enum { ROUNDS = 5, OWN_FILES = 50, LIFESPAN_MS = 60000 };

typedef struct {
  char **paths;
  size_t count, capacity;
} files_t;

/* What is cached of a file. */
typedef struct {
  int64_t size, changed_ns;
  uint32_t mode, owner;
} metadata_t;

typedef struct {
  const larder_store_t *store;
  size_t hits, misses, stale;
} cache_t;

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

static void *allocated(void *memory) {
  if (memory) return memory;
  fputs("out of memory\n", stderr);
  exit(1);
}

static char *joined(const char *directory, const char *name) {
  size_t length = strlen(directory) + strlen(name) + 2;
  char *path = allocated(malloc(length));
  snprintf(path, length, "%s/%s", directory, name);
  return path;
}

static void add(files_t *files, char *path) {
  if (files->count == files->capacity) {
    files->capacity = files->capacity ? files->capacity * 2 : 1024;
    files->paths = allocated(realloc(files->paths, files->capacity * sizeof *files->paths));
  }
  files->paths[files->count++] = path;
}

static void walk(files_t *files, const char *directory) {
  DIR *opened = opendir(directory);
  if (!opened) return;
  for (struct dirent *entry; (entry = readdir(opened));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    char *path = joined(directory, entry->d_name);
    struct stat about;
    if (lstat(path, &about) == 0 && S_ISDIR(about.st_mode)) {
      walk(files, path);
      free(path);
    } else {
      add(files, path);
    }
  }
  closedir(opened);
}

static bool read_metadata(const char *path, metadata_t *metadata) {
  struct stat about;
  if (lstat(path, &about) != 0) return false;
  *metadata = (metadata_t){.size = about.st_size,
                           .changed_ns = (int64_t)about.st_mtim.tv_sec * 1000000000 + about.st_mtim.tv_nsec,
                           .mode = about.st_mode,
                           .owner = about.st_uid};
  return true;
}

static bool look_up(cache_t *cache, const char *path, metadata_t *metadata) {
  larder_error_t *error = NULL;
  const uint8_t *key = (const uint8_t *)path;
  size_t key_length = strlen(path), length = 0;
  int32_t status = larder_store_peek(cache->store, key, key_length, (uint8_t *)metadata, sizeof *metadata, &length, NULL, &error);
  check(status, error);
  if (status == LARDER_OK) {
    cache->hits++;
    return true;
  }
  cache->misses++;
  if (!read_metadata(path, metadata)) return false;
  larder_put_options_t options = {.struct_size = sizeof options, .lifespan_ms = LIFESPAN_MS};
  check(larder_store_put(cache->store, key, key_length, (const uint8_t *)metadata, sizeof *metadata, &options, NULL, &error),
        error);
  return true;
}

static void make_own_files(files_t *files, const char *directory) {
  for (int i = 0; i < OWN_FILES; i++) {
    char name[32];
    snprintf(name, sizeof name, "file-%d", i);
    char *path = joined(directory, name);
    FILE *file = fopen(path, "w");
    if (file) fclose(file);
    add(files, path);
  }
}

/* A few files grow; who changes a file removes what is cached of it. */
static void change_own_files(const cache_t *cache, char *const *paths, int round) {
  larder_error_t *error = NULL;
  for (int i = round % 5; i < OWN_FILES; i += 5) {
    FILE *file = fopen(paths[i], "a");
    if (!file) continue;
    fprintf(file, "round %d\n", round);
    fclose(file);
    check(larder_store_remove(cache->store, (const uint8_t *)paths[i], strlen(paths[i]), 0, NULL, &error), error);
  }
}

static uint64_t look_up_all(cache_t *cache, const files_t *files, metadata_t *seen) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < files->count; i++) {
    if (look_up(cache, files->paths[i], &seen[i])) bytes += (uint64_t)seen[i].size;
  }
  return bytes;
}

/* What was served of the program's own files must be what they are now. */
static size_t count_stale(const files_t *files, size_t first, const metadata_t *seen) {
  size_t stale = 0;
  for (size_t i = first; i < files->count; i++) {
    metadata_t current;
    if (!read_metadata(files->paths[i], &current) || current.size != seen[i].size) stale++;
  }
  return stale;
}

int main(int argc, char **argv) {
  const char *directory = argc > 1 ? argv[1] : "/usr/share";
  char own[] = "/tmp/larder-filecache-XXXXXX";
  if (!mkdtemp(own)) return perror(own), 1;
  files_t files = {0};
  walk(&files, directory);
  size_t first_own = files.count;
  make_own_files(&files, own);

  larder_t *larder = open_larder("memory://");
  larder_store_t *store = open_store(larder);
  cache_t cache = {.store = store};
  metadata_t *seen = allocated(calloc(files.count, sizeof *seen));

  double begin = now_ms();
  for (int round = 0; round < ROUNDS; round++) {
    for (size_t i = 0; i < files.count; i++) read_metadata(files.paths[i], &seen[i]);
  }
  double without_ms = now_ms() - begin, with_ms = 0;

  uint64_t bytes = 0;
  for (int round = 0; round < ROUNDS; round++) {
    begin = now_ms();
    bytes = look_up_all(&cache, &files, seen);
    with_ms += now_ms() - begin;
    cache.stale += count_stale(&files, first_own, seen);
    change_own_files(&cache, files.paths + first_own, round);
  }

  printf("%zu files of %" PRIu64 " bytes below %s, looked up %d times\n", files.count, bytes, directory, ROUNDS);
  printf("%zu hits, %zu misses, %zu stale answers\n", cache.hits, cache.misses, cache.stale);
  printf("language=c files=%zu hits=%zu misses=%zu without_ms=%.1f with_ms=%.1f\n", files.count, cache.hits, cache.misses,
         without_ms, with_ms);

  for (size_t i = 0; i < files.count; i++) {
    if (i >= first_own) unlink(files.paths[i]);
    free(files.paths[i]);
  }
  rmdir(own);
  free(files.paths);
  free(seen);
  larder_store_free(store);
  larder_free(larder);
  return cache.stale == 0 ? 0 : 1;
}
