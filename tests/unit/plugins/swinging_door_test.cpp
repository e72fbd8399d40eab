#include <malloc.h>

#include <cfloat>
#include <cmath>
#include <filesystem>
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

class SwingingDoor : public Rig {
 protected:
  static std::string config(double comp_dev, double comp_max_s = 600) {
    std::ostringstream out;
    out.precision(17);
    out << R"({"comp_dev":)" << comp_dev << R"(,"comp_max_s":)" << comp_max_s << "}";
    return out.str();
  }
  static StageOutput tick(Stage& stage, std::int64_t watermark_ns) {
    StageOutput out;
    const Status status = stage.on_time(watermark_ns, out);
    EXPECT_TRUE(status.ok()) << status.to_string();
    return out;
  }
  /// What passes when the readings come in batches of 1..`batch_max` and the series then falls
  /// silent.
  std::vector<Reading> pass_all(Stage& stage, const std::vector<Reading>& readings,
                                std::size_t batch_max, std::mt19937& random) {
    std::vector<Reading> all;
    for (std::size_t i = 0; i < readings.size();) {
      ReadingBatch in;
      for (std::size_t n = random() % batch_max + 1; n > 0 && i < readings.size(); --n) {
        in.append(readings[i++]);
      }
      for (const Reading& r : passed(in, run(stage, in))) all.push_back(r);
    }
    const StageOutput rest = tick(stage, std::numeric_limits<std::int64_t>::max());
    for (std::size_t i = 0; i < rest.settled.size(); ++i) all.push_back(rest.settled.at(i));
    return all;
  }
  std::vector<Reading> pass_all(const std::string& config, const std::vector<Reading>& readings,
                                std::size_t batch_max = 64) {
    std::mt19937 random(1);
    return pass_all(*make("swinging_door", config), readings, batch_max, random);
  }
  std::vector<Reading> random_walk(std::mt19937& random, std::size_t count) const {
    std::normal_distribution<double> step(0, 0.5);
    std::vector<Reading> out;
    double value = 20;
    std::int64_t time_ns = 1'700'000'000'000'000'000;
    for (std::size_t i = 0; i < count; ++i) {
      time_ns += static_cast<std::int64_t>(random() % 40 == 0 ? 30 : random() % 3) * 1'000'000'000 +
                 static_cast<std::int64_t>(random() % 1000);
      if (random() % 100 == 0) time_ns -= 5'000'000'000;
      Reading r =
          at(0, value += step(random), random() % 50 == 0 ? Quality::uncertain : Quality::good);
      r.event_time_ns = time_ns;
      out.push_back(r);
    }
    return out;
  }
};

/// By how much, in deviations, the line between the passed neighbours misses a dropped reading at
/// worst; in long double, and sharing nothing with the plugin.
long double worst_error(const std::vector<Reading>& in, const std::vector<Reading>& passed,
                        double deviation) {
  long double worst = 0;
  std::size_t next = 0;
  for (const Reading& r : in) {
    if (next < passed.size() && r == passed[next]) {
      ++next;
      continue;
    }
    if (next == 0 || next == passed.size()) {
      ADD_FAILURE() << "a dropped reading without a passed one on both sides";
      return worst;
    }
    const Reading& a = passed[next - 1];
    const Reading& b = passed[next];
    EXPECT_EQ(a.quality, r.quality);
    EXPECT_LT(a.event_time_ns, r.event_time_ns);
    EXPECT_LT(r.event_time_ns, b.event_time_ns);
    const long double share = static_cast<long double>(r.event_time_ns - a.event_time_ns) /
                              static_cast<long double>(b.event_time_ns - a.event_time_ns);
    const long double from = a.value.as_double();
    const long double line = from + share * (b.value.as_double() - from);
    worst = std::max(worst, std::abs(line - r.value.as_double()) / deviation);
  }
  EXPECT_EQ(next, passed.size()) << "passed readings are inputs, in order, each once";
  return worst;
}

std::vector<Reading> read_example(const std::string& name, const Reading& like) {
  std::vector<Reading> out;
  std::ifstream in(recordings_path("worked-examples/swinging-door/" + name));
  for (std::string line; std::getline(in, line);) {
    double x = 0, y = 0;
    if (!(std::istringstream(line) >> x >> y)) continue;
    Reading r = like;
    r.event_time_ns = static_cast<std::int64_t>(x * 1e9);
    r.value = Value::of(y);
    out.push_back(r);
  }
  return out;
}

