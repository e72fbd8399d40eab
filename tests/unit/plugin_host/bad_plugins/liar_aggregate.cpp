#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

#include "sluice_aggregate.hpp"

// Counts readings, and breaks the one promise that its config names: past the C border, where the
// SDK would not let it.

namespace {

using sluice::sdk::Binding;
using sluice::sdk::Config;

struct Liar {
  std::string lie;
};
bool lies(void* self, const char* lie) { return static_cast<Liar*>(self)->lie == lie; }
void may_throw(void* self, const char* function) {
  if (lies(self, function)) throw std::runtime_error(std::string("thrown in ") + function);
}
std::uint64_t& count(void* state) { return *static_cast<std::uint64_t*>(state); }
std::uint64_t count(const void* state) { return *static_cast<const std::uint64_t*>(state); }

sluice_result open(const char* config_json, void** self, char* why, std::size_t why_size) {
  auto liar = std::make_unique<Liar>(Liar{*Config::parse(config_json).string("lie")});
  may_throw(liar.get(), "open");
  if (liar->lie == "config") {
    sluice::sdk::write_why(why, why_size, "lie: no such lie");
    return SLUICE_BAD_CONFIG;
  }
  if (liar->lie == "failed_open") return SLUICE_FAILED;
  *self = liar.release();
  return SLUICE_OK;
}
void close(void* self) { std::unique_ptr<Liar>(static_cast<Liar*>(self)).reset(); }
void sizes(void* self, sluice_aggregate_sizes* sizes) {
  may_throw(self, "sizes");
  sizes->state_bytes = lies(self, "no_state") ? 0 : lies(self, "huge_state") ? 65537 : 8;
  sizes->saved_bytes_max = lies(self, "no_saved") ? 0 : lies(self, "huge_saved") ? 65537 : 8;
}
void init(void* self, void* state) {
  may_throw(self, "init");
  count(state) = 0;
}
sluice_result add(void* self, void* state, std::int64_t, double value) {
  if (value > 100) may_throw(self, "add");
  if (value > 100 && lies(self, "failed_add")) return SLUICE_FAILED;
  if (value > 100 && lies(self, "odd_answer")) return 77;
  // What depends on the order in which readings come.
  count(state) = lies(self, "order") ? 2 * count(state) + (value > 0 ? 1 : 0) : count(state) + 1;
  if (lies(self, "overrun")) static_cast<std::uint64_t*>(state)[1] = 1;
  return SLUICE_OK;
}
sluice_result merge(void* self, void* state, const void* other) {
  may_throw(self, "merge");
  count(state) = lies(self, "forgets") ? count(other) : count(state) + count(other);
  return SLUICE_OK;
}
sluice_result move_by(void* self, void* state, std::int64_t) {
  may_throw(self, "move_by");
  if (lies(self, "moves")) ++count(state);
  return SLUICE_OK;
}
sluice_result save(void* self, const void* state, const sluice_writer* writer) {
  may_throw(self, "save");
  static std::uint64_t calls = 0;
  const std::uint64_t saved = lies(self, "other_bytes") ? ++calls : count(state);
  if (lies(self, "writes_nothing")) return SLUICE_OK;
  writer->write(writer, &saved, 8);
  if (lies(self, "writes_more")) writer->write(writer, &saved, 1);
  return SLUICE_OK;
}
sluice_result restore(void* self, void* state, const void* bytes, std::size_t size, const char*,
                      char* why, std::size_t why_size) {
  may_throw(self, "restore");
  if (lies(self, "odd_restore")) return SLUICE_FAILED;
  if (size != 8) {
    sluice::sdk::write_why(why, why_size, "expected 8 bytes");
    return SLUICE_BAD_STATE;
  }
  std::memcpy(state, bytes, size);
  if (lies(self, "other_state")) ++count(state);
  return SLUICE_OK;
}
void result(void* self, const void* state, double* values) {
  may_throw(self, "result");
  values[0] = static_cast<double>(count(state));
  if (lies(self, "infinite")) values[0] = std::numeric_limits<double>::infinity();
}

constexpr sluice_aggregate_result kResults[] = {{"count", "1", "How many readings there are."}};
constexpr sluice_aggregate kAggregate = {
    sizeof(sluice_aggregate),
    0,
    "Counts readings.",
    R"({"type":"object","additionalProperties":false,)"
    R"("properties":{"lie":{"type":"string","default":""},"x":{"type":"string"}}})",
    kResults,
    1,
    0,
    open,
    close,
    sizes,
    init,
    add,
    merge,
    move_by,
    save,
    restore,
    result};

struct Stage : sluice::sdk::PassAll {
  static constexpr sluice::sdk::Metadata kMetadata{.name = "liar_aggregate",
                                                   .version = "1.0",
                                                   .description = "Breaks its promises.",
                                                   .config_schema = R"({"type":"object"})"};
  using PassAll::PassAll;
};
const void* get_extension(const char* id) {
  return std::strcmp(id, SLUICE_AGGREGATE) == 0 ? &kAggregate : nullptr;
}
constexpr sluice_plugin_descriptor describe() {
  sluice_plugin_descriptor d = Binding<Stage>::describe();
  d.get_extension = get_extension;
  return d;
}

}  // namespace

const sluice_plugin_descriptor* sluice_plugin_entry(void) {
  static constexpr sluice_plugin_descriptor kDescriptor = describe();
  return &kDescriptor;
}
