/* A plugin that should not load; FLAW_… says why. */
#include <stddef.h>

#include "sluice_plugin.h"

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
static sluice_result snapshot(void* self, const sluice_writer* writer) {
  (void)self;
  (void)writer;
  return SLUICE_OK;
}

static const char* const kRules[] = {
#if defined(FLAW_RULE_TWICE)
    "one", "one"
#elif defined(FLAW_BAD_RULE)
    "one", "Two/three"
#else
    "one", "two"
#endif
};

const sluice_plugin_descriptor kDescriptor = {
#if defined(FLAW_WRONG_ABI)
    .abi = SLUICE_PLUGIN_ABI + 1,
#else
    .abi = SLUICE_PLUGIN_ABI,
#endif
#if defined(FLAW_SMALL_STRUCT)
    .struct_size = sizeof(sluice_plugin_descriptor) - 1,
#else
    .struct_size = sizeof(sluice_plugin_descriptor),
#endif
#if defined(FLAW_OTHER_NAME)
    .name = "somebody_else",
#else
    .name = FLAW_NAME,
#endif
#if !defined(FLAW_NO_VERSION)
    .version = "1",
#endif
    .description = "Broken.",
#if defined(FLAW_BAD_SCHEMA)
    .config_schema = "{\"type\":\"object\",",
#elif defined(FLAW_LOOSE_SCHEMA)
    .config_schema =
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"pattern\":\"x\"}}}",
#else
    .config_schema = "{\"type\":\"object\"}",
#endif
#if !defined(FLAW_NO_RULES)
    .rules = kRules,
#endif
    .rule_count = sizeof(kRules) / sizeof(kRules[0]),
    .create = create,
    .destroy = destroy,
#if !defined(FLAW_NO_PROCESS)
    .process = process,
#endif
#if defined(FLAW_ONLY_SNAPSHOT)
    .snapshot = snapshot,
#endif
};

/* Keeps the unused ones of each variant quiet under -Werror. */
const void* const kAll[] = {&kDescriptor, kRules};
sluice_result (*const kProcess)(void*, const sluice_batch*, sluice_verdict*,
                                const sluice_emit*) = process;
sluice_result (*const kSnapshot)(void*, const sluice_writer*) = snapshot;

#if !defined(FLAW_NO_ENTRY)
const sluice_plugin_descriptor* sluice_plugin_entry(void) {
#if defined(FLAW_NULL_ENTRY)
  return NULL;
#else
  return &kDescriptor;
#endif
}
#endif
