#include <cmath>
#include <optional>
#include <unordered_map>
#include <vector>

#include "sluice_plugin.hpp"

namespace {

using namespace sluice::sdk;

/// Drops or flags readings that a sensor cannot have meant; README.md has the definitions.
class Range {
 public:
  enum Rule : std::uint16_t { kBelowMin, kAboveMax, kMaxRate, kSentinel };
  static constexpr const char* kRules[] = {"below_min", "above_max", "max_rate", "sentinel"};
  static constexpr Metadata kMetadata{
      .name = "range",
      .version = "1.0.0",
      .description = "Drops or flags values outside a range, too fast, or that mean 'no value'.",
      .config_schema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "minProperties": 1,
  "properties": {
    "min": {"type": "number", "unit": "of the series",
      "description": "Smallest value accepted."},
    "max": {"type": "number", "unit": "of the series",
      "description": "Largest value accepted."},
    "max_rate": {"type": "number", "exclusiveMinimum": 0, "unit": "of the series, per second",
      "description": "Fastest change accepted between consecutive good readings of a series."},
    "sentinels": {"type": "array", "items": {"type": "number"}, "maxItems": 64,
      "description": "Values by which the sensor says that it has none, such as -999."},
    "action": {"type": "string", "enum": ["drop", "flag"], "default": "drop",
      "description": "flag: let the reading pass with quality uncertain."}
  }
})",
      .state_bytes_per_series = 64};

  Range(const Config& config, Host)
      : min_(config.number("min")),
        max_(config.number("max")),
        max_rate_(config.number("max_rate")),
        sentinels_(config.numbers("sentinels")),
        flag_(config.string("action") == "flag") {
    if (!min_ && !max_ && !max_rate_ && sentinels_.empty()) {
      throw std::invalid_argument("nothing to check: set min, max, max_rate or sentinels");
    }
    if (min_ && max_ && *min_ > *max_) {
      throw std::invalid_argument("min: expected a number <= max");
    }
  }

  /// Only the rate compares neighbours.
  bool ordered() const { return max_rate_.has_value(); }

  Verdict on_reading(const Reading& in, Call& call) {
    const std::optional<Rule> broken = broken_rule(in);
    if (!broken) return pass();
    if (!flag_) return drop(*broken);
    if (in.quality != SLUICE_QUALITY_GOOD) return pass();
    Reading flagged = in;
    flagged.quality = SLUICE_QUALITY_UNCERTAIN;
    return call.alter(flagged);
  }

  void snapshot(StateWriter& w) const {
    write_by_series(w, last_good_, [&w](const Last& last) {
      w.i64(last.event_time_ns);
      w.f64(last.value);
    });
  }

  void restore(StateReader& r, std::string_view) {
    read_by_series(r, 24, last_good_, [&r](std::uint32_t, Last& last) {
      last.event_time_ns = r.i64();
      last.value = r.f64();
    });
  }

 private:
  struct Last {
    std::int64_t event_time_ns;
    double value;
  };

  std::optional<Rule> broken_rule(const Reading& in) {
    const double v = in.value();
    if (std::find(sentinels_.begin(), sentinels_.end(), v) != sentinels_.end()) return kSentinel;
    if (min_ && v < *min_) return kBelowMin;
    if (max_ && v > *max_) return kAboveMax;
    if (max_rate_ && in.quality == SLUICE_QUALITY_GOOD) {
      const auto [last, first_seen] = last_good_.try_emplace(in.series, Last{in.event_time_ns, v});
      if (!first_seen && too_fast(last->second, in.event_time_ns, v)) return kMaxRate;
      last->second = {in.event_time_ns, v};
    }
    return std::nullopt;
  }

  bool too_fast(const Last& last, std::int64_t event_time_ns, double v) const {
    if (event_time_ns < last.event_time_ns) return false;
    // Unsigned: two stamps may lie further apart than an int64 can say.
    const std::uint64_t elapsed_ns =
        static_cast<std::uint64_t>(event_time_ns) - static_cast<std::uint64_t>(last.event_time_ns);
    return std::abs(v - last.value) > *max_rate_ * (static_cast<double>(elapsed_ns) / 1e9);
  }

  std::optional<double> min_;
  std::optional<double> max_;
  std::optional<double> max_rate_;
  Config::Numbers sentinels_;
  bool flag_;
  std::unordered_map<std::uint32_t, Last> last_good_;
};

}  // namespace

SLUICE_PLUGIN(Range)
