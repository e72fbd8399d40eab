/* What a plugin in plain C would otherwise write again: verdicts, values, and the config's keys.
 * Everything is static inline; the contract itself is sluice_plugin.h, which this includes. */
#ifndef SLUICE_PLUGIN_C_H
#define SLUICE_PLUGIN_C_H

#include <stdlib.h>
#include <string.h>

#include "sluice_plugin.h"

static inline sluice_verdict sluice_verdict_of(uint8_t kind, uint16_t rule) {
  sluice_verdict verdict;
  verdict.kind = kind;
  verdict.reserved = 0;
  verdict.rule = rule;
  return verdict;
}
static inline sluice_verdict sluice_pass(void) { return sluice_verdict_of(SLUICE_VERDICT_PASS, 0); }
/* After emit->alter() of the row. */
static inline sluice_verdict sluice_altered(void) {
  return sluice_verdict_of(SLUICE_VERDICT_ALTERED, 0);
}
/* `rule` is an index into the descriptor's rules. */
static inline sluice_verdict sluice_drop(uint16_t rule) {
  return sluice_verdict_of(SLUICE_VERDICT_DROP, rule);
}
/* After emit->hold() of the row gave a token. */
static inline sluice_verdict sluice_hold(void) { return sluice_verdict_of(SLUICE_VERDICT_HOLD, 0); }

/* A row as a reading of its own: to alter it, to derive from it, or to keep of a held one. */
static inline sluice_reading sluice_row(const sluice_batch* batch, uint32_t row) {
  sluice_reading reading;
  reading.struct_size = (uint32_t)sizeof reading;
  reading.series = batch->series[row];
  reading.source = batch->source[row];
  reading.kind = batch->kind[row];
  reading.quality = batch->quality[row];
  reading.reserved = 0;
  reading.event_time_ns = batch->event_time_ns[row];
  reading.bits = batch->bits[row];
  return reading;
}

/* The value as a number: true is 1, integers beyond 2^53 round to nearest. */
static inline double sluice_number(const sluice_reading* reading) {
  double value;
  int64_t whole;
  switch (reading->kind) {
    case SLUICE_KIND_F64: memcpy(&value, &reading->bits, sizeof value); return value;
    case SLUICE_KIND_I64: memcpy(&whole, &reading->bits, sizeof whole); return (double)whole;
    default: return (double)reading->bits;
  }
}

/* `value` must be finite. */
static inline void sluice_set_number(sluice_reading* reading, double value) {
  reading->kind = SLUICE_KIND_F64;
  memcpy(&reading->bits, &value, sizeof value);
}

static inline const char* sluice_config_after_space(const char* at) {
  while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r') ++at;
  return at;
}

/* The closing quote of the string whose first byte is at `at`; NULL when it never ends. */
static inline const char* sluice_config_end_of_string(const char* at) {
  for (; *at != '"'; ++at) {
    if (*at == '\\') ++at;
    if (*at == '\0') return NULL;
  }
  return at;
}

/* Where the value of a key of the config starts; NULL when it is not there. The config is the valid
 * JSON object that create() is given; keys of objects inside it are not looked at. */
static inline const char* sluice_config_value(const char* config_json, const char* key) {
  const size_t key_size = strlen(key);
  int depth = 0;
  const char* at;
  for (at = config_json; *at != '\0'; ++at) {
    const char* start = at + 1;
    if (*at == '{' || *at == '[') ++depth;
    if (*at == '}' || *at == ']') --depth;
    if (*at != '"') continue;
    at = sluice_config_end_of_string(start);
    if (at == NULL) return NULL;
    if (depth == 1 && (size_t)(at - start) == key_size && memcmp(start, key, key_size) == 0) {
      const char* after = sluice_config_after_space(at + 1);
      if (*after == ':') return sluice_config_after_space(after + 1);
    }
  }
  return NULL;
}

/* Each is 1 and sets *out, or 0 and leaves it alone when the key is not there or of another type.
 * The daemon has filled the schema's defaults in and checked types and bounds before create(). */

static inline int sluice_config_number(const char* config_json, const char* key, double* out) {
  const char* value = sluice_config_value(config_json, key);
  if (value == NULL || (*value != '-' && (*value < '0' || *value > '9'))) return 0;
  *out = strtod(value, NULL); /* the daemon runs in the C locale */
  return 1;
}

static inline int sluice_config_boolean(const char* config_json, const char* key, int* out) {
  const char* value = sluice_config_value(config_json, key);
  if (value == NULL || (*value != 't' && *value != 'f')) return 0;
  *out = *value == 't';
  return 1;
}

/* Whether the key's value is the string `text`, which has no quotes or backslashes: for an enum. */
static inline int sluice_config_is(const char* config_json, const char* key, const char* text) {
  const char* value = sluice_config_value(config_json, key);
  const size_t size = strlen(text);
  return value != NULL && *value == '"' && strncmp(value + 1, text, size) == 0 &&
         value[1 + size] == '"';
}

/* Why create() or restore() refuses; cut to what there is room for. */
static inline void sluice_write_why(char* why, size_t why_size, const char* text) {
  const size_t size = strlen(text);
  size_t n;
  if (why == NULL || why_size == 0) return;
  n = size < why_size ? size : why_size - 1;
  memcpy(why, text, n);
  why[n] = '\0';
}

/* Exports a static descriptor as the plugin of this shared object; once, at file scope. */
#define SLUICE_EXPORT_PLUGIN(descriptor) \
  const sluice_plugin_descriptor* sluice_plugin_entry(void) { return &(descriptor); }

#endif /* SLUICE_PLUGIN_C_H */