// Input and expected output of a historian library, in one batch and reading by reading.
TEST_F(SwingingDoor, GivesTheWorkedExamplesExactly) {
  if (!has_recordings()) GTEST_SKIP() << "no recordings in " << recordings_path("");
  const std::tuple<const char*, double, double> kExamples[] = {
      {"trend", 1, 600},    {"maxDelta", 1, 6}, {"trend1", 0.1, 600},
      {"trend2", 0.1, 600}, {"trend3", 2, 600}, {"trend3_mini", 2, 600}};
  for (const auto& [name, deviation, comp_max_s] : kExamples) {
    const auto raw = read_example(std::string(name) + "_raw.csv", at(0, 0));
    const auto expected = read_example(std::string(name) + "_compressed.csv", at(0, 0));
    ASSERT_GE(raw.size(), 5u) << name;
    EXPECT_EQ(pass_all(config(deviation, comp_max_s), raw, 100), expected) << name;
    EXPECT_EQ(pass_all(config(deviation, comp_max_s), raw, 1), expected) << name;
  }
}

TEST_F(SwingingDoor, HoldsTheNewestAndDropsItWhenTheLineToTheNextServes) {
  const auto stage = make("swinging_door", R"({"comp_dev":1})");
  EXPECT_EQ(words(*stage, {at(0, 0), at(1, 1), at(2, 2.5)}), (Words{"pass", "hold", "hold"}));
  const StageOutput out = run(*stage, batch({at(3, 9)}));
  EXPECT_EQ(out.verdicts, std::vector<Verdict>{Verdict::hold});
  EXPECT_EQ(out.settled_passed, 1u);
  EXPECT_EQ(out.settled.at(0), at(2, 2.5));
  EXPECT_EQ(stage->rules(), (std::vector<std::string>{"within_door", "comp_min"}));
}

struct Total {
  std::size_t series = 0, in = 0, out = 0;
  long double worst = 0;
};

// The promise, on everything recorded that we have: 1 % and 5 % of the series' span as deviation.
TEST_F(SwingingDoor, NeverMissesADroppedReadingByMoreThanTheDeviationOnAnyRecording) {
  if (!has_recordings()) GTEST_SKIP() << "no recordings in " << recordings_path("");
  std::map<std::pair<std::string, int>, Total> totals;
  std::mt19937 random(7);
  for (const Recording& recording : all_recordings()) {
    SCOPED_TRACE(recording.folder + "/" + recording.file + " " + std::to_string(recording.column));
    const auto [low, high] =
        std::minmax_element(recording.points.begin(), recording.points.end(),
                            [](const auto& a, const auto& b) { return a.value < b.value; });
    std::vector<Reading> in;
    for (const auto& point : recording.points) {
      in.push_back({series_, 1, point.time_ns, Value::of(point.value), Quality::good});
    }
    for (const int percent : {1, 5}) {
      const double span = high->value - low->value;
      const double deviation = span > 0 ? span * percent / 100 : 1;
      const auto stage = make("swinging_door", config(deviation, 86400));
      const auto out = pass_all(*stage, in, 500, random);
      const long double worst = worst_error(in, out, deviation);
      EXPECT_LE(worst, 1.0L);
      if (HasFailure()) return;
      Total& total = totals[{recording.folder, percent}];
      ++total.series;
      total.in += in.size();
      total.out += out.size();
      total.worst = std::max(total.worst, worst);
    }
  }
  EXPECT_GE(totals.size(), 20u);
  for (const auto& [key, total] : totals) {
    std::printf("%-22s %d %% %4zu series %7zu readings -> %7zu %6.1f : 1, worst %.4Lf\n",
                key.first.c_str(), key.second, total.series, total.in, total.out,
                static_cast<double>(total.in) / static_cast<double>(total.out), total.worst);
  }
}

TEST_F(SwingingDoor, KeepsTheDeviationOnRandomSeriesWithStepsBackAndChangesOfQuality) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 30; ++round) {
    const double deviation = std::ldexp(1 + random() % 100, -static_cast<int>(random() % 8));
    const auto in = random_walk(random, 2000);
    const auto out = pass_all(config(deviation, 20), in);
    EXPECT_LE(worst_error(in, out, deviation), 1.0L) << deviation;
    if (HasFailure()) return;
  }
}

