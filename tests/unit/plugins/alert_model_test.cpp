#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <random>

#include "model/boot_time.h"
#include "rig.h"
#include "unit/plugins/recordings.h"

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

/// What is told of one series: time, phase and name.
struct Told {
  std::int64_t seconds;
  EventPhase phase;
  std::string name;
  friend bool operator==(const Told&, const Told&) = default;
};
std::ostream& operator<<(std::ostream& out, const Told& told) {
  return out << told.seconds << (told.phase == EventPhase::begin ? " begin " : " end ")
             << told.name;
}

using Test = std::function<bool(double value, double rate)>;

struct Rules {
  const char* text;  ///< of the plugin's config: when and clear_when
  Test when;
  Test clear_when;
  bool needs_rate;
};
const Rules kRules[] = {
    {R"("when":"value > 5")", [](double v, double) { return v > 5; },
     [](double v, double) { return v <= 5; }, false},
    {R"("when":"value >= 6","clear_when":"value < 3")", [](double v, double) { return v >= 6; },
     [](double v, double) { return v < 3; }, false},
    {R"("when":"value < 2 or value > 7")", [](double v, double) { return v < 2 || v > 7; },
     [](double v, double) { return v >= 2 && v <= 7; }, false},
    {R"("when":"value > 4 and rate > 0.5","clear_when":"value < 3 or rate < -1")",
     [](double v, double r) { return v > 4 && r > 0.5; },
     [](double v, double r) { return v < 3 || r < -1; }, true},
};

/// What the plugin should say of one series, second by second as Prometheus evaluates its rules,
/// without a thought of what is due when. All times are whole seconds.
class Model {
 public:
  Model(const Rules& rules, int for_s, int keep_s, int hold_off_s, int no_data_s)
      : rules_(rules),
        for_s_(for_s),
        keep_s_(keep_s),
        hold_off_s_(hold_off_s),
        no_data_s_(no_data_s) {}

  void read(std::int64_t t, double value, bool is_boot, std::int64_t watermark) {
    std::optional<double> rate;
    const bool is_earlier = last_ && t < *last_;
    const bool is_other_time = last_ && (is_boot != is_boot_ || (is_boot && is_earlier));
    if (is_earlier && !is_other_time) return;
    if (is_other_time) {
      if (met_since_) met_since_ = t;
      if (cleared_since_) cleared_since_ = t;
      told_.reset();
      silent_since_ = silent_since_ ? std::optional(t) : std::nullopt;
    } else if (last_) {
      for (std::int64_t s = *last_; s < t; ++s) evaluate(s);
      if (t > *last_) rate = (value - value_) / static_cast<double>(t - *last_);
    }
    last_ = t;
    value_ = value;
    is_boot_ = is_boot;
    heard_at_ = std::max(t, watermark);
    if (silent_since_) {
      tell(std::max(t, *silent_since_), EventPhase::end, "alert_no_data");
      silent_since_.reset();
    }
    if (!rules_.needs_rate || rate) judge(t, rate.value_or(0));
    evaluate(t);
  }
  void pass(std::int64_t watermark) {
    if (!last_ || is_boot_) return;
    const std::int64_t now = *last_ + watermark - heard_at_;
    for (std::int64_t s = *last_; s < now; ++s) evaluate(s);
  }
  const std::vector<Told>& said() const { return said_; }

 private:
  void judge(std::int64_t t, double rate) {
    if (rules_.when(value_, rate)) {
      if (!met_since_ && !firing_) met_since_ = t;
      cleared_since_.reset();
    } else {
      met_since_.reset();
      if (firing_ && !cleared_since_ && rules_.clear_when(value_, rate)) {
        cleared_since_ = std::max(t, told_.value_or(t));
      }
    }
  }
  void evaluate(std::int64_t s) {
    const bool rested = !told_ || s - *told_ >= hold_off_s_;
    if (!firing_ && met_since_ && s - *met_since_ >= for_s_ && rested) {
      firing_ = true;
      met_since_.reset();
      told_ = s;
      tell(s, EventPhase::begin, "alert");
    }
    if (firing_ && cleared_since_ && s - *cleared_since_ >= keep_s_) {
      firing_ = false;
      cleared_since_.reset();
      told_ = s;
      tell(s, EventPhase::end, "alert");
    }
    if (no_data_s_ > 0 && !silent_since_ && s - *last_ >= no_data_s_) {
      silent_since_ = s;
      met_since_.reset();
      tell(s, EventPhase::begin, "alert_no_data");
    }
  }
  void tell(std::int64_t s, EventPhase phase, const char* name) {
    said_.push_back({s, phase, name});
  }

