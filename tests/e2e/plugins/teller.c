/* Tells of each reading, and passes it: what the tests follow to the hub. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice_plugin.h"

struct teller {
  uint64_t told; /* in all its lives: a snapshot keeps it */
};

static sluice_result create(const sluice_host* host, const char* config_json, void** self,
                            char* why, size_t why_size) {
  (void)host;
  (void)config_json;
  (void)why;
  (void)why_size;
  *self = calloc(1, sizeof(struct teller));
  return *self == NULL ? SLUICE_FAILED : SLUICE_OK;
}

static void destroy(void* self) { free(self); }

static sluice_result tell(struct teller* teller, const sluice_batch* batch, uint32_t row,
                          const sluice_emit* emit) {
  char number[24];
  snprintf(number, sizeof number, "%llu", (unsigned long long)++teller->told);
  const sluice_attribute attributes[] = {{"number", number}};
  const sluice_event event = {
      .struct_size = sizeof event,
      .series = batch->series[row],
      .source = batch->source[row],
      .event_time_ns = batch->event_time_ns[row],
      .severity = SLUICE_SEVERITY_WARN,
      .phase = SLUICE_PHASE_MOMENT,
      .name = "seen",
      .message = "A reading was seen.",
      .attributes = attributes,
      .attribute_count = 1,
  };
  return emit->event(emit, &event);
}

static sluice_result process(void* self, const sluice_batch* batch, sluice_verdict* verdicts,
                             const sluice_emit* emit) {
  for (uint32_t row = 0; row < batch->count; ++row) {
    verdicts[row].kind = SLUICE_VERDICT_PASS;
    const sluice_result result = tell(self, batch, row, emit);
    if (result != SLUICE_OK) return result;
  }
  return SLUICE_OK;
}

static sluice_result snapshot(void* self, const sluice_writer* writer) {
  return writer->write(writer, self, sizeof(struct teller));
}

static sluice_result restore(void* self, const void* bytes, size_t size, const char* version,
                             char* why, size_t why_size) {
  (void)version;
  if (size != sizeof(struct teller)) {
    snprintf(why, why_size, "expected %zu bytes, got %zu", sizeof(struct teller), size);
    return SLUICE_BAD_STATE;
  }
  memcpy(self, bytes, size);
  return SLUICE_OK;
}

static const sluice_plugin_descriptor kDescriptor = {
    .abi = SLUICE_PLUGIN_ABI,
    .struct_size = sizeof(sluice_plugin_descriptor),
    .name = "teller",
    .version = "1.0",
    .description = "Tells of each reading.",
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false}",
    .flags = SLUICE_FLAG_DETERMINISTIC,
    .create = create,
    .destroy = destroy,
    .process = process,
    .snapshot = snapshot,
    .restore = restore,
};

const sluice_plugin_descriptor* sluice_plugin_entry(void) { return &kDescriptor; }