TEST_F(SwingingDoor, GivesTheSameInWhateverBatchesAndWheneverTheWatermarkComes) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 20; ++round) {
    auto in = random_walk(random, 1000);
    std::stable_sort(in.begin(), in.end(), [](const Reading& a, const Reading& b) {
      return a.event_time_ns < b.event_time_ns;
    });
    const auto whole = pass_all(config(2, 15), in, in.size());
    EXPECT_EQ(pass_all(config(2, 15), in, 1), whole);
    // The watermark may stand anywhere up to the next reading, which it allows to come.
    const auto stage = make("swinging_door", config(2, 15));
    std::vector<Reading> ticked;
    for (const Reading& r : in) {
      if (random() % 2 == 0) {
        const StageOutput out =
            tick(*stage, r.event_time_ns - static_cast<std::int64_t>(random() % 3) * 1'000'000'000);
        for (std::size_t i = 0; i < out.settled.size(); ++i) ticked.push_back(out.settled.at(i));
      }
      const ReadingBatch one = batch({r});
      for (const Reading& p : passed(one, run(*stage, one))) ticked.push_back(p);
    }
    const StageOutput out = tick(*stage, std::numeric_limits<std::int64_t>::max());
    for (std::size_t i = 0; i < out.settled.size(); ++i) ticked.push_back(out.settled.at(i));
    EXPECT_EQ(ticked, whole);
  }
}

TEST_F(SwingingDoor, LetsTheHeldReadingGoWhenTheWatermarkPassesCompMax) {
  const auto stage = make("swinging_door", config(1, 10));
  EXPECT_EQ(words(*stage, {at(100, 5), at(104, 5)}), (Words{"pass", "hold"}));
  EXPECT_EQ(tick(*stage, at(110, 0).event_time_ns).settled_passed, 0u) << "110 may still come";
  const StageOutput out = tick(*stage, at(110, 0).event_time_ns + 1);
  EXPECT_EQ(out.settled_passed, 1u);
  EXPECT_EQ(out.settled.at(0), at(104, 5));
  EXPECT_EQ(tick(*stage, at(999, 0).event_time_ns).settled_passed, 0u) << "once";
  EXPECT_EQ(words(*stage, {at(111, 5), at(114, 5)}), (Words{"hold", "pass"}));
}

TEST_F(SwingingDoor, PassesAReadingCompMaxAfterTheLastOneAndLetsTheHeldOneGoAfterAGap) {
  const auto stage = make("swinging_door", config(1, 10));
  EXPECT_EQ(words(*stage, {at(0, 5), at(9, 5), at(10, 5), at(15, 5)}),
            (Words{"pass", "hold", "pass", "hold"}));
  const StageOutput out = run(*stage, batch({at(100, 5)}));
  EXPECT_EQ(out.settled.at(0), at(15, 5));
  EXPECT_EQ(out.verdicts, std::vector<Verdict>{Verdict::pass});
}

TEST_F(SwingingDoor, DropsWhatComesSoonerThanCompMin) {
  const auto stage = make("swinging_door", R"({"comp_dev":1,"comp_min_s":2})");
  EXPECT_EQ(words(*stage, {at(0, 0), at(1, 50), at(1.999999999, 50), at(2, 50)}),
            (Words{"pass", "comp_min", "comp_min", "hold"}));
  const StageOutput out = run(*stage, batch({at(3, 0)}));  // 2 passes and is the last one passed
  EXPECT_EQ(out.settled.at(0), at(2, 50));
  EXPECT_EQ(out.verdicts, std::vector<Verdict>{Verdict::drop});
}

TEST_F(SwingingDoor, StartsAnewAtAnEqualOrOlderStampAndAtAChangeOfQuality) {
  for (const Reading& next : {at(2, 2), at(1.5, 2), at(0, 0), at(3, 3, Quality::bad)}) {
    const auto stage = make("swinging_door", R"({"comp_dev":1})");
    EXPECT_EQ(words(*stage, {at(0, 0), at(1, 1), at(2, 2)}), (Words{"pass", "hold", "hold"}));
    const StageOutput out = run(*stage, batch({next}));
    EXPECT_EQ(out.settled_passed, 1u);
    EXPECT_EQ(out.verdicts, std::vector<Verdict>{Verdict::pass});
  }
  const auto stage = make("swinging_door", R"({"comp_dev":1})");
  EXPECT_EQ(words(*stage, {at(5, 0), at(5, 0), at(5, 1), at(4, 1)}),
            (Words{"pass", "pass", "pass", "pass"}));
}

