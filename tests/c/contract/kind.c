/* Store types: those that are in the library, and those that the file of LARDER_TEST_STORES tells how to reach. */
#include <sys/random.h>

#include "contract.h"

static const char *const local[] = {"memory", "fault", "noop", NULL};

/* A type that needs servers is not found when the file does not have it. */
bool find_kind(const char *name, const cJSON *servers, kind_t *kind) {
  *kind = (kind_t){.name = name};
  for (size_t i = 0; local[i]; i++) {
    if (strcmp(local[i], name) == 0) return true;
  }
  const cJSON *entry = cJSON_GetObjectItemCaseSensitive(servers, name);
  kind->settings = cJSON_GetObjectItemCaseSensitive(entry, "settings");
  kind->prefixed = entry ? text_of(entry, "prefixed") : NULL;
  return kind->settings && kind->prefixed;
}

static bool has_text(const cJSON *list, const char *text) {
  const cJSON *item;
  cJSON_ArrayForEach(item, list) {
    if (cJSON_IsString(item) && strcmp(cJSON_GetStringValue(item), text) == 0) return true;
  }
  return false;
}

/* Whether the case says, with any reason, that it does not hold for a variant of its types. */
bool is_excepted(const cJSON *test, const char *variant) {
  const cJSON *variants;
  cJSON_ArrayForEach(variants, cJSON_GetObjectItemCaseSensitive(test, "except")) {
    if (has_text(variants, variant)) return true;
  }
  return false;
}

/* Whether all that the case excepts are variants of the types that it names. */
bool exceptions_are_variants(const cJSON *test, const cJSON *servers) {
  const cJSON *variants, *variant, *types = cJSON_GetObjectItemCaseSensitive(test, "types");
  cJSON_ArrayForEach(variants, cJSON_GetObjectItemCaseSensitive(test, "except")) {
    cJSON_ArrayForEach(variant, variants) {
      const char *name = cJSON_GetStringValue(variant);
      const cJSON *entry = name ? cJSON_GetObjectItemCaseSensitive(servers, name) : NULL;
      const char *base = text_of(entry, "variant_of");
      if (!base || !has_text(types, base)) return false;
    }
  }
  return true;
}

void choose_prefix(case_t *state) {
  uint64_t number = 0;
  if (!state->kind->prefixed) return;
  if (getrandom(&number, sizeof number, 0) != sizeof number) abort();
  snprintf(state->prefix, sizeof state->prefix, "c%012llx-", (unsigned long long)(number & 0xffffffffffff));
}

/* The database or table that a case gives, as it is called on the servers; no data if it gives none. */
bool name_of(const case_t *state, const cJSON *names, const char *field, bytes_t *name) {
  const cJSON *given = cJSON_GetObjectItemCaseSensitive(names, field);
  const char *prefixed = state->kind->prefixed;
  if (!optional_bytes(given, name)) return false;
  if (!given || !prefixed || strcmp(prefixed, field) != 0) return true;
  size_t length = strlen(state->prefix);
  uint8_t *whole = malloc(length + name->length + 1);
  memcpy(whole, state->prefix, length);
  if (name->length) memcpy(whole + length, name->data, name->length);
  free(name->data);
  *name = (bytes_t){.data = whole, .length = length + name->length};
  return true;
}

/* The section of the store: the type's settings, and the case's over them. */
cJSON *section_of(const case_t *state, const cJSON *test) {
  const kind_t *kind = state->kind;
  cJSON *section = kind->settings ? cJSON_Duplicate(kind->settings, 1) : cJSON_CreateObject();
  if (!kind->settings) cJSON_AddStringToObject(section, "type", kind->name);
  const cJSON *setting;
  cJSON_ArrayForEach(setting, cJSON_GetObjectItemCaseSensitive(test, "settings")) {
    cJSON_DeleteItemFromObjectCaseSensitive(section, setting->string);
    cJSON_AddItemToObject(section, setting->string, cJSON_Duplicate(setting, 1));
  }
  if (!kind->prefixed) return section;
  char name[256];
  const char *given = text_of(section, kind->prefixed);
  snprintf(name, sizeof name, "%s%s", state->prefix, given ? given : "");
  cJSON_DeleteItemFromObjectCaseSensitive(section, kind->prefixed);
  cJSON_AddStringToObject(section, kind->prefixed, name);
  return section;
}
