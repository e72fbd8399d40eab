#include <bit>
#include <cstdint>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "sluice_plugin.h"

// Breaks one promise of the contract in its first call, and none afterwards. Config: the lie's
// name.

namespace {

struct Liar {
  const sluice_host* host = nullptr;
  std::string lie;
  int calls = 0;
  const sluice_emit* kept_emit = nullptr;
  std::vector<std::uint64_t> tokens;
};

struct Scene {
  Liar& liar;
  const sluice_batch* batch;
  sluice_verdict* verdicts;
  const sluice_emit* emit;
  sluice_reading reading;
};

void set(Scene& s, std::uint8_t kind, std::uint16_t rule = 0) { s.verdicts[0] = {kind, 0, rule}; }

/// Alters row 0 with the scene's reading and says so.
void alter(Scene& s) {
  s.emit->alter(s.emit, 0, &s.reading);
  set(s, SLUICE_VERDICT_ALTERED);
}

std::uint64_t hold(Scene& s) {
  set(s, SLUICE_VERDICT_HOLD);
  return s.emit->hold(s.emit, 0);
}

void tell(Scene& s, std::uint32_t times, const char* name, std::uint32_t series = 1,
          std::uint32_t source = 1) {
  sluice_event event{};
  event.struct_size = sizeof event;
  event.series = series;
  event.source = source;
  event.severity = SLUICE_SEVERITY_INFO;
  event.name = name;
  event.message = "It is so.";
  for (std::uint32_t i = 0; i < times; ++i) s.emit->event(s.emit, &event);
}

using Lie = void (*)(Scene&);
const std::map<std::string, Lie>& lies() {
  static const std::map<std::string, Lie> kLies = {
      {"truth", [](Scene&) {}},
      {"verdict_range", [](Scene& s) { set(s, 9); }},
      {"no_verdict", [](Scene& s) { set(s, SLUICE_VERDICT_NONE); }},
      {"rule_index", [](Scene& s) { set(s, SLUICE_VERDICT_DROP, 1); }},
      {"row_index", [](Scene& s) { s.emit->alter(s.emit, s.batch->count, &s.reading); }},
      {"hold_row_index", [](Scene& s) { s.emit->hold(s.emit, UINT32_MAX); }},
      {"nan",
       [](Scene& s) {
         s.reading.bits = std::bit_cast<std::uint64_t>(std::numeric_limits<double>::quiet_NaN());
         alter(s);
       }},
      {"infinity",
       [](Scene& s) {
         s.reading.bits = std::bit_cast<std::uint64_t>(-std::numeric_limits<double>::infinity());
         s.emit->reading(s.emit, &s.reading);
       }},
      {"series_unknown", [](Scene& s) { s.reading.series = 4711, alter(s); }},
      {"series_zero", [](Scene& s) { s.reading.series = 0, alter(s); }},
      {"kind", [](Scene& s) { s.reading.kind = 4, alter(s); }},
      {"quality", [](Scene& s) { s.reading.quality = 3, alter(s); }},
      {"boolean",
       [](Scene& s) {
         s.reading.kind = SLUICE_KIND_BOOLEAN;
         s.reading.bits = 2;
         alter(s);
       }},
      {"reading_size", [](Scene& s) { s.reading.struct_size = 4, alter(s); }},
      {"reading_null",
       [](Scene& s) {
         s.emit->alter(s.emit, 0, nullptr);
         set(s, SLUICE_VERDICT_ALTERED);
       }},
      {"altered_without", [](Scene& s) { set(s, SLUICE_VERDICT_ALTERED); }},
      {"alter_but_pass", [](Scene& s) { alter(s), set(s, SLUICE_VERDICT_PASS); }},
      {"alter_but_drop", [](Scene& s) { alter(s), set(s, SLUICE_VERDICT_DROP); }},
      {"alter_twice", [](Scene& s) { alter(s), alter(s); }},
      {"hold_without", [](Scene& s) { set(s, SLUICE_VERDICT_HOLD); }},
      {"hold_but_pass", [](Scene& s) { hold(s), set(s, SLUICE_VERDICT_PASS); }},
      {"hold_and_alter", [](Scene& s) { hold(s), alter(s); }},
      {"token_unknown", [](Scene& s) { s.emit->settle_drop(s.emit, 99, 0); }},
      {"token_zero", [](Scene& s) { s.emit->settle_pass(s.emit, 0, &s.reading); }},
      {"settle_twice",
       [](Scene& s) {
         const std::uint64_t token = hold(s);
         s.emit->settle_drop(s.emit, token, 0);
         s.emit->settle_pass(s.emit, token, &s.reading);
       }},
      {"settle_rule",
       [](Scene& s) {
         const std::uint64_t token = hold(s);
         s.emit->settle_drop(s.emit, token, 1);
       }},
      {"source_unknown",
       [](Scene& s) {
         s.reading.source = 1000;
         s.emit->reading(s.emit, &s.reading);
       }},
      {"event_null", [](Scene& s) { s.emit->event(s.emit, nullptr); }},
      {"event_name", [](Scene& s) { tell(s, 1, "No word"); }},
      {"event_series", [](Scene& s) { tell(s, 1, "fine", 4711); }},
      {"event_source", [](Scene& s) { tell(s, 1, "fine", 1, 1000); }},
      {"too_many_events", [](Scene& s) { tell(s, SLUICE_EVENTS_MAX + 1, "fine"); }},
      {"too_many",
       [](Scene& s) {
         for (std::uint32_t i = 0; i <= SLUICE_DERIVED_MAX; ++i)
           s.emit->reading(s.emit, &s.reading);
       }},
      {"throw", [](Scene&) { throw std::runtime_error("boom"); }},
      {"throw_number", [](Scene&) { throw 42; }},
  };
  return kLies;
}

sluice_result create(const sluice_host* host, const char* config_json, void** self, char* why,
                     size_t why_size) {
  // {"lie":"NAME"}, as the daemon writes it.
  std::string text(config_json);
  text = text.substr(8, text.size() - 10);
  if (text == "long_why") {
    for (size_t i = 0; i < why_size; ++i) why[i] = 'x';  // no NUL
    return SLUICE_BAD_CONFIG;
  }
  *self = new Liar{host, text, 0, nullptr, {}};
  return SLUICE_OK;
}

void destroy(void* self) { delete static_cast<Liar*>(self); }

sluice_result process(void* self, const sluice_batch* batch, sluice_verdict* verdicts,
                      const sluice_emit* emit) {
  Liar& liar = *static_cast<Liar*>(self);
  for (std::uint32_t row = 0; row < batch->count; ++row) {
    verdicts[row] = {SLUICE_VERDICT_PASS, 0, 0};
  }
  if (++liar.calls > 1) return SLUICE_OK;
  if (liar.lie == "failed") return SLUICE_FAILED;
  if (liar.lie == "result") return 77;
  const sluice_reading reading{sizeof(sluice_reading),  batch->series[0],  batch->source[0],
                               batch->kind[0],          batch->quality[0], 0,
                               batch->event_time_ns[0], batch->bits[0]};
  Scene scene{liar, batch, verdicts, emit, reading};
  liar.kept_emit = emit;
  if (const auto lie = lies().find(liar.lie); lie != lies().end()) lie->second(scene);
  return SLUICE_OK;
}

sluice_result on_time(void* self, std::int64_t, const sluice_emit* emit) {
  Liar& liar = *static_cast<Liar*>(self);
  if (liar.lie == "row_on_time") return emit->hold(emit, 0) == 0 ? SLUICE_OK : SLUICE_FAILED;
  return SLUICE_OK;
}

sluice_result snapshot(void* self, const sluice_writer* writer) {
  Liar& liar = *static_cast<Liar*>(self);
  if (liar.lie == "huge_snapshot") {
    const std::string block(1 << 20, 'x');
    for (int i = 0; i <= 64; ++i) {
      if (const auto r = writer->write(writer, block.data(), block.size()); r != SLUICE_OK)
        return r;
    }
  }
  if (liar.lie == "derive_later" && liar.host->derive_series(liar.host, 1, "late", nullptr) != 0) {
    return SLUICE_FAILED;
  }
  if (liar.lie == "emit_later") {
    sluice_reading reading{sizeof(sluice_reading), 1, 1, 0, 0, 0, 0, 0};
    const sluice_emit* emit = liar.kept_emit;
    const bool refused = emit->reading(emit, &reading) == SLUICE_REFUSED &&
                         emit->alter(emit, 0, &reading) == SLUICE_REFUSED &&
                         emit->hold(emit, 0) == 0 &&
                         emit->settle_pass(emit, 1, &reading) == SLUICE_REFUSED &&
                         emit->settle_drop(emit, 1, 0) == SLUICE_REFUSED &&
                         emit->event(emit, nullptr) == SLUICE_REFUSED;
    if (!refused) return SLUICE_FAILED;
  }
  return SLUICE_OK;
}

sluice_result restore(void*, const void*, size_t, const char*, char*, size_t) { return SLUICE_OK; }

const char* const kRules[] = {"caught"};
const sluice_plugin_descriptor kDescriptor = {
    SLUICE_PLUGIN_ABI,
    sizeof(sluice_plugin_descriptor),
    "liar",
    "1.0",
    "Breaks one promise.",
    R"({"type":"object","additionalProperties":false,
        "properties":{"lie":{"type":"string"}},"required":["lie"]})",
    kRules,
    1,
    SLUICE_FLAG_DETERMINISTIC,
    0,
    create,
    destroy,
    process,
    on_time,
    snapshot,
    restore,
    nullptr,
    nullptr,
};

}  // namespace

const sluice_plugin_descriptor* sluice_plugin_entry(void) { return &kDescriptor; }
