#include <cfloat>
#include <cmath>
#include <unordered_map>
#include <vector>

#include "sluice_plugin.hpp"

namespace {

using namespace sluice::sdk;

/// Send on delta: passes a reading only when it has left the band around the last one passed.
class Deadband {
 public:
  static constexpr std::uint16_t kWithinBand = 0;
  static constexpr const char* kRules[] = {"within_band"};
  static constexpr Metadata kMetadata{
      .name = "deadband",
      .version = "1.0.0",
      .description = "Drops readings that stay within a band around the last one passed.",
      .config_schema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "absolute": {"type": "number", "minimum": 0, "unit": "of the series",
      "description": "Half width of the band."},
    "percent": {"type": "number", "minimum": 0, "maximum": 1000, "unit": "%",
      "description": "Half width of the band, of the last passed value; with absolute: the wider."},
    "max_interval_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 31536000, "unit": "s",
      "description": "A reading this long after the last one passed always passes."},
    "keep_previous": {"type": "boolean", "default": false,
      "description": "When a reading leaves the band, also pass the one before it."}
  }
})",
      .state_bytes_per_series = 128,
      .ordered = true};

  Deadband(const Config& config, Host)
      : absolute_(config.number("absolute").value_or(0)),
        fraction_(config.number("percent").value_or(0) / 100),
        max_interval_ns_(interval_ns(config.number("max_interval_s"))),
        keep_previous_(config.boolean("keep_previous").value_or(false)) {
    if (!config.has("absolute") && !config.has("percent")) {
      throw std::invalid_argument("no band: set absolute, percent or both");
    }
  }

  Verdict on_reading(const Reading& in, Call& call) {
    const auto [it, first_seen] = last_.try_emplace(in.series);
    Last& last = it->second;
    if (first_seen) return store(last, in);
    const bool older = in.event_time_ns < last.event_time_ns;
    if (older || in.quality != last.quality || !within_band(last, in.value())) {
      if (last.previous_token != 0)
        call.settle_pass(last.previous_token, previous(last, in.series));
      return store(last, in);
    }
    if (last.previous_token != 0) call.settle_drop(last.previous_token, kWithinBand);
    last.previous_token = 0;
    if (is_overdue(last, in.event_time_ns)) return store(last, in);
    return keep_previous_ ? hold(last, in, call) : drop(kWithinBand);
  }

  void snapshot(StateWriter& w) const {
    write_by_series(w, last_, [&w](const Last& last) {
      w.i64(last.event_time_ns);
      w.f64(last.value);
      w.u64(last.quality | (static_cast<std::uint64_t>(last.previous_kind) << 8));
      w.u64(last.previous_token);
      w.i64(last.previous_time_ns);
      w.u64(last.previous_bits);
    });
  }

  void restore(StateReader& r, std::string_view) {
    read_by_series(r, 56, last_, [&r](std::uint32_t, Last& last) {
      last.event_time_ns = r.i64();
      last.value = r.f64();
      const std::uint64_t small = r.u64();
      last.quality = static_cast<std::uint8_t>(small);
      last.previous_kind = static_cast<std::uint8_t>(small >> 8);
      last.previous_token = r.u64();
      last.previous_time_ns = r.i64();
      last.previous_bits = r.u64();
    });
  }

 private:
  /// The last reading passed, and the one held since if `previous_token` is not 0. That one is of
  /// the same quality, or it would have passed.
  struct Last {
    std::int64_t event_time_ns = 0;
    double value = 0;
    Token previous_token = 0;
    std::int64_t previous_time_ns = 0;
    std::uint64_t previous_bits = 0;
    std::uint8_t quality = SLUICE_QUALITY_GOOD;
    std::uint8_t previous_kind = SLUICE_KIND_F64;
  };

  static std::uint64_t interval_ns(std::optional<double> seconds) {
    return seconds ? static_cast<std::uint64_t>(std::ceil(*seconds * 1e9)) : UINT64_MAX;
  }

  bool within_band(const Last& last, double v) const {
    const double band = std::max(absolute_, fraction_ * std::abs(last.value));
    // 1.3 - 1.2 is a little more than 0.1 in binary: a difference that equals the band in decimals
    // is inside, so the rounding of the two values is allowed for. A band of 0 stays exact.
    const double rounding = band == 0 ? 0 : DBL_EPSILON * (std::abs(v) + std::abs(last.value));
    return std::abs(v - last.value) <= band + rounding;
  }

  bool is_overdue(const Last& last, std::int64_t event_time_ns) const {
    // Unsigned: two stamps may lie further apart than an int64 can say. Never older here.
    return static_cast<std::uint64_t>(event_time_ns) -
               static_cast<std::uint64_t>(last.event_time_ns) >=
           max_interval_ns_;
  }

  static Verdict store(Last& last, const Reading& in) {
    last = Last{};
    last.event_time_ns = in.event_time_ns;
    last.value = in.value();
    last.quality = in.quality;
    return pass();
  }

  static Verdict hold(Last& last, const Reading& in, Call& call) {
    last.previous_token = call.hold();
    if (last.previous_token == 0) return drop(kWithinBand);
    last.previous_time_ns = in.event_time_ns;
    last.previous_bits = in.bits;
    last.previous_kind = in.kind;
    return held();
  }

  static Reading previous(const Last& last, std::uint32_t series) {
    Reading reading;
    reading.series = series;
    reading.event_time_ns = last.previous_time_ns;
    reading.kind = last.previous_kind;
    reading.bits = last.previous_bits;
    reading.quality = last.quality;
    return reading;
  }

  double absolute_;
  double fraction_;
  std::uint64_t max_interval_ns_;
  bool keep_previous_;
  std::unordered_map<std::uint32_t, Last> last_;
};

}  // namespace

SLUICE_PLUGIN(Deadband)