  const Rules& rules_;
  const int for_s_, keep_s_, hold_off_s_, no_data_s_;
  std::optional<std::int64_t> last_, met_since_, cleared_since_, silent_since_, told_;
  std::int64_t heard_at_ = 0;
  double value_ = 0;
  bool is_boot_ = false;
  bool firing_ = false;
  std::vector<Told> said_;
};

class AlertModel : public Rig {
 protected:
  using Said = std::map<SeriesId, std::vector<Told>>;
  static void add(const StageOutput& out, Said& said) {
    for (const Event& e : out.events) {
      EXPECT_EQ(e.event_time_ns % kSecond, 0);
      said[e.series].push_back({e.event_time_ns / kSecond, e.phase, e.name});
    }
  }
  std::unique_ptr<Stage> restarted(const std::string& config, Stage& stage) {
    const auto snapshot = stage.snapshot();
    EXPECT_TRUE(snapshot.ok());
    auto other = make("alert", config);
    EXPECT_TRUE(other->restore(*snapshot).ok());
    EXPECT_EQ(*other->snapshot(), *snapshot);
    return other;
  }
};

/// Begins and ends of one name take turns, and times do not go back within event time.
void expect_turns(const std::vector<Told>& said) {
  std::map<std::string, EventPhase> last;
  for (const Told& told : said) {
    const auto [it, is_first] = last.try_emplace(told.name, EventPhase::end);
    EXPECT_NE(it->second, told.phase) << told;
    it->second = told.phase;
  }
}

TEST_F(AlertModel, SaysWhatAnEvaluationSecondBySecondSays) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const SeriesId ids[] = {series_, table_.intern({"pressure", "", {}}),
                          table_.intern({"speed", "m/s", {}})};
  std::size_t told = 0;
  for (int round = 0; round < 150; ++round) {
    const Rules& rules = kRules[random() % std::size(kRules)];
    const auto seconds = [&] { return static_cast<int>(random() % 3 == 0 ? 0 : random() % 30); };
    const int for_s = seconds(), keep_s = seconds(), hold_off_s = seconds(), no_data_s = seconds();
    std::string config = std::string("{") + rules.text + ",\"for_s\":" + std::to_string(for_s) +
                         ",\"keep_firing_for_s\":" + std::to_string(keep_s) +
                         ",\"hold_off_s\":" + std::to_string(hold_off_s);
    if (no_data_s > 0) config += ",\"no_data_after_s\":" + std::to_string(no_data_s);
    config += "}";
    SCOPED_TRACE(::testing::Message() << config << " round " << round);
    auto stage = make("alert", config);
    std::map<SeriesId, Model> models;
    for (const SeriesId id : ids) {
      models.emplace(id, Model(rules, for_s, keep_s, hold_off_s, no_data_s));
    }
    Said said;
    ReadingBatch waiting;
    std::int64_t now = 1000, watermark = 0;
    std::int64_t value = 0;
    for (int step = 0; step < 400; ++step) {
      now += static_cast<std::int64_t>(random() % 20 == 0 ? random() % 60 : random() % 4);
      if (random() % 3 == 0) value = static_cast<std::int64_t>(random() % 10);
      const bool is_boot = random() % 50 == 0;
      // Some come late: of another source, or of a device that was away.
      const std::int64_t t = (is_boot ? 10 + step : now) -
                             static_cast<std::int64_t>(random() % 8 == 0 ? random() % 9 : 0);
      const SeriesId id = ids[random() % std::size(ids)];
      const Quality quality = random() % 15 == 0 ? Quality::bad : Quality::good;
      waiting.append({id, is_boot ? TopicId{1} | kBootTopic : TopicId{1}, t * kSecond,
                      Value::of(static_cast<double>(value)), quality});
      if (quality == Quality::good) {
        models.at(id).read(t, static_cast<double>(value), is_boot, watermark);
      }
      const bool time_passes = random() % 4 == 0;
      if (!time_passes && random() % 3 != 0) continue;
      add(run(*stage, waiting), said);
      waiting = {};
      if (random() % 5 == 0) stage = restarted(config, *stage);
      if (!time_passes) continue;
      watermark = std::max(watermark, now + static_cast<std::int64_t>(random() % 40) - 35);
      StageOutput out;
      ASSERT_TRUE(stage->on_time(watermark * kSecond, out).ok());
      add(out, said);
      for (auto& [series, model] : models) model.pass(watermark);
    }
    if (!waiting.empty()) add(run(*stage, waiting), said);
    for (const auto& [series, model] : models) {
      EXPECT_EQ(said[series], model.said()) << series;
      expect_turns(said[series]);
      told += model.said().size();
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(told, 1000u) << "the rounds must say something";
}

/// For how many runs of readings over a limit the alert begins, and when: a run lasts until the
/// next reading that is not.
std::vector<std::int64_t> begins_by_runs(const std::vector<Recording::Point>& points, double limit,
                                         std::int64_t for_ns) {
  std::vector<std::int64_t> begins;
  for (std::size_t i = 0; i < points.size();) {
    if (points[i].value <= limit) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < points.size() && points[end].value > limit) ++end;
    const std::int64_t due_ns = points[i].time_ns + for_ns;
    if (end == points.size() || points[end].time_ns > due_ns || points[end - 1].time_ns >= due_ns) {
      begins.push_back(due_ns);
    }
    i = end;
  }
  return begins;
}

