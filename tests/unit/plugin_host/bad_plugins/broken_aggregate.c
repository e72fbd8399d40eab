/* A plugin whose aggregate should not load; FLAW_… says why. */
#include <stddef.h>
#include <string.h>

#include "sluice_aggregate.h"

static sluice_result create(const sluice_host* host, const char* config_json, void** self,
                            char* why, size_t why_size) {
  (void)host;
  (void)config_json;
  (void)self;
  (void)why;
  (void)why_size;
  return SLUICE_OK;
}
static void destroy(void* self) { (void)self; }
static sluice_result process(void* self, const sluice_batch* batch, sluice_verdict* verdicts,
                             const sluice_emit* emit) {
  (void)self;
  (void)batch;
  (void)verdicts;
  (void)emit;
  return SLUICE_FAILED;
}

static sluice_result open_one(const char* config_json, void** self, char* why, size_t why_size) {
  (void)config_json;
  (void)self;
  (void)why;
  (void)why_size;
  return SLUICE_OK;
}
static void close_one(void* self) { (void)self; }
static void sizes(void* self, sluice_aggregate_sizes* sizes) {
  (void)self;
  sizes->state_bytes = 8;
  sizes->saved_bytes_max = 8;
}
static void init(void* self, void* state) {
  (void)self;
  (void)state;
}
static sluice_result add(void* self, void* state, int64_t event_time_ns, double value) {
  (void)self;
  (void)state;
  (void)event_time_ns;
  (void)value;
  return SLUICE_OK;
}
sluice_result merge(void* self, void* state, const void* other);
sluice_result merge(void* self, void* state, const void* other) {
  (void)self;
  (void)state;
  (void)other;
  return SLUICE_OK;
}
static sluice_result save(void* self, const void* state, const sluice_writer* writer) {
  (void)self;
  return writer->write(writer, state, 8);
}
static sluice_result restore(void* self, void* state, const void* bytes, size_t size,
                             const char* version, char* why, size_t why_size) {
  (void)self;
  (void)state;
  (void)bytes;
  (void)size;
  (void)version;
  (void)why;
  (void)why_size;
  return SLUICE_BAD_STATE;
}
static void result(void* self, const void* state, double* values) {
  (void)self;
  (void)state;
  values[0] = 0;
}

#define ONE \
  { "one", "1", "One." }

static const sluice_aggregate_result kResults[] = {
#if defined(FLAW_RESULT_TWICE)
    ONE, ONE
#elif defined(FLAW_BAD_RESULT)
    {"One", "1", "One."}
#elif defined(FLAW_RESULT_UNSAID)
    {"one", "1", NULL}
#elif defined(FLAW_LONG_UNIT)
    {"one", "0123456789012345678901234567890123456789012345678901234567890123x", "One."}
#elif defined(FLAW_MANY_RESULTS)
    ONE, ONE, ONE, ONE, ONE, ONE, ONE, ONE, ONE,
    ONE, ONE, ONE, ONE, ONE, ONE, ONE, ONE
#else
    ONE
#endif
};

static const sluice_aggregate kAggregate = {
#if defined(FLAW_SMALL_AGGREGATE)
    .struct_size = sizeof(sluice_aggregate) - 1,
#else
    .struct_size = sizeof(sluice_aggregate),
#endif
#if !defined(FLAW_AGGREGATE_UNSAID)
    .description = "Broken.",
#endif
#if defined(FLAW_AGGREGATE_SCHEMA)
    .config_schema = "{\"type\":\"array\"}",
#else
    .config_schema = "{\"type\":\"object\"}",
#endif
    .results = kResults,
#if !defined(FLAW_ZERO_RESULTS)
    .result_count = sizeof kResults / sizeof kResults[0],
#endif
    .open = open_one,
    .close = close_one,
    .sizes = sizes,
    .init = init,
    .add = add,
#if !defined(FLAW_NO_MERGE)
    .merge = merge,
#endif
    .save = save,
    .restore = restore,
    .result = result,
};

static const void* get_extension(const char* id) {
  return strcmp(id, SLUICE_AGGREGATE) == 0 ? &kAggregate : NULL;
}

static const sluice_plugin_descriptor kDescriptor = {
    .abi = SLUICE_PLUGIN_ABI,
    .struct_size = sizeof(sluice_plugin_descriptor),
    .name = FLAW_NAME,
    .version = "1",
    .description = "Broken.",
    .config_schema = "{\"type\":\"object\"}",
    .create = create,
    .destroy = destroy,
    .process = process,
    .get_extension = get_extension,
};

const sluice_plugin_descriptor* sluice_plugin_entry(void) { return &kDescriptor; }
