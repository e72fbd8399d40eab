#include <cfloat>
#include <cmath>
#include <set>
#include <unordered_map>
#include <vector>

#include "sluice_plugin.hpp"

namespace {

using namespace sluice::sdk;

/// Swinging door trending: drops the readings that a straight line between the ones passed tells
/// within a deviation (E. H. Bristol, US patent 4,669,097, 1987).
///
/// From the last reading passed, the pivot, a cone of slopes is kept: those whose line comes within
/// the deviation of every reading since. The newest reading is held. Is the next one inside the
/// cone, the line to it serves for all, and the held one is dropped; if not, the held one passes
/// and is the next pivot.
class SwingingDoor {
 public:
  static constexpr std::uint16_t kWithinDoor = 0;
  static constexpr std::uint16_t kCompMin = 1;
  static constexpr const char* kRules[] = {"within_door", "comp_min"};
  static constexpr Metadata kMetadata{
      .name = "swinging_door",
      .version = "1.0.0",
      .description = "Drops readings that lie on a straight line between the ones passed.",
      .config_schema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "comp_dev": {"type": "number", "minimum": 0, "unit": "of the series",
      "description": "How far a dropped reading may lie from the line between those passed."},
    "comp_dev_percent": {"type": "number", "minimum": 0, "maximum": 100, "unit": "%",
      "description": "The same, of the last passed value; with comp_dev: the wider."},
    "comp_max_s": {"type": "number", "default": 600, "exclusiveMinimum": 0, "maximum": 31536000,
      "unit": "s", "description": "Longest time after a passed reading until the next passes."},
    "comp_min_s": {"type": "number", "default": 0, "minimum": 0, "maximum": 31536000, "unit": "s",
      "description": "Readings sooner than this after a passed one are dropped, whatever they say."}
  }
})",
      .state_bytes_per_series = 256,
      .ordered = true};

  SwingingDoor(const Config& config, Host)
      : absolute_(config.number("comp_dev").value_or(0)),
        fraction_(config.number("comp_dev_percent").value_or(0) / 100),
        comp_max_ns_(nanoseconds(config.number("comp_max_s").value_or(600))),
        comp_min_ns_(nanoseconds(config.number("comp_min_s").value_or(0))) {
    if (!config.has("comp_dev") && !config.has("comp_dev_percent")) {
      throw std::invalid_argument("no deviation: set comp_dev, comp_dev_percent or both");
    }
    if (comp_min_ns_ >= comp_max_ns_) {
      throw std::invalid_argument("comp_min_s: must be less than comp_max_s");
    }
  }

  Verdict on_reading(const Reading& in, Call& call) {
    const auto [it, first_seen] = doors_.try_emplace(in.series);
    Door& door = it->second;
    if (first_seen) return start(door, in);
    const std::int64_t newest_ns = door.token != 0 ? door.held_time_ns : door.pivot_time_ns;
    if (in.event_time_ns <= newest_ns || in.quality != door.quality) {
      if (door.token != 0) let_go(door, in.series, call);
      return start(door, in);
    }
    // What on_time does, had it come between: so the answer never depends on when it comes.
    if (door.token != 0 && in.event_time_ns > deadline_ns(door)) let_go(door, in.series, call);
    if (door.token != 0 && !admits(door, in)) let_go(door, in.series, call);
    if (door.token == 0 && age_ns(door, in) < comp_min_ns_) return drop(kCompMin);
    if (door.token != 0) drop_held(door, in.series, call);
    return age_ns(door, in) >= comp_max_ns_ ? start(door, in) : hold(door, in, call);
  }

  /// Strictly before the watermark: at the deadline itself a reading may still come and decide.
  void on_time(std::int64_t watermark_ns, Call& call) {
    while (!deadlines_.empty() && deadlines_.begin()->first < watermark_ns) {
      const std::uint32_t series = deadlines_.begin()->second;
      let_go(doors_.at(series), series, call);
    }
  }

  void snapshot(StateWriter& w) const {
    write_by_series(w, doors_, [&w](const Door& door) {
      w.i64(door.pivot_time_ns);
      w.f64(door.pivot);
      w.f64(door.deviation);
      w.f64(door.lower);
      w.f64(door.upper);
      w.u64(door.token);
      w.i64(door.held_time_ns);
      w.u64(door.held_bits);
      w.u64(door.quality | (static_cast<std::uint64_t>(door.held_kind) << 8));
    });
    w.seal();
  }

  void restore(StateReader& r, std::string_view) {
    r.unseal();
    read_by_series(r, 80, doors_, [this, &r](std::uint32_t series, Door& door) {
      door.pivot_time_ns = r.i64();
      door.pivot = r.f64();
      door.deviation = r.f64();
      door.lower = r.f64();
      door.upper = r.f64();
      door.token = r.u64();
      door.held_time_ns = r.i64();
      door.held_bits = r.u64();
      const std::uint64_t small = r.u64();
      door.quality = static_cast<std::uint8_t>(small);
      door.held_kind = static_cast<std::uint8_t>(small >> 8);
      if (door.token != 0) deadlines_.emplace(deadline_ns(door), series);
    });
  }

 private:
  /// The last reading passed, and while `token` is not 0 the newest one, held, with the cone of all
  /// since the pivot. Slopes are in deviations per nanosecond: so neither the largest nor the
  /// smallest doubles are lost in them.
  struct Door {
    std::int64_t pivot_time_ns = 0;
    double pivot = 0;
    double deviation = 0;
    double lower = 0;
    double upper = 0;
    Token token = 0;
    std::int64_t held_time_ns = 0;
    std::uint64_t held_bits = 0;
    std::uint8_t held_kind = SLUICE_KIND_F64;
    std::uint8_t quality = SLUICE_QUALITY_GOOD;
  };

  static std::uint64_t nanoseconds(double seconds) {
    return static_cast<std::uint64_t>(std::ceil(seconds * 1e9));
  }
  /// Of a reading that is not older than the pivot. Unsigned: two stamps may lie further apart than
  /// an int64 can say.
  static std::uint64_t age_ns(const Door& door, std::int64_t event_time_ns) {
    return static_cast<std::uint64_t>(event_time_ns) -
           static_cast<std::uint64_t>(door.pivot_time_ns);
  }
  static std::uint64_t age_ns(const Door& door, const Reading& in) {
    return age_ns(door, in.event_time_ns);
  }
  std::int64_t deadline_ns(const Door& door) const {
    if (comp_max_ns_ >= age_ns(door, INT64_MAX)) return INT64_MAX;
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(door.pivot_time_ns) + comp_max_ns_);
  }

  /// In deviations from the pivot; infinite where a double cannot say it. Without a deviation only
  /// equal values are near.
  static double distance(const Door& door, double v) {
    if (v == door.pivot) return 0;
    return door.deviation > 0 ? (v - door.pivot) / door.deviation : HUGE_VAL;
  }

  /// A reading on the very edge of the cone is outside.
  static bool admits(const Door& door, const Reading& in) {
    const double x = distance(door, in.value());
    if (!std::isfinite(x)) return false;
    const double slope = x / static_cast<double>(age_ns(door, in));
    return door.lower < slope && slope < door.upper;
  }

  void aim(Door& door, std::int64_t time_ns, double v) const {
    door.pivot_time_ns = time_ns;
    door.pivot = v;
    door.deviation = std::max(absolute_, fraction_ * std::abs(v));
    door.lower = -HUGE_VAL;
    door.upper = HUGE_VAL;
  }

  Verdict start(Door& door, const Reading& in) const {
    aim(door, in.event_time_ns, in.value());
    door.quality = in.quality;
    return pass();
  }

  Verdict hold(Door& door, const Reading& in, Call& call) {
    door.token = call.hold();
    if (door.token == 0) return start(door, in);
    deadlines_.emplace(deadline_ns(door), in.series);
    door.held_time_ns = in.event_time_ns;
    door.held_bits = in.bits;
    door.held_kind = in.kind;
    narrow(door, in);
    return held();
  }

  /// The doors stand a few roundings narrower than the deviation: distance, slope and comparison
  /// each round, and what a dropped reading is off by shall not be more for it.
  static void narrow(Door& door, const Reading& in) {
    const double x = distance(door, in.value());
    const double width = 1 - 8 * DBL_EPSILON * (1 + std::abs(x));
    if (!std::isfinite(x) || width <= 0) {
      door.lower = door.upper = 0;
      return;
    }
    const auto age = static_cast<double>(age_ns(door, in));
    door.lower = std::max(door.lower, (x - width) / age);
    door.upper = std::min(door.upper, (x + width) / age);
  }

  static Reading held_reading(const Door& door, std::uint32_t series) {
    Reading reading;
    reading.series = series;
    reading.event_time_ns = door.held_time_ns;
    reading.kind = door.held_kind;
    reading.bits = door.held_bits;
    reading.quality = door.quality;
    return reading;
  }

  /// The held reading passes and is the pivot from now on.
  void let_go(Door& door, std::uint32_t series, Call& call) {
    const Reading reading = held_reading(door, series);
    deadlines_.erase({deadline_ns(door), series});
    call.settle_pass(door.token, reading);
    door.token = 0;
    aim(door, reading.event_time_ns, reading.value());
  }

  void drop_held(Door& door, std::uint32_t series, Call& call) {
    deadlines_.erase({deadline_ns(door), series});
    call.settle_drop(door.token, kWithinDoor);
    door.token = 0;
  }

  double absolute_;
  double fraction_;
  std::uint64_t comp_max_ns_;
  std::uint64_t comp_min_ns_;
  std::unordered_map<std::uint32_t, Door> doors_;
  /// Of the doors that hold a reading, so that on_time need not look at all.
  std::set<std::pair<std::int64_t, std::uint32_t>> deadlines_;
};

}  // namespace

SLUICE_PLUGIN(SwingingDoor)