TEST_F(SwingingDoor, TakesPercentOfTheLastPassedValueWithCompDevAsTheFloor) {
  const auto percent = R"({"comp_dev_percent":10})";
  EXPECT_EQ(pass_all(percent, {at(0, 100), at(1, 109), at(2, 100), at(3, 99), at(4, 100)}),
            (std::vector<Reading>{at(0, 100), at(4, 100)}));
  EXPECT_EQ(pass_all(percent, {at(0, 10), at(1, 19), at(2, 10)}).size(), 3u);
  EXPECT_EQ(pass_all(R"({"comp_dev_percent":10,"comp_dev":10})", {at(0, 10), at(1, 19), at(2, 10)}),
            (std::vector<Reading>{at(0, 10), at(2, 10)}));
  // No deviation at all: a level is a line, and nothing else is.
  EXPECT_EQ(pass_all(percent, {at(0, 0), at(1, 0), at(2, 0), at(3, 1e-300), at(4, 0)}),
            (std::vector<Reading>{at(0, 0), at(2, 0), at(3, 1e-300), at(4, 0)}));
}

TEST_F(SwingingDoor, KeepsItsPromiseWithTheLargestAndSmallestNumbersAndStamps) {
  const double kValues[] = {DBL_MAX, -DBL_MAX, 0, 5e-324, -5e-324, DBL_MIN, 1, -0.0, 1e308};
  const std::int64_t kStamps[] = {0, 1, 2, 1'000'000'000, kStampMax - 1, kStampMax};
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (const char* deviation : {"0", "5e-324", "1e-310", "1", "1.7976931348623157e308"}) {
    for (int round = 0; round < 50; ++round) {
      std::vector<Reading> in;
      for (int i = 0; i < 100; ++i) {
        Reading r = at(0, kValues[random() % std::size(kValues)]);
        r.event_time_ns = kStamps[random() % std::size(kStamps)];
        in.push_back(r);
      }
      if (round % 2 == 0) {
        std::stable_sort(in.begin(), in.end(), [](const Reading& a, const Reading& b) {
          return a.event_time_ns < b.event_time_ns;
        });
      }
      const auto out = pass_all(std::string(R"({"comp_max_s":31536000,"comp_dev":)") + deviation +
                                    (round % 3 == 0 ? R"(,"comp_dev_percent":100})" : "}"),
                                in, 9);
      if (round % 3 == 0) continue;
      const double d = std::strtod(deviation, nullptr);
      EXPECT_LE(worst_error(in, out, d > 0 ? d : 5e-324), d > 0 ? 1.0L : 0.0L);
      if (HasFailure()) return;
    }
  }
}

TEST_F(SwingingDoor, CompressesDenormalsLikeOtherNumbers) {
  std::vector<Reading> in;
  for (int i = 0; i < 100; ++i) in.push_back(at(i, 5e-324 * (1000 + i * 3 + i % 2)));
  EXPECT_EQ(pass_all(R"({"comp_dev":2e-323})", in), (std::vector<Reading>{in.front(), in.back()}));
}

TEST_F(SwingingDoor, GivesBackAHeldIntegerWithAllItsDigits) {
  Reading first = at(0, 0);
  first.value = Value::of(std::uint64_t{10'000'000'000'000'000'001u});
  Reading second = at(1, 0);
  second.value = Value::of(std::uint64_t{10'000'000'000'000'000'003u});
  EXPECT_EQ(pass_all(R"({"comp_dev":1})", {first, second}), (std::vector<Reading>{first, second}));
}

TEST_F(SwingingDoor, IsTheSameAfterARestartBetweenAnyTwoBatchesAlsoForWhatItHolds) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto in = random_walk(random, 600);
  const auto whole = pass_all(config(2, 15), in, 1);
  for (const std::size_t k : {1u, 2u, 7u}) {
    auto stage = make("swinging_door", config(2, 15));
    std::vector<Reading> out;
    for (std::size_t i = 0; i < in.size(); ++i) {
      const ReadingBatch one = batch({in[i]});
      for (const Reading& p : passed(one, run(*stage, one))) out.push_back(p);
      if (i % k != 0) continue;
      const auto snapshot = stage->snapshot();
      ASSERT_TRUE(snapshot.ok());
      stage = make("swinging_door", config(2, 15));
      ASSERT_TRUE(stage->restore(*snapshot).ok());
    }
    const StageOutput rest = tick(*stage, std::numeric_limits<std::int64_t>::max());
    for (std::size_t i = 0; i < rest.settled.size(); ++i) out.push_back(rest.settled.at(i));
    EXPECT_EQ(out, whole) << k;
  }
}

