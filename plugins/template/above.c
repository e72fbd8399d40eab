/* Drops readings above `max`. */
#include "sluice_plugin_c.h"

static sluice_result create(const sluice_host* host, const char* config, void** self, char* why,
                            size_t why_size) {
  double* max = malloc(sizeof *max);
  (void)host, (void)why, (void)why_size;
  if (max == NULL || !sluice_config_number(config, "max", max)) return free(max), SLUICE_FAILED;
  *self = max;
  return SLUICE_OK;
}
static void destroy(void* self) { free(self); }
static sluice_result process(void* self, const sluice_batch* batch, sluice_verdict* verdicts,
                             const sluice_emit* emit) {
  (void)emit;
  for (uint32_t row = 0; row < batch->count; ++row) {
    const sluice_reading in = sluice_row(batch, row);
    verdicts[row] = sluice_number(&in) > *(double*)self ? sluice_drop(0) : sluice_pass();
  }
  return SLUICE_OK;
}
static const char* const kRules[] = {"above_max"};
static const sluice_plugin_descriptor kDescriptor = {
    .abi = SLUICE_PLUGIN_ABI,
    .struct_size = sizeof(sluice_plugin_descriptor),
    .name = "above",
    .version = "1.0.0",
    .description = "Drops readings above a bound.",
    .config_schema =
        "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"max\"],"
        "\"properties\":{\"max\":{\"type\":\"number\",\"unit\":\"of the series\","
        "\"description\":\"The largest value that passes.\"}}}",
    .rules = kRules,
    .rule_count = 1,
    .flags = SLUICE_FLAG_DETERMINISTIC,
    .create = create,
    .destroy = destroy,
    .process = process};
SLUICE_EXPORT_PLUGIN(kDescriptor)
