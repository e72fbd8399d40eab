/* An aggregate as it was written for version 1, against the frozen headers beside it and nothing
 * else: largest minus smallest value times a factor, and the latest time. Refuses times before
 * 1970. As a stage it lets all pass. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sluice_aggregate.h"

#define SAVED_BYTES 32u

struct config {
  double factor;
};
struct state {
  uint64_t count;
  int64_t latest_ns;
  double low;
  double high;
};

static sluice_result open_config(const char* config_json, void** self, char* why, size_t why_size) {
  const char* at = strstr(config_json, "\"factor\":");
  struct config* config;
  double factor = at == NULL ? 0 : strtod(at + strlen("\"factor\":"), NULL);
  if (!(factor > 0)) {
    strncpy(why, "factor: expected a number > 0", why_size - 1);
    return SLUICE_BAD_CONFIG;
  }
  config = malloc(sizeof *config);
  if (config == NULL) return SLUICE_FAILED;
  config->factor = factor;
  *self = config;
  return SLUICE_OK;
}

static void close_config(void* self) { free(self); }

static void sizes(void* self, sluice_aggregate_sizes* sizes) {
  (void)self;
  sizes->state_bytes = sizeof(struct state);
  sizes->saved_bytes_max = SAVED_BYTES;
}

static void init(void* self, void* state) {
  (void)self;
  ((struct state*)state)->count = 0; /* the rest is zero */
}

static void fold(struct state* into, const struct state* other) {
  if (other->count == 0) return;
  if (into->count == 0) {
    *into = *other;
    return;
  }
  into->count += other->count;
  if (other->latest_ns > into->latest_ns) into->latest_ns = other->latest_ns;
  if (other->low < into->low) into->low = other->low;
  if (other->high > into->high) into->high = other->high;
}

static sluice_result add(void* self, void* state, int64_t event_time_ns, double value) {
  struct state one;
  (void)self;
  if (event_time_ns < 0) return SLUICE_FAILED;
  one.count = 1;
  one.latest_ns = event_time_ns;
  one.low = value;
  one.high = value;
  fold(state, &one);
  return SLUICE_OK;
}

static sluice_result merge(void* self, void* state, const void* other) {
  (void)self;
  fold(state, other);
  return SLUICE_OK;
}

static sluice_result move_by(void* self, void* state, int64_t ns) {
  struct state* moved = state;
  (void)self;
  if (moved->count > 0) moved->latest_ns += ns;
  return SLUICE_OK;
}

static void put(unsigned char* out, uint64_t bits) {
  for (int i = 0; i < 8; ++i) out[i] = (unsigned char)(bits >> (8 * i));
}
static uint64_t get(const unsigned char* in) {
  uint64_t bits = 0;
  for (int i = 7; i >= 0; --i) bits = bits << 8 | in[i];
  return bits;
}

static sluice_result save(void* self, const void* state, const sluice_writer* writer) {
  const struct state* saved = state;
  unsigned char bytes[SAVED_BYTES];
  uint64_t low;
  uint64_t high;
  (void)self;
  memcpy(&low, &saved->low, sizeof low);
  memcpy(&high, &saved->high, sizeof high);
  put(bytes, saved->count);
  put(bytes + 8, (uint64_t)saved->latest_ns);
  put(bytes + 16, low);
  put(bytes + 24, high);
  return writer->write(writer, bytes, sizeof bytes);
}

static sluice_result restore(void* self, void* state, const void* bytes, size_t size,
                             const char* version, char* why, size_t why_size) {
  struct state* made = state;
  const unsigned char* in = bytes;
  uint64_t low;
  uint64_t high;
  (void)self;
  if (size != SAVED_BYTES || strcmp(version, "1.2.3") != 0) {
    strncpy(why, "expected 32 bytes of 1.2.3", why_size - 1);
    return SLUICE_BAD_STATE;
  }
  low = get(in + 16);
  high = get(in + 24);
  made->count = get(in);
  made->latest_ns = (int64_t)get(in + 8);
  memcpy(&made->low, &low, sizeof low);
  memcpy(&made->high, &high, sizeof high);
  if (isfinite(made->low) && made->low <= made->high && isfinite(made->high) &&
      made->latest_ns >= -INT64_C(4000000000000000000) &&
      made->latest_ns <= INT64_C(9191749636854775807) && made->count <= UINT64_MAX / 2) {
    return SLUICE_OK;
  }
  strncpy(why, "not finite, or no times", why_size - 1);
  return SLUICE_BAD_STATE;
}

static void result(void* self, const void* state, double* values) {
  const struct config* config = self;
  const struct state* of = state;
  if (of->count == 0) return;
  values[0] = (of->high - of->low) * config->factor;
  values[1] = (double)of->latest_ns;
}

static const sluice_aggregate_result kResults[] = {
    {"spread", "", "Largest minus smallest value, times the factor."},
    {"latest", "ns", "Event time of the latest reading."},
};
static const sluice_aggregate kAggregate = {
    .struct_size = sizeof(sluice_aggregate),
    .description = "Uses all of version 1.",
    .config_schema =
        "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"factor\":{"
        "\"type\":\"number\",\"default\":2}}}",
    .results = kResults,
    .result_count = 2,
    .open = open_config,
    .close = close_config,
    .sizes = sizes,
    .init = init,
    .add = add,
    .merge = merge,
    .move_by = move_by,
    .save = save,
    .restore = restore,
    .result = result,
};

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
  (void)emit;
  for (uint32_t row = 0; row < batch->count; ++row) verdicts[row].kind = SLUICE_VERDICT_PASS;
  return SLUICE_OK;
}

static const void* get_extension(const char* id) {
  return strcmp(id, SLUICE_AGGREGATE) == 0 ? &kAggregate : NULL;
}

static const sluice_plugin_descriptor kDescriptor = {
    .abi = SLUICE_PLUGIN_ABI,
    .struct_size = sizeof(sluice_plugin_descriptor),
    .name = "contract_aggregate_v1",
    .version = "1.2.3",
    .description = "Uses all of version 1 of the aggregate.",
    .config_schema = "{\"type\":\"object\"}",
    .flags = SLUICE_FLAG_DETERMINISTIC,
    .create = create,
    .destroy = destroy,
    .process = process,
    .get_extension = get_extension,
};

const sluice_plugin_descriptor* sluice_plugin_entry(void) { return &kDescriptor; }
