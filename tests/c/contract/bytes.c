/* Bytes as the cases write them. */
#include "contract.h"

static int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

static bool parse_hex(const char *hex, bytes_t *bytes) {
  size_t length = strlen(hex);
  if (length % 2) return false;
  bytes->data = malloc(length / 2 + 1);
  bytes->length = length / 2;
  for (size_t i = 0; i < length / 2; i++) {
    int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes->data[i] = (uint8_t)(high << 4 | low);
  }
  return true;
}

static bool copy_text(const char *text, bytes_t *bytes) {
  bytes->length = strlen(text);
  bytes->data = malloc(bytes->length + 1);
  memcpy(bytes->data, text, bytes->length + 1);
  return true;
}

bool parse_bytes(const cJSON *value, bytes_t *bytes) {
  *bytes = (bytes_t){0};
  if (cJSON_IsString(value)) return copy_text(value->valuestring, bytes);
  const char *text = text_of(value, "text"), *hex = text_of(value, "hex"), *repeat = text_of(value, "repeat");
  if (text) return copy_text(text, bytes);
  if (hex) return parse_hex(hex, bytes);
  bytes_t once;
  if (!repeat || !parse_hex(repeat, &once)) return false;
  size_t count = (size_t)number_of(value, "count", 0);
  bytes->length = once.length * count;
  bytes->data = malloc(bytes->length + 1);
  for (size_t i = 0; i < count; i++) memcpy(bytes->data + i * once.length, once.data, once.length);
  free(once.data);
  return true;
}

bool optional_bytes(const cJSON *value, bytes_t *bytes) {
  *bytes = (bytes_t){0};
  return value == NULL || parse_bytes(value, bytes);
}

/* Metadata in its stored form. */
bool parse_metadata(const cJSON *list, bytes_t *metadata) {
  *metadata = (bytes_t){0};
  const cJSON *pair;
  cJSON_ArrayForEach(pair, list) {
    const cJSON *name = cJSON_GetArrayItem(pair, 0);
    bytes_t value;
    if (!cJSON_IsString(name) || !parse_bytes(cJSON_GetArrayItem(pair, 1), &value)) return false;
    size_t used = metadata->length, needed = used;
    const uint8_t *text = (const uint8_t *)name->valuestring;
    larder_metadata_append(NULL, 0, &needed, text, strlen(name->valuestring), value.data, value.length, NULL);
    metadata->data = realloc(metadata->data, needed);
    metadata->length = used;
    if (larder_metadata_append(metadata->data, needed, &metadata->length, text, strlen(name->valuestring), value.data,
                               value.length, NULL) != LARDER_OK) {
      return false;
    }
    free(value.data);
  }
  return true;
}

/* A list of bytes, or of objects with them in `field`, one after the other. */
bool parse_many(const cJSON *list, const char *field, bytes_t *all, uint32_t **lengths, size_t *count) {
  *all = (bytes_t){0};
  *count = 0;
  *lengths = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof **lengths);
  const cJSON *item;
  cJSON_ArrayForEach(item, list) {
    bytes_t one;
    if (!parse_bytes(field ? cJSON_GetObjectItemCaseSensitive(item, field) : item, &one)) return false;
    all->data = realloc(all->data, all->length + one.length + 1);
    memcpy(all->data + all->length, one.data, one.length);
    all->length += one.length;
    (*lengths)[(*count)++] = (uint32_t)one.length;
    free(one.data);
  }
  return true;
}

bool same_bytes(const cJSON *expected, const uint8_t *data, size_t length) {
  bytes_t bytes;
  if (!parse_bytes(expected, &bytes)) return false;
  bool same = bytes.length == length && (length == 0 || memcmp(bytes.data, data, length) == 0);
  free(bytes.data);
  return same;
}

const char *text_of(const cJSON *object, const char *field) {
  return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, field));
}

int64_t number_of(const cJSON *object, const char *field, int64_t otherwise) {
  const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, field);
  return cJSON_IsNumber(number) ? (int64_t)number->valuedouble : otherwise;
}