TEST_F(SwingingDoor, LetsManySilentSeriesGoInOrderOfTheirDeadlines) {
  SeriesTable table(30000);
  const auto stage =
      *make_stage({PLUGIN_DIR, "swinging_door", "", config(1, 10), "room", "stages[0]", table});
  ReadingBatch in;
  for (int i = 0; i < 20000; ++i) {
    Reading r = at(20000 - i, 1);
    r.series = table.intern({"m", "", {{"i", std::to_string(i)}}});
    in.append(r);
    r.event_time_ns += 1'000'000'000;
    in.append(r);
  }
  run(*stage, in);
  std::size_t count = 0;
  std::int64_t last_ns = 0;
  for (int t = 0; t <= 20020; t += 10) {
    const StageOutput out = tick(*stage, at(t, 0).event_time_ns);
    for (std::size_t i = 0; i < out.settled.size(); ++i) {
      EXPECT_GE(out.settled.at(i).event_time_ns, last_ns);
      last_ns = out.settled.at(i).event_time_ns;
    }
    count += out.settled.size();
  }
  EXPECT_EQ(count, 20000u);
}

// The plugin's memory and the host's for the held reading; a sanitizer's allocator tells nothing.
TEST_F(SwingingDoor, TakesNoMoreMemoryPerSeriesThanItSays) {
  constexpr std::size_t kSeries = 20000;
  SeriesTable table(kSeries + 1);
  std::vector<SeriesId> ids;
  for (std::size_t i = 0; i < kSeries; ++i) {
    ids.push_back(table.intern({"m", "", {{"i", std::to_string(i)}}}));
  }
  const auto stage =
      *make_stage({PLUGIN_DIR, "swinging_door", "", config(1), "room", "stages[0]", table});
  const std::size_t before = mallinfo2().uordblks;
  if (before == 0) GTEST_SKIP() << "the allocator does not tell what is in use";
  for (const SeriesId id : ids) {
    for (const double t : {0.0, 1.0}) {
      Reading r = at(t, 1);
      r.series = id;
      run(*stage, batch({r}));
    }
  }
  const double per_series = static_cast<double>(mallinfo2().uordblks - before) / kSeries;
  std::printf("%.0f bytes per series\n", per_series);
  EXPECT_LE(per_series, 256);
}

TEST_F(SwingingDoor, RefusesADamagedSnapshot) {
  const auto stage = make("swinging_door", config(1));
  run(*stage, batch({at(0, 0), at(1, 1), at(2, 7)}));
  const std::string bytes = *stage->snapshot();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(make("swinging_door", config(1))->restore(bytes.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(make("swinging_door", config(1))->restore(bytes + '\0').ok());
  // The plugin's own part stands last: one series, a count and the seal.
  for (std::size_t bit = (bytes.size() - 96) * 8; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(make("swinging_door", config(1))->restore(flipped).ok()) << bit;
  }
  EXPECT_TRUE(make("swinging_door", config(1))->restore(bytes).ok());
}

TEST_F(SwingingDoor, IsOrderedAndNeedsADeviation) {
  EXPECT_TRUE(make("swinging_door", R"({"comp_dev":0})")->ordered());
  EXPECT_EQ(error_of("swinging_door", "{}"),
            "stages[0] (swinging_door): config: no deviation: set comp_dev, comp_dev_percent or "
            "both");
  EXPECT_EQ(error_of("swinging_door", R"({"comp_dev":1,"comp_min_s":600})"),
            "stages[0] (swinging_door): config: comp_min_s: must be less than comp_max_s");
  EXPECT_NE(error_of("swinging_door", R"({"comp_dev":-1})"), "accepted");
  EXPECT_NE(error_of("swinging_door", R"({"comp_dev":1,"comp_max_s":0})"), "accepted");
}

}  // namespace
}  // namespace sluice
