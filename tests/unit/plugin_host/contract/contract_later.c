/* A plugin as if built against a later header, in which every struct that it fills in has more
 * fields at its end: the daemon reads those it knows. */
#include <stddef.h>
#include <stdlib.h>

#include "sluice_plugin.h"

struct later_reading {
  sluice_reading now;
  uint64_t more[3];
};
struct later_event {
  sluice_event now;
  const char* more[4];
};
struct later_descriptor {
  sluice_plugin_descriptor now;
  uint64_t flags_of_later;
  sluice_result (*function_of_later)(void* self);
};

static sluice_result create(const sluice_host* host, const char* config_json, void** self,
                            char* why, size_t why_size) {
  (void)config_json;
  (void)why;
  (void)why_size;
  /* What such a plugin has to do before it uses what a later host may have. */
  *self = malloc(1);
  return *self != NULL && host->struct_size < sizeof(sluice_host) + 8 ? SLUICE_OK : SLUICE_FAILED;
}

static void destroy(void* self) { free(self); }

static sluice_result process(void* self, const sluice_batch* batch, sluice_verdict* verdicts,
                             const sluice_emit* emit) {
  (void)self;
  for (uint32_t row = 0; row < batch->count; ++row) {
    struct later_reading reading = {{0}, {1, 2, 3}};
    struct later_event event = {{0}, {NULL}};
    reading.now.struct_size = sizeof reading;
    reading.now.series = batch->series[row];
    reading.now.source = batch->source[row];
    reading.now.event_time_ns = batch->event_time_ns[row];
    reading.now.kind = SLUICE_KIND_U64;
    reading.now.bits = batch->count;
    event.now.struct_size = sizeof event;
    event.now.series = batch->series[row];
    event.now.source = batch->source[row];
    event.now.severity = SLUICE_SEVERITY_INFO;
    event.now.name = "later";
    event.now.message = "From later.";
    verdicts[row].kind = SLUICE_VERDICT_ALTERED;
    if (emit->alter(emit, row, &reading.now) != SLUICE_OK ||
        emit->event(emit, &event.now) != SLUICE_OK) {
      return SLUICE_FAILED;
    }
  }
  return SLUICE_OK;
}

static sluice_result later(void* self) { return self == NULL ? SLUICE_FAILED : SLUICE_OK; }

static const struct later_descriptor kDescriptor = {
    .now =
        {
            .abi = SLUICE_PLUGIN_ABI,
            .struct_size = sizeof(struct later_descriptor),
            .name = "contract_later",
            .version = "9.0",
            .description = "From later.",
            .config_schema = "{\"type\":\"object\"}",
            .flags = SLUICE_FLAG_DETERMINISTIC | 0x80000000u,
            .create = create,
            .destroy = destroy,
            .process = process,
        },
    .flags_of_later = 7,
    .function_of_later = later,
};

const sluice_plugin_descriptor* sluice_plugin_entry(void) { return &kDescriptor.now; }
