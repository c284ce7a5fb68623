#include "document.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

cJSON *read_document(const char *path) {
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

/* A copy of the settings of a type, to be deleted. */
static cJSON *settings_of(const char *kind) {
  const char *path = getenv("LARDER_TEST_STORES");
  if (!path || !path[0]) return NULL;
  cJSON *document = read_document(path);
  const cJSON *entry = cJSON_GetObjectItemCaseSensitive(document, kind);
  cJSON *settings = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(entry, "settings"), 1);
  cJSON_Delete(document);
  return settings;
}

char *server_of(const char *kind) {
  cJSON *settings = settings_of(kind);
  const cJSON *node = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(settings, "nodes"), 0);
  char *server = cJSON_IsString(node) ? strdup(node->valuestring) : NULL;
  cJSON_Delete(settings);
  return server;
}

char *config_through(const char *kind, const char *node, const char *timeout) {
  cJSON *settings = settings_of(kind);
  uint64_t number = 0;
  if (!settings || getrandom(&number, sizeof number, 0) != sizeof number) return NULL;
  char database[64];
  snprintf(database, sizeof database, "wire-%016llx", (unsigned long long)number);
  cJSON_DeleteItemFromObjectCaseSensitive(settings, "nodes");
  cJSON_AddStringToObject(settings, "nodes", node);
  cJSON_AddStringToObject(settings, "database", database);
  cJSON_AddStringToObject(settings, "timeout", timeout);
  cJSON *config = cJSON_CreateObject();
  cJSON_AddItemToObject(cJSON_AddObjectToObject(config, "stores"), "default", settings);
  char *text = cJSON_PrintUnformatted(config);
  cJSON_Delete(config);
  return text;
}
