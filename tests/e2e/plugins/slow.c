/* Passes each reading after a tenth of a second. */
#define _POSIX_C_SOURCE 199309L
#include <stdlib.h>
#include <time.h>

#include "sluice_plugin.h"

static sluice_result create(const sluice_host* host, const char* config_json, void** self,
                            char* why, size_t why_size) {
  (void)host;
  (void)config_json;
  (void)why;
  (void)why_size;
  *self = malloc(1);
  return *self == NULL ? SLUICE_FAILED : SLUICE_OK;
}

static void destroy(void* self) { free(self); }

static sluice_result process(void* self, const sluice_batch* batch, sluice_verdict* verdicts,
                             const sluice_emit* emit) {
  (void)self;
  (void)emit;
  for (uint32_t row = 0; row < batch->count; ++row) {
    const struct timespec pause = {0, 100 * 1000 * 1000};
    nanosleep(&pause, NULL);
    verdicts[row].kind = SLUICE_VERDICT_PASS;
  }
  return SLUICE_OK;
}

static const sluice_plugin_descriptor kDescriptor = {
    .abi = SLUICE_PLUGIN_ABI,
    .struct_size = sizeof(sluice_plugin_descriptor),
    .name = "slow",
    .version = "1.0",
    .description = "Passes each reading after a tenth of a second.",
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false}",
    .flags = SLUICE_FLAG_DETERMINISTIC,
    .create = create,
    .destroy = destroy,
    .process = process,
};

const sluice_plugin_descriptor* sluice_plugin_entry(void) { return &kDescriptor; }
