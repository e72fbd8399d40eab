#include <malloc.h>

#include <cfloat>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <random>
#include <sstream>

#include "rig.h"
#include "unit/plugins/recordings.h"

namespace sluice {
namespace {

constexpr std::int64_t kStampMax = 9'191'749'636'854'775'807;
constexpr const char* kAll = R"({"alpha":0.05,"warm_up":20,"threshold":4,"range_term":0,
  "emit_expected":true,"emit_bounds":true})";

class Anomaly : public Rig {
 protected:
  /// All that a stage said, apart from how it was cut into batches.
  struct Said {
    std::vector<Reading> derived;
    std::vector<Event> events;
    friend bool operator==(const Said&, const Said&) = default;
  };
  static void add(Said& said, const ReadingBatch& in, const StageOutput& out) {
    EXPECT_EQ(out.verdicts, std::vector<Verdict>(in.size(), Verdict::pass));
    for (std::size_t i = 0; i < out.derived.size(); ++i) said.derived.push_back(out.derived.at(i));
    said.events.insert(said.events.end(), out.events.begin(), out.events.end());
  }
  Said say(const std::string& config, const std::vector<Reading>& readings,
           std::size_t batch_max = 200) {
    std::mt19937 random(1);
    const auto stage = make("anomaly", config);
    Said said;
    for (std::size_t i = 0; i < readings.size();) {
      ReadingBatch in;
      for (std::size_t n = random() % batch_max + 1; n > 0 && i < readings.size(); --n) {
        in.append(readings[i++]);
      }
      add(said, in, run(*stage, in));
    }
    return said;
  }
  std::vector<Reading> noise(std::mt19937& random, int count, double mean, double deviation) {
    std::normal_distribution<double> normal(mean, deviation);
    std::vector<Reading> out;
    for (int i = 0; i < count; ++i) out.push_back(at(i, normal(random)));
    return out;
  }
  std::vector<double> of(const Said& said, const std::string& suffix) {
    std::vector<double> out;
    for (const Reading& r : said.derived) {
      if (table_.at(r.series).measurement == "temperature" + suffix) {
        out.push_back(r.value.as_double());
      }
    }
    return out;
  }
};

std::vector<EventPhase> phases(const std::vector<Event>& events) {
  std::vector<EventPhase> out;
  for (const Event& e : events) out.push_back(e.phase);
  return out;
}

TEST_F(Anomaly, TellsWhenASpikeBeginsAndWhenTheHoldOffIsOver) {
  std::mt19937 random(3);
  auto in = noise(random, 500, 20, 0.5);
  in[400].value = Value::of(60.0);
  const Said said = say(R"({"alpha":0.01,"warm_up":100,"threshold":9,"hold_off_s":30})", in);
  ASSERT_EQ(phases(said.events), (std::vector{EventPhase::begin, EventPhase::end}));
  const Event& begin = said.events[0];
  EXPECT_EQ(begin.event_time_ns, in[400].event_time_ns);
  EXPECT_EQ(begin.series, series_);
  EXPECT_EQ(begin.topic, 1u);
  EXPECT_EQ(begin.name, "anomaly");
  EXPECT_EQ(begin.severity, Severity::warn);
  EXPECT_TRUE(begin.message.starts_with("temperature is 60, expected ")) << begin.message;
  EXPECT_EQ(begin.attributes.at(0), (std::pair<std::string, std::string>{"value", "60"}));
  EXPECT_EQ(said.events[1].event_time_ns, in[430].event_time_ns);
  EXPECT_EQ(said.events[1].severity, Severity::info);
  EXPECT_EQ(of(said, "_score").size(), 400u);
  const Series score = table_.at(said.derived[0].series);
  EXPECT_EQ(score.unit, "1");
  EXPECT_EQ(score.labels, table_.at(series_).labels);
}

