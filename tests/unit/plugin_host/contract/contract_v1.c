/* A plugin as it was written for version 1, against the frozen header beside it and nothing else.
 * It uses every function of the contract: what is below 0 is dropped, what is above 100 becomes 100
 * and an event, an integer is held until its time has passed and then doubled or dropped, and of
 * everything else a copy is derived. */
#include <stdlib.h>
#include <string.h>

#include "sluice_plugin.h"

#define HELD_MAX 16u

struct held {
  uint64_t token;
  sluice_reading reading;
};
struct state {
  const sluice_host* host;
  uint64_t count;
  struct held held[HELD_MAX];
};

static double number_of(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
static uint64_t bits_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static sluice_result create(const sluice_host* host, const char* config_json, void** self,
                            char* why, size_t why_size) {
  struct state* state;
  if (strcmp(config_json, "{\"level\":100}") != 0) {
    strncpy(why, "level: expected 100", why_size - 1);
    return SLUICE_BAD_CONFIG;
  }
  state = calloc(1, sizeof *state);
  if (state == NULL) return SLUICE_FAILED;
  state->host = host;
  *self = state;
  host->log(host, SLUICE_LOG_DEBUG, "created");
  return host->get_extension(host, "sluice.nothing/1") == NULL ? SLUICE_OK : SLUICE_FAILED;
}

static void destroy(void* self) { free(self); }

static sluice_result tell(const sluice_emit* emit, const sluice_reading* about) {
  const sluice_attribute attributes[] = {{"threshold", "100"}};
  sluice_event event = {0};
  event.struct_size = sizeof event;
  event.series = about->series;
  event.source = about->source;
  event.severity = SLUICE_SEVERITY_WARN;
  event.phase = SLUICE_PHASE_BEGIN;
  event.attribute_count = 1;
  event.event_time_ns = about->event_time_ns;
  event.name = "too_high";
  event.message = "It is above 100.";
  event.attributes = attributes;
  return emit->event(emit, &event);
}

static sluice_result derive(const struct state* state, const sluice_emit* emit,
                            sluice_reading reading) {
  const sluice_host* host = state->host;
  const char* unit = host->series_unit(host, reading.series);
  const char* room = host->series_label(host, reading.series, "room");
  if (host->series_measurement(host, reading.series) == NULL || unit == NULL || room == NULL) {
    return SLUICE_FAILED;
  }
  reading.series = host->derive_series(host, reading.series, "copy", "K");
  return reading.series == 0 ? SLUICE_FAILED : emit->reading(emit, &reading);
}

static sluice_result process(void* self, const sluice_batch* batch, sluice_verdict* verdicts,
                             const sluice_emit* emit) {
  struct state* state = self;
  if (batch->struct_size < sizeof(sluice_batch)) return SLUICE_FAILED;
  for (uint32_t row = 0; row < batch->count; ++row) {
    sluice_reading reading = {0};
    sluice_result result = SLUICE_OK;
    reading.struct_size = sizeof reading;
    reading.series = batch->series[row];
    reading.source = batch->source[row];
    reading.event_time_ns = batch->event_time_ns[row];
    reading.kind = batch->kind[row];
    reading.quality = batch->quality[row];
    reading.bits = batch->bits[row];
    verdicts[row].kind = SLUICE_VERDICT_PASS;
    if (reading.kind == SLUICE_KIND_I64) {
      struct held* held = &state->held[state->count++ % HELD_MAX];
      held->token = emit->hold(emit, row);
      held->reading = reading;
      verdicts[row].kind = SLUICE_VERDICT_HOLD;
    } else if (number_of(reading.bits) < 0) {
      verdicts[row].kind = SLUICE_VERDICT_DROP;
      verdicts[row].rule = 1;
    } else if (number_of(reading.bits) > 100) {
      result = tell(emit, &reading);
      reading.bits = bits_of(100);
      if (result == SLUICE_OK) result = emit->alter(emit, row, &reading);
      verdicts[row].kind = SLUICE_VERDICT_ALTERED;
    } else {
      result = derive(state, emit, reading);
    }
    if (result != SLUICE_OK) return SLUICE_FAILED;
  }
  return SLUICE_OK;
}

static sluice_result on_time(void* self, int64_t watermark_ns, const sluice_emit* emit) {
  struct state* state = self;
  uint64_t kept = 0;
  for (uint64_t i = 0; i < state->count; ++i) {
    struct held held = state->held[i];
    if (held.reading.event_time_ns >= watermark_ns) {
      state->held[kept++] = held;
      continue;
    }
    if (held.reading.bits % 2 == 1) {
      if (emit->settle_drop(emit, held.token, 0) != SLUICE_OK) return SLUICE_FAILED;
      continue;
    }
    held.reading.bits *= 2;
    if (emit->settle_pass(emit, held.token, &held.reading) != SLUICE_OK) return SLUICE_FAILED;
  }
  state->count = kept;
  return SLUICE_OK;
}

static sluice_result snapshot(void* self, const sluice_writer* writer) {
  const struct state* state = self;
  return writer->write(writer, state->held, (size_t)state->count * sizeof state->held[0]);
}

static sluice_result restore(void* self, const void* bytes, size_t size, const char* version,
                             char* why, size_t why_size) {
  struct state* state = self;
  if (strcmp(version, "1.2.3") != 0 || size % sizeof(struct held) != 0 ||
      size > sizeof state->held) {
    strncpy(why, "not written by 1.2.3", why_size - 1);
    return SLUICE_BAD_STATE;
  }
  memcpy(state->held, bytes, size);
  state->count = size / sizeof(struct held);
  return SLUICE_OK;
}

static uint32_t ordered(void* self) { return self != NULL; }
static const void* get_extension(const char* id) { return id == NULL ? "" : NULL; }

static const char* const kRules[] = {"odd", "negative"};
static const sluice_plugin_descriptor kDescriptor = {
    .abi = SLUICE_PLUGIN_ABI,
    .struct_size = sizeof(sluice_plugin_descriptor),
    .name = "contract_v1",
    .version = "1.2.3",
    .description = "Uses all of version 1.",
    .config_schema =
        "{\"type\":\"object\",\"properties\":{\"level\":{\"type\":\"number\","
        "\"default\":100}}}",
    .rules = kRules,
    .rule_count = 2,
    .flags = SLUICE_FLAG_DETERMINISTIC,
    .state_bytes_per_series = 0,
    .create = create,
    .destroy = destroy,
    .process = process,
    .on_time = on_time,
    .snapshot = snapshot,
    .restore = restore,
    .ordered = ordered,
    .get_extension = get_extension,
};

const sluice_plugin_descriptor* sluice_plugin_entry(void) { return &kDescriptor; }