double mean_and_two_deviations(const std::vector<Recording::Point>& points) {
  long double sum = 0, squares = 0;
  for (const auto& p : points) sum += p.value;
  const long double mean = sum / static_cast<long double>(points.size());
  for (const auto& p : points) squares += (p.value - mean) * (p.value - mean);
  return static_cast<double>(mean +
                             2 * std::sqrt(squares / static_cast<long double>(points.size())));
}

// Of each column: more than two deviations over its mean for two of its median intervals.
TEST_F(AlertModel, BeginsWithEveryLongEnoughRunOfRealReadingsAndNoOther) {
  if (!has_recordings()) GTEST_SKIP() << "no recordings in " << recordings_path("");
  std::size_t readings = 0, alerts = 0, short_runs = 0;
  for (const Recording& recording : all_recordings()) {
    std::vector<std::int64_t> steps;
    for (std::size_t i = 1; i < recording.points.size(); ++i) {
      steps.push_back(recording.points[i].time_ns - recording.points[i - 1].time_ns);
    }
    std::nth_element(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2),
                     steps.end());
    const std::int64_t for_ns = 2 * steps[steps.size() / 2];
    const double limit = mean_and_two_deviations(recording.points);
    if (!std::isfinite(limit)) continue;
    std::ostringstream config;
    config.precision(17);
    config << R"({"when":"value > )" << limit << R"(","for_s":)"
           << static_cast<double>(for_ns) / 1e9 << "}";
    const auto stage = make("alert", config.str());
    std::vector<std::int64_t> begins;
    const auto add_begins = [&](const StageOutput& out) {
      for (const Event& e : out.events) {
        if (e.phase == EventPhase::begin) begins.push_back(e.event_time_ns);
      }
    };
    for (std::size_t i = 0; i < recording.points.size();) {
      ReadingBatch in;
      for (; in.size() < 500 && i < recording.points.size(); ++i) {
        in.append({series_, 1, recording.points[i].time_ns, Value::of(recording.points[i].value),
                   Quality::good});
      }
      add_begins(run(*stage, in));
    }
    StageOutput rest;
    ASSERT_TRUE(stage->on_time(std::numeric_limits<std::int64_t>::max(), rest).ok());
    add_begins(rest);
    EXPECT_EQ(begins, begins_by_runs(recording.points, limit, for_ns))
        << recording.folder << " " << recording.file << " " << recording.column;
    readings += recording.points.size();
    alerts += begins.size();
    short_runs += begins_by_runs(recording.points, limit, 0).size() - begins.size();
  }
  std::printf("%zu readings, %zu alerts, %zu runs too short for one\n", readings, alerts,
              short_runs);
  EXPECT_GT(alerts, 1000u);
  EXPECT_LT(alerts, readings / 100) << "an alert that comes all the time is none";
  EXPECT_GT(short_runs, alerts);
}

}  // namespace
}  // namespace sluice
