#include <array>
#include <cfloat>
#include <charconv>
#include <cmath>
#include <unordered_map>
#include <vector>

#include "sluice_plugin.hpp"

namespace {

using namespace sluice::sdk;

/// Scores each reading by its distance from the series' own exponentially weighted past.
///
/// The past is a mean and a standard deviation whose weights decay by reading or by time. A reading
/// is compared with what was known before it, then learned.
class Anomaly {
 public:
  static constexpr Metadata kMetadata{
      .name = "anomaly",
      .version = "1.0.0",
      .description = "Scores readings against their series' own past and tells of those far off.",
      .config_schema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "alpha": {"type": "number", "exclusiveMinimum": 0, "maximum": 0.5,
      "description": "Weight of the newest reading; the past is about 1/alpha readings long."},
    "half_life_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 31536000, "unit": "s",
      "description": "Age at which a reading weighs half."},
    "warm_up": {"type": "integer", "default": 300, "minimum": 2, "maximum": 1000000,
      "unit": "readings", "description": "Readings of a series learned before one is scored."},
    "threshold": {"type": "number", "default": 5, "exclusiveMinimum": 0, "maximum": 100,
      "unit": "standard deviations", "description": "Score from which a reading is an anomaly."},
    "range_term": {"type": "number", "default": 3, "minimum": 0, "maximum": 100,
      "unit": "standard deviations",
      "description": "Added to the score of a reading beyond all that the series has shown."},
    "deviation_min": {"type": "number", "default": 0, "minimum": 0, "unit": "of the series",
      "description": "Smallest standard deviation assumed, e.g. the sensor's resolution."},
    "hold_off_s": {"type": "number", "default": 3600, "minimum": 0, "maximum": 31536000,
      "unit": "s", "description": "An anomaly ends once the score was below threshold this long."},
    "emit_score": {"type": "boolean", "default": true,
      "description": "Derive MEASUREMENT_score."},
    "emit_expected": {"type": "boolean", "default": false,
      "description": "Derive MEASUREMENT_expected, the mean before the reading."},
    "emit_bounds": {"type": "boolean", "default": false,
      "description": "Derive MEASUREMENT_lower and _upper: expected -/+ threshold deviations."}
  }
})",
      .state_bytes_per_series = 192,
      .ordered = true};

  Anomaly(const Config& config, Host host)
      : host_(host),
        alpha_(config.number("alpha").value_or(0)),
        half_life_ns_(config.number("half_life_s").value_or(0) * 1e9),
        warm_up_(config.number("warm_up").value_or(300)),
        threshold_(config.number("threshold").value_or(5)),
        range_term_(config.number("range_term").value_or(3)),
        deviation_min_(config.number("deviation_min").value_or(0)),
        hold_off_ns_(static_cast<std::uint64_t>(
            std::ceil(config.number("hold_off_s").value_or(3600) * 1e9))) {
    if (config.has("alpha") == config.has("half_life_s")) {
      throw std::invalid_argument("set exactly one of alpha and half_life_s");
    }
    emits_[kScore] = config.boolean("emit_score").value_or(true);
    emits_[kExpected] = config.boolean("emit_expected").value_or(false);
    emits_[kLower] = emits_[kUpper] = config.boolean("emit_bounds").value_or(false);
  }

  Verdict on_reading(const Reading& in, Call& call) {
    if (in.quality != SLUICE_QUALITY_GOOD) return pass();
    Past& past = pasts_[in.series];
    const double kept = kept_weight(past, in.event_time_ns);
    // Of a mean that weighs less than one reading nothing can be said: it starts anew.
    if (past.count > 1 && kept < 1) forget(past);
    if (static_cast<double>(past.count) >= warm_up_) {
      const Judgement judgement = judge(past, in.value());
      derive(past, in, judgement, call);
      watch(past, in, judgement, call);
    }
    learn(past, in, past.count == 0 ? 0 : kept);
    return pass();
  }

  void snapshot(StateWriter& w) const {
    write_by_series(w, pasts_, [&w](const Past& past) {
      w.u64(past.count);
      w.i64(past.last_time_ns);
      w.f64(past.weight);
      w.f64(past.mean);
      w.f64(past.deviation);
      w.f64(past.min);
      w.f64(past.max);
      w.u64(past.alerting ? 1 : 0);
      w.i64(past.over_time_ns);
    });
    w.seal();
  }

  void restore(StateReader& r, std::string_view) {
    r.unseal();
    read_by_series(r, 80, pasts_, [&r](std::uint32_t, Past& past) {
      past.count = r.u64();
      past.last_time_ns = r.i64();
      past.weight = r.f64();
      past.mean = r.f64();
      past.deviation = r.f64();
      past.min = r.f64();
      past.max = r.f64();
      past.alerting = r.u64() != 0;
      past.over_time_ns = r.i64();
    });
  }

 private:
  /// A constant series that moves has no deviation to be measured in; and no user reads more.
  static constexpr double kScoreMax = 100;
  /// The range term counts in full from this share of the seen range beyond its edge.
  static constexpr double kRangeMargin = 0.05;

  enum Output : std::size_t { kScore, kExpected, kLower, kUpper, kOutputs };
  static constexpr const char* kSuffixes[kOutputs] = {"_score", "_expected", "_lower", "_upper"};

  struct Past {
    std::uint64_t count = 0;  ///< readings learned since the start
    std::int64_t last_time_ns = 0;
    double weight = 0;  ///< sum of the readings' weights, the newest weighing 1
    double mean = 0;
    double deviation = 0;  ///< standard; not squared, as squares of large values overflow
    double min = 0;
    double max = 0;
    std::int64_t over_time_ns = 0;  ///< of the last reading at or over the threshold
    /// Of the derived series; 0: not asked for yet. Not in the snapshot: they are the same for
    /// ever.
    std::array<std::uint32_t, kOutputs> derived{};
    bool alerting = false;  ///< begin was told, end was not
  };

  /// What is said of one reading, in the light of the past before it.
  struct Judgement {
    double score = 0;
    double expected = 0;
    double lower = 0;
    double upper = 0;
  };

  double kept_weight(const Past& past, std::int64_t time_ns) const {
    if (half_life_ns_ == 0) return past.weight * (1 - alpha_);
    if (time_ns <= past.last_time_ns) return past.weight;
    const auto age =
        static_cast<std::uint64_t>(time_ns) - static_cast<std::uint64_t>(past.last_time_ns);
    return past.weight * std::exp2(-static_cast<double>(age) / half_life_ns_);
  }

  static void forget(Past& past) {
    past.count = 0;
    past.weight = past.mean = past.deviation = past.min = past.max = 0;
  }

  static double finite(double v) { return std::clamp(v, -DBL_MAX, DBL_MAX); }

  Judgement judge(const Past& past, double v) const {
    // A sum of equal decimals rounds: a deviation of a few roundings is none.
    const double rounding = 8 * DBL_EPSILON * std::abs(past.mean);
    const double deviation = std::max({past.deviation, deviation_min_, rounding});
    const double distance = std::abs(finite(v - past.mean));
    double z = 0;
    if (distance > 0) z = deviation > 0 ? distance / deviation : kScoreMax;
    return {std::min(kScoreMax, z + range_term_ * beyond_range(past, v)), past.mean,
            finite(past.mean - threshold_ * deviation), finite(past.mean + threshold_ * deviation)};
  }

  /// 0 within what was seen, rising to 1 at a margin beyond it.
  static double beyond_range(const Past& past, double v) {
    const double excess = std::max(v - past.max, past.min - v);
    if (excess <= 0) return 0;
    const double margin = kRangeMargin * (past.max - past.min);
    return excess >= margin ? 1 : excess / margin;
  }

  /// Mean and variance under decaying weights: D. H. D. West, "Updating mean and variance
  /// estimates: an improved method", CACM 22(9), 1979; with constant decay it is T. Finch,
  /// "Incremental calculation of weighted mean and variance", 2009, eq. 140-143. As every reading
  /// comes in with weight 1, the first ones count alike and no start value is needed.
  static void learn(Past& past, const Reading& in, double kept_weight) {
    const double v = in.value();
    past.weight = kept_weight + 1;
    const double a = 1 / past.weight;
    const double difference = finite(v - past.mean);
    past.mean = past.count == 0 ? v : past.mean + a * difference;
    // sqrt((1 - a) * (deviation^2 + a * difference^2)), without squares that overflow or vanish.
    past.deviation = past.count == 0 ? 0
                                     : std::hypot(std::sqrt(1 - a) * past.deviation,
                                                  std::sqrt(a * (1 - a)) * difference);
    past.min = past.count == 0 ? v : std::min(past.min, v);
    past.max = past.count == 0 ? v : std::max(past.max, v);
    past.last_time_ns = in.event_time_ns;
    ++past.count;
  }

  void derive(Past& past, const Reading& in, const Judgement& judgement, Call& call) const {
    const double values[kOutputs] = {judgement.score, judgement.expected, judgement.lower,
                                     judgement.upper};
    for (std::size_t i = 0; i < kOutputs; ++i) {
      if (!emits_[i]) continue;
      if (call.readings_left() == 0) {
        host_.log(SLUICE_LOG_WARN, "more readings in one batch than may be scored");
        return;
      }
      if (past.derived[i] == 0) {
        const std::string name = std::string(host_.measurement(in.series)) + kSuffixes[i];
        past.derived[i] = host_.derive_series(in.series, name.c_str(), i == kScore ? "1" : nullptr);
      }
      if (past.derived[i] == 0) continue;  // the node keeps no more series, and says so itself
      Reading out = in;
      out.series = past.derived[i];
      out.set_value(values[i]);
      call.emit(out);
    }
  }

  /// Begins or ends the series' anomaly. Where a call can tell no more events the next reading
  /// does.
  void watch(Past& past, const Reading& in, const Judgement& judgement, Call& call) const {
    if (judgement.score >= threshold_) {
      past.over_time_ns = in.event_time_ns;
      if (past.alerting || call.events_left() == 0) return;
      past.alerting = true;
      tell(in, judgement, SLUICE_PHASE_BEGIN, call);
      return;
    }
    // The sensor's clock was set back: the hold-off starts here.
    past.over_time_ns = std::min(past.over_time_ns, in.event_time_ns);
    const auto calm_ns = static_cast<std::uint64_t>(in.event_time_ns) -
                         static_cast<std::uint64_t>(past.over_time_ns);
    if (!past.alerting || calm_ns < hold_off_ns_ || call.events_left() == 0) return;
    past.alerting = false;
    tell(in, judgement, SLUICE_PHASE_END, call);
  }

  void tell(const Reading& in, const Judgement& judgement, std::uint8_t phase, Call& call) const {
    const bool begins = phase == SLUICE_PHASE_BEGIN;
    const std::string measurement(host_.measurement(in.series));
    Event event(
        in, "anomaly",
        measurement + " is " + text(in.value()) +
            (begins ? ", expected " + text(judgement.lower) + " to " + text(judgement.upper) + "."
                    : ", as expected again."));
    event.phase(phase)
        .severity(begins ? SLUICE_SEVERITY_WARN : SLUICE_SEVERITY_INFO)
        .attribute("value", text(in.value()))
        .attribute("score", text(judgement.score))
        .attribute("threshold", text(threshold_))
        .attribute("expected", text(judgement.expected));
    call.emit(event);
  }

  /// Six digits, whatever the locale.
  static std::string text(double v) {
    std::array<char, 32> chars;
    const auto end =
        std::to_chars(chars.data(), chars.data() + chars.size(), v, std::chars_format::general, 6);
    return std::string(chars.data(), end.ptr);
  }

  Host host_;
  double alpha_;         ///< 0: by time
  double half_life_ns_;  ///< 0: by reading
  double warm_up_;
  double threshold_;
  double range_term_;
  double deviation_min_;
  std::uint64_t hold_off_ns_;
  std::array<bool, kOutputs> emits_{};
  std::unordered_map<std::uint32_t, Past> pasts_;
};

}  // namespace

SLUICE_PLUGIN(Anomaly)
