/* A whole plugin in C11: drops every second reading of all it sees. */
#include <stdlib.h>
#include <string.h>

#include "sluice_plugin.h"

struct counter {
  uint64_t seen;
};

static sluice_result create(const sluice_host* host, const char* config_json, void** self,
                            char* why, size_t why_size) {
  (void)host;
  (void)config_json;
  (void)why;
  (void)why_size;
  *self = calloc(1, sizeof(struct counter));
  return *self == NULL ? SLUICE_FAILED : SLUICE_OK;
}

static void destroy(void* self) { free(self); }

static sluice_result process(void* self, const sluice_batch* batch, sluice_verdict* verdicts,
                             const sluice_emit* emit) {
  struct counter* counter = self;
  (void)emit;
  for (uint32_t row = 0; row < batch->count; ++row) {
    verdicts[row].kind = counter->seen++ % 2 == 0 ? SLUICE_VERDICT_PASS : SLUICE_VERDICT_DROP;
    verdicts[row].rule = 0;
  }
  return SLUICE_OK;
}

static sluice_result snapshot(void* self, const sluice_writer* writer) {
  return writer->write(writer, self, sizeof(struct counter));
}

static sluice_result restore(void* self, const void* bytes, size_t size, const char* version,
                             char* why, size_t why_size) {
  (void)version;
  if (size != sizeof(struct counter)) {
    strncpy(why, "expected 8 bytes", why_size);
    return SLUICE_BAD_STATE;
  }
  memcpy(self, bytes, size);
  return SLUICE_OK;
}

static const char* const kRules[] = {"odd"};
static const sluice_plugin_descriptor kDescriptor = {
    .abi = SLUICE_PLUGIN_ABI,
    .struct_size = sizeof(sluice_plugin_descriptor),
    .name = "plain_c",
    .version = "0.9",
    .description = "Drops every second reading.",
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false}",
    .rules = kRules,
    .rule_count = 1,
    .flags = SLUICE_FLAG_DETERMINISTIC,
    .create = create,
    .destroy = destroy,
    .process = process,
    .snapshot = snapshot,
    .restore = restore,
};

const sluice_plugin_descriptor* sluice_plugin_entry(void) { return &kDescriptor; }