// Sums over the whole past with explicit weights, in long double: nothing incremental.
TEST_F(Anomaly, ScoresByTheWeightedMeanAndDeviationOfTheWholePast) {
  std::mt19937 random(5);
  std::vector<Reading> in = noise(random, 400, 1e6, 1);
  std::int64_t time_ns = 0;
  for (Reading& r : in) {
    r.event_time_ns = time_ns += static_cast<std::int64_t>(random() % 2'000'000'000);
  }
  for (const bool by_time : {false, true}) {
    const Said said = say(std::string(by_time ? R"({"half_life_s":30)" : R"({"alpha":0.03)") +
                              R"(,"warm_up":50,"threshold":4,"range_term":0,)"
                              R"("emit_expected":true,"emit_bounds":true})",
                          in);
    const auto score = of(said, "_score");
    const auto expected = of(said, "_expected");
    const auto lower = of(said, "_lower");
    const auto upper = of(said, "_upper");
    ASSERT_EQ(score.size(), 350u);
    for (std::size_t i = 50; i < in.size(); ++i) {
      long double weights = 0, mean = 0, variance = 0;
      const auto weight = [&](std::size_t k) -> long double {
        if (!by_time) return std::pow(0.97L, static_cast<long double>(i - 1 - k));
        const auto age = static_cast<long double>(in[i - 1].event_time_ns - in[k].event_time_ns);
        return std::exp2(-age / 30e9L);
      };
      for (std::size_t k = 0; k < i; ++k) weights += weight(k);
      for (std::size_t k = 0; k < i; ++k) mean += weight(k) / weights * in[k].value.as_double();
      for (std::size_t k = 0; k < i; ++k) {
        const long double d = in[k].value.as_double() - mean;
        variance += weight(k) / weights * d * d;
      }
      const auto m = static_cast<double>(mean);
      const auto s = static_cast<double>(std::sqrt(variance));
      EXPECT_NEAR(expected[i - 50], m, 1e-8);
      EXPECT_NEAR(score[i - 50], std::abs(in[i].value.as_double() - m) / s, 1e-6);
      EXPECT_NEAR(lower[i - 50], m - 4 * s, 1e-7);
      EXPECT_NEAR(upper[i - 50], m + 4 * s, 1e-7);
    }
  }
}

TEST_F(Anomaly, SaysNothingBeforeItIsWarm) {
  std::vector<Reading> in;
  for (int i = 0; i < 50; ++i) in.push_back(at(i, i % 2 == 0 ? 1e6 * i : -1e300));
  EXPECT_EQ(say(R"({"alpha":0.1,"warm_up":50,"threshold":0.1})", in), Said{});
}

TEST_F(Anomaly, ScoresAConstantSeriesZeroAndItsFirstMoveAHundred) {
  std::vector<Reading> in;
  for (int i = 0; i < 200; ++i) in.push_back(at(i, 0.1));
  Said said = say(kAll, in);
  EXPECT_EQ(of(said, "_score"), std::vector<double>(180, 0.0));
  EXPECT_TRUE(said.events.empty());
  in.push_back(at(200, std::nextafter(0.1, 1)));  // a rounding, not a move
  EXPECT_TRUE(say(kAll, in).events.empty());
  in.back().value = Value::of(0.2);
  said = say(kAll, in);
  EXPECT_EQ(of(said, "_score").back(), 100);
  EXPECT_EQ(said.events.size(), 1u);
  EXPECT_EQ(
      say(R"({"alpha":0.05,"warm_up":20,"threshold":4,"range_term":0,"deviation_min":0.1})", in)
          .events.size(),
      0u);
}

TEST_F(Anomaly, AddsTheRangeTermOnlyBeyondAllThatWasSeen) {
  std::vector<Reading> in;
  for (int i = 0; i < 100; ++i) in.push_back(at(i, i % 2 == 0 ? -1 : 1));
  for (const auto& [value, added] :
       {std::pair{1.0, 0.0}, {1.05, 1.5}, {1.1, 3.0}, {-1.05, 1.5}, {-1.1, 3.0}}) {
    in.push_back(at(100, value));
    const double with = of(say(R"({"alpha":0.01,"warm_up":20})", in), "_score").back();
    const double without =
        of(say(R"({"alpha":0.01,"warm_up":20,"range_term":0})", in), "_score").back();
    EXPECT_NEAR(with - without, added, 1e-12) << value;
    in.pop_back();
  }
}

TEST_F(Anomaly, NeitherScoresNorLearnsWhatIsNotGood) {
  std::mt19937 random(9);
  const auto in = noise(random, 300, 0, 1);
  std::vector<Reading> mixed;
  for (const Reading& r : in) {
    mixed.push_back(r);
    mixed.push_back(r);
    mixed.back().value = Value::of(1e9);
    mixed.back().quality = random() % 2 == 0 ? Quality::bad : Quality::uncertain;
  }
  EXPECT_EQ(say(kAll, mixed), say(kAll, in));
}

TEST_F(Anomaly, TellsOneEventWhileTheHoldOffIsNotOver) {
  std::vector<Reading> in;
  for (int i = 0; i < 400; ++i) {
    in.push_back(at(i, i >= 300 && i % 10 == 0 && i < 350 ? 1000 : i % 2));
  }
  const auto config = [](int hold_off_s) {
    return R"({"alpha":0.001,"warm_up":100,"threshold":4,"hold_off_s":)" +
           std::to_string(hold_off_s) + "}";
  };
  EXPECT_EQ(say(config(0), in).events.size(), 10u);
  EXPECT_EQ(say(config(11), in).events.size(), 2u);
  EXPECT_EQ(say(config(1000), in).events.size(), 1u) << "still going on";
}

TEST_F(Anomaly, StartsAnewAfterAGapInWhichThePastHasFaded) {
  std::vector<Reading> in;
  for (int i = 0; i < 200; ++i) in.push_back(at(i, i % 2));
  for (int i = 0; i < 50; ++i) in.push_back(at(10000 + i, 500 + i % 2));
  const Said said = say(R"({"half_life_s":30,"warm_up":50,"threshold":4})", in);
  EXPECT_TRUE(said.events.empty());
  EXPECT_EQ(said.derived.size(), 150u);
  EXPECT_EQ(say(R"({"alpha":0.02,"warm_up":50,"threshold":4})", in).events.size(), 1u);
}

TEST_F(Anomaly, StaysFiniteWithTheLargestAndSmallestNumbersAndStamps) {
  const double kValues[] = {DBL_MAX, -DBL_MAX, 0, 5e-324, -5e-324, DBL_MIN, 1, -0.0, 1e308};
  const std::int64_t kStamps[] = {0, 1, 1'000'000'000, kStampMax - 1, kStampMax};
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (const char* memory : {R"({"alpha":0.5)", R"({"alpha":0.001)", R"({"alpha":5e-324)",
                             R"({"half_life_s":1e-9)", R"({"half_life_s":31536000)"}) {
    for (int round = 0; round < 40; ++round) {
      std::vector<Reading> in;
      for (int i = 0; i < 200; ++i) {
        in.push_back(at(0, kValues[random() % (round % 2 == 0 ? 9 : 2)]));
        in.back().event_time_ns = kStamps[random() % std::size(kStamps)];
      }
      const Said said =
          say(std::string(memory) + R"(,"warm_up":2,"threshold":100,"range_term":100,)"
                                    R"("emit_expected":true,"emit_bounds":true})",
              in);
      for (const double score : of(said, "_score")) {
        EXPECT_GE(score, 0);
        EXPECT_LE(score, 100);
      }
      for (const Reading& r : said.derived) EXPECT_TRUE(std::isfinite(r.value.as_double()));
    }
  }
}

// Squares of such deviations are beyond a double, and those of the small ones vanish.
TEST_F(Anomaly, ScoresLargeAndDenormalSeriesLikeOrdinaryOnes) {
  std::mt19937 random(11);
  const auto in = noise(random, 300, 0, 1);
  const auto score = of(say(kAll, in), "_score");
  for (const int exponent : {1000, -1020}) {
    auto scaled = in;
    for (Reading& r : scaled) r.value = Value::of(std::ldexp(r.value.as_double(), exponent));
    const auto other = of(say(kAll, scaled), "_score");
    ASSERT_EQ(other.size(), score.size());
    for (std::size_t i = 0; i < score.size(); ++i) EXPECT_NEAR(other[i], score[i], 1e-9);
  }
}

TEST_F(Anomaly, SaysTheSameInWhateverBatchesAndAfterAnyRestart) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::string config =
      R"({"half_life_s":40,"warm_up":20,"threshold":2.5,"hold_off_s":4,"emit_bounds":true})";
  auto in = noise(random, 600, 20, 1);
  for (Reading& r : in) {
    r.event_time_ns += static_cast<std::int64_t>(random() % 5'000'000'000);  // steps back too
  }
  const Said whole = say(config, in, in.size());
  EXPECT_GT(whole.events.size(), 2u);
  EXPECT_EQ(say(config, in, 1), whole);
  for (const std::size_t k : {1u, 2u, 7u}) {
    auto stage = make("anomaly", config);
    Said said;
    for (std::size_t i = 0; i < in.size(); ++i) {
      const ReadingBatch one = batch({in[i]});
      add(said, one, run(*stage, one));
      if (i % k != 0) continue;
      const auto snapshot = stage->snapshot();
      ASSERT_TRUE(snapshot.ok());
      stage = make("anomaly", config);
      ASSERT_TRUE(stage->restore(*snapshot).ok());
    }
    EXPECT_EQ(said, whole) << k;
  }
}

// More anomalies at once, and more scores, than one call may tell: the call must not be lost.
TEST_F(Anomaly, TellsTheRestWithTheNextReadingsWhenACallIsFull) {
  SeriesTable table(10000);
  const auto stage = *make_stage(
      {PLUGIN_DIR, "anomaly", "", R"({"alpha":0.01,"warm_up":2})", "room", "stages[0]", table});
  const auto all_at = [&](double t, double value) {
    ReadingBatch in;
    for (int i = 0; i < 3000; ++i) {
      Reading r = at(t, value);
      r.series = table.intern({"m", "", {{"i", std::to_string(i)}}});
      in.append(r);
    }
    return in;
  };
  for (const double t : {0.0, 1.0, 2.0}) run(*stage, all_at(t, 5));
  EXPECT_EQ(run(*stage, all_at(3, 1e9)).events.size(), 1024u);
  EXPECT_EQ(run(*stage, all_at(4, 1e12)).events.size(), 1024u);
  EXPECT_EQ(run(*stage, all_at(5, 1e15)).events.size(), 952u);
  const Reading again = all_at(6, 5).at(0);
  const ReadingBatch large = batch(std::vector<Reading>(70000, again));
  EXPECT_EQ(run(*stage, large).derived.size(), 65536u);
}

TEST_F(Anomaly, GoesOnWithoutScoresWhenTheNodeKeepsNoMoreSeries) {
  SeriesTable table(1);
  const auto stage =
      *make_stage({PLUGIN_DIR, "anomaly", "", R"({"alpha":0.01,"warm_up":2,"threshold":4})", "room",
                   "stages[0]", table});
  Reading r = at(0, 1);
  r.series = table.intern({"m", "", {}});
  for (int i = 0; i < 5; ++i) run(*stage, batch({r}));
  r.value = Value::of(2.0);
  const StageOutput out = run(*stage, batch({r}));
  EXPECT_EQ(out.derived.size(), 0u);
  EXPECT_EQ(out.events.size(), 1u);
}

// Only the plugin's own: derived series count as the node's. A sanitizer's allocator tells nothing.
TEST_F(Anomaly, TakesNoMoreMemoryPerSeriesThanItSays) {
  constexpr std::size_t kSeries = 20000;
  SeriesTable table(kSeries + 1);
  std::vector<SeriesId> ids;
  for (std::size_t i = 0; i < kSeries; ++i) {
    ids.push_back(table.intern({"m", "", {{"i", std::to_string(i)}}}));
  }
  const auto stage = *make_stage(
      {PLUGIN_DIR, "anomaly", "", R"({"alpha":0.01,"warm_up":2})", "room", "stages[0]", table});
  const std::size_t before = mallinfo2().uordblks;
  if (before == 0) GTEST_SKIP() << "the allocator does not tell what is in use";
  for (const SeriesId id : ids) {
    Reading r = at(0, 1);
    r.series = id;
    run(*stage, batch({r}));
  }
  const double per_series = static_cast<double>(mallinfo2().uordblks - before) / kSeries;
  std::printf("%.0f bytes per series\n", per_series);
  EXPECT_LE(per_series, 192);
}

TEST_F(Anomaly, RefusesADamagedSnapshot) {
  const auto stage = make("anomaly", kAll);
  run(*stage, batch({at(0, 0), at(1, 1), at(2, 7)}));
  const std::string bytes = *stage->snapshot();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(make("anomaly", kAll)->restore(bytes.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(make("anomaly", kAll)->restore(bytes + '\0').ok());
  // The plugin's own part stands last: one series, a count and the seal.
  for (std::size_t bit = (bytes.size() - 96) * 8; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(make("anomaly", kAll)->restore(flipped).ok()) << bit;
  }
  EXPECT_TRUE(make("anomaly", kAll)->restore(bytes).ok());
}

TEST_F(Anomaly, IsOrderedAndNeedsOneKindOfMemory) {
  EXPECT_TRUE(make("anomaly", R"({"alpha":0.1})")->ordered());
  for (const char* config : {"{}", R"({"alpha":0.1,"half_life_s":5})"}) {
    EXPECT_EQ(error_of("anomaly", config),
              "stages[0] (anomaly): config: set exactly one of alpha and half_life_s");
  }
  EXPECT_NE(error_of("anomaly", R"({"alpha":0})"), "accepted");
  EXPECT_NE(error_of("anomaly", R"({"alpha":0.1,"warm_up":2.5})"), "accepted");
}

struct Window {
  std::int64_t from_ns;
  std::int64_t to_ns;
};

/// The labelled windows by file: of the labels' strings a file's name stands before its stamps.
std::map<std::string, std::vector<Window>> read_windows() {
  std::ifstream in(recordings_path("nab/labels/combined_windows.json"));
  std::map<std::string, std::vector<Window>> out;
  std::string file;
  bool open = false;
  for (std::string skipped, text; std::getline(in, skipped, '"') && std::getline(in, text, '"');) {
    std::int64_t time_ns = 0;
    if (text.ends_with(".csv")) {
      file = text;
    } else if (parse_stamp(text, time_ns)) {
      if (!open) out[file].push_back({time_ns, time_ns});
      out[file].back().to_ns = time_ns;
      open = !open;
    }
  }
  return out;
}

struct Verdicts {
  std::size_t windows = 0;
  std::size_t hit = 0;
  std::size_t false_alerts = 0;
  std::size_t readings_outside = 0;
};

bool contains(const std::vector<Window>& windows, std::int64_t time_ns) {
  return std::any_of(windows.begin(), windows.end(),
                     [&](const Window& w) { return w.from_ns <= time_ns && time_ns <= w.to_ns; });
}

void compare(const Recording& recording, const std::vector<Event>& events,
             const std::vector<Window>& windows, Verdicts& verdicts) {
  std::vector<std::int64_t> begins;
  for (const Event& e : events) {
    if (e.phase == EventPhase::begin) begins.push_back(e.event_time_ns);
  }
  verdicts.windows += windows.size();
  for (const Window& w : windows) {
    verdicts.hit +=
        std::any_of(begins.begin(), begins.end(), [&](std::int64_t t) { return contains({w}, t); });
  }
  for (const std::int64_t t : begins) verdicts.false_alerts += !contains(windows, t);
  for (const auto& point : recording.points) {
    verdicts.readings_outside += !contains(windows, point.time_ns);
  }
}

/// The windows moved on by half the recording, round its end: where nothing was labelled.
std::vector<Window> moved(const Recording& recording, std::vector<Window> windows) {
  const std::int64_t first = recording.points.front().time_ns;
  const std::int64_t length = recording.points.back().time_ns - first;
  for (Window& w : windows) {
    const std::int64_t size = w.to_ns - w.from_ns;
    w.from_ns = first + (w.from_ns - first + length / 2) % length;
    w.to_ns = w.from_ns + size;
  }
  return windows;
}

// One config for all files: the plugin's defaults and a memory of 200 readings. A hit begins within
// a labelled window; any other begin is a false alert. What chance alone hits is measured too.
TEST_F(Anomaly, FindsMostLabelledAnomaliesAtAMeasuredRateOfFalseAlerts) {
  if (!has_recordings()) GTEST_SKIP() << "no recordings in " << recordings_path("");
  const auto windows = read_windows();
  Verdicts found;
  Verdicts by_chance;
  std::map<std::string, Verdicts> kinds;
  for (const Recording& recording : recordings_of("nab/data")) {
    std::vector<Reading> in;
    for (const auto& point : recording.points) {
      in.push_back({series_, 1, point.time_ns, Value::of(point.value), Quality::good});
    }
    const Said said = say(R"({"alpha":0.005,"hold_off_s":21600})", in);
    const auto it = windows.find(recording.file);
    const std::vector<Window> labelled = it == windows.end() ? std::vector<Window>{} : it->second;
    compare(recording, said.events, labelled, found);
    compare(recording, said.events, labelled,
            kinds[recording.file.substr(0, recording.file.find('/'))]);
    compare(recording, said.events, moved(recording, labelled), by_chance);
  }
  ASSERT_EQ(found.windows, 57u);
  const auto print = [](const char* name, const Verdicts& v) {
    std::printf(
        "%-22s %2zu of %2zu windows, %3zu false alerts, %.2f per 1000 readings\n", name, v.hit,
        v.windows, v.false_alerts,
        1000.0 * static_cast<double>(v.false_alerts) / static_cast<double>(v.readings_outside));
  };
  for (const auto& [kind, verdicts] : kinds) print(kind.c_str(), verdicts);
  print("all", found);
  print("all, windows moved", by_chance);
  EXPECT_GE(found.hit, 38u);
  EXPECT_LE(by_chance.hit, found.hit * 2 / 3);
  EXPECT_LE(found.false_alerts * 1000, found.readings_outside * 2);
}

}  // namespace
}  // namespace sluice
