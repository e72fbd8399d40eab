#include <cmath>
#include <limits>
#include <random>

#include "rig.h"

namespace sluice {
namespace {

class Deadband : public Rig {};

TEST_F(Deadband, DropsWhatIsWithinTheBandAroundTheLastPassedValueAndItsEdges) {
  const auto stage = make("deadband", R"({"absolute":1})");
  EXPECT_EQ(words(*stage, {at(0, 10), at(1, 11), at(2, 9), at(3, 11.01), at(4, 10.5), at(5, 9)}),
            (Words{"pass", "within_band", "within_band", "pass", "within_band", "pass"}));
}

TEST_F(Deadband, TakesADecimalDifferenceEqualToTheBandAsInside) {
  const auto stage = make("deadband", R"({"absolute":0.1})");
  for (int i = 0; i < 900; ++i) {
    Reading first = at(i, i / 10.0);
    first.series = table_.intern({"m", "", {{"i", std::to_string(i)}}});
    Reading second = first;
    second.value = Value::of((i + 1) / 10.0);
    Reading third = first;
    third.value = Value::of((i + 1.000001) / 10.0);
    EXPECT_EQ(words(*stage, {first, second, third}), (Words{"pass", "within_band", "pass"})) << i;
  }
}

TEST_F(Deadband, WithABandOfZeroDropsOnlyEqualValues) {
  const auto stage = make("deadband", R"({"absolute":0})");
  const double next = std::nextafter(1.0, 2.0);
  EXPECT_EQ(words(*stage, {at(0, 1), at(1, 1), at(2, next), at(3, next), at(4, -0.0), at(5, 0.0)}),
            (Words{"pass", "within_band", "pass", "within_band", "pass", "within_band"}));
}

TEST_F(Deadband, TakesPercentOfTheLastPassedValueWithAbsoluteAsTheFloor) {
  const auto percent = make("deadband", R"({"percent":10})");
  EXPECT_EQ(words(*percent, {at(0, -200), at(1, -180), at(2, -221), at(3, -200), at(4, 0), at(5, 0),
                             at(6, 0.001)}),
            (Words{"pass", "within_band", "pass", "within_band", "pass", "within_band", "pass"}));
  const auto both = make("deadband", R"({"percent":10,"absolute":5})");
  EXPECT_EQ(words(*both, {at(0, 0), at(1, 5), at(2, 100), at(3, 109), at(4, 111)}),
            (Words{"pass", "within_band", "pass", "within_band", "pass"}));
}

TEST_F(Deadband, PassesAReadingWhenTheLastOneIsOldEnough) {
  const auto stage = make("deadband", R"({"absolute":1,"max_interval_s":1.5})");
  EXPECT_EQ(words(*stage, {at(0, 10), at(1.499999999, 10), at(1.5, 10), at(2.9, 10), at(3.0, 10)}),
            (Words{"pass", "within_band", "pass", "within_band", "pass"}));
  Reading early = at(0, 10);
  early.event_time_ns = std::numeric_limits<std::int64_t>::min();
  Reading late = early;
  late.event_time_ns = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(words(*stage, {early, late, late}), (Words{"pass", "pass", "within_band"}));
}

TEST_F(Deadband, PassesAChangeOfQualityAndAStepBackInTime) {
  const auto stage = make("deadband", R"({"absolute":1})");
  EXPECT_EQ(words(*stage, {at(10, 5), at(11, 5, Quality::bad), at(12, 5, Quality::bad), at(13, 5),
                           at(3, 5), at(4, 5)}),
            (Words{"pass", "pass", "within_band", "pass", "pass", "within_band"}));
}

// Input and expected output of a historian library's dead band of 0.1; its last line is the end of
// the data, which a stream has not: there the reading is still held.
TEST_F(Deadband, KeepsThePreviousReadingAsTheWorkedExampleDoes) {
  const double kRaw[] = {0.5, 0.6, 0.4, 0.55, 1.2, 1.1, 1.3, 1.25, 1.2, 1.2};
  const std::vector<Reading> kExpected = {at(0, 0.5), at(3, 0.55), at(4, 1.2)};
  const auto one_batch = make("deadband", R"({"absolute":0.1,"keep_previous":true})");
  ReadingBatch in;
  for (std::size_t i = 0; i < std::size(kRaw); ++i) in.append(at(static_cast<double>(i), kRaw[i]));
  const StageOutput out = run(*one_batch, in);
  EXPECT_EQ(passed(in, out), kExpected);
  EXPECT_EQ(out.verdicts.back(), Verdict::hold);
  EXPECT_EQ(out.settled_passed, 0u);

  const auto singly = make("deadband", R"({"absolute":0.1,"keep_previous":true})");
  std::vector<Reading> all;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const ReadingBatch one = batch({in.at(i)});
    for (const Reading& r : passed(one, run(*singly, one))) all.push_back(r);
  }
  EXPECT_EQ(all, kExpected);
  // The held one passes as it came when the next reading leaves the band.
  const ReadingBatch exit = batch({at(10, 2)});
  EXPECT_EQ(passed(exit, run(*singly, exit)), (std::vector<Reading>{at(9, 1.2), at(10, 2)}));
}

TEST_F(Deadband, GivesBackAHeldIntegerWithAllItsDigits) {
  const auto stage = make("deadband", R"({"percent":1,"keep_previous":true})");
  Reading first = at(0, 0);
  first.value = Value::of(std::uint64_t{10'000'000'000'000'000'001u});
  Reading second = at(1, 0);
  second.value = Value::of(std::uint64_t{10'000'000'000'000'000'003u});
  Reading third = at(2, 5);
  EXPECT_EQ(words(*stage, {first, second}), (Words{"pass", "hold"}));
  const ReadingBatch in = batch({third});
  EXPECT_EQ(passed(in, run(*stage, in)), (std::vector<Reading>{second, third}));
}

TEST_F(Deadband, DropsTheHeldReadingWhenTimeAloneLetsTheNextPass) {
  const auto stage = make("deadband", R"({"absolute":1,"max_interval_s":5,"keep_previous":true})");
  EXPECT_EQ(words(*stage, {at(0, 1), at(1, 1.5)}), (Words{"pass", "hold"}));
  const StageOutput out = run(*stage, batch({at(5, 1.2)}));
  EXPECT_EQ(out.verdicts, std::vector<Verdict>{Verdict::pass});
  EXPECT_EQ(out.settled_dropped, std::vector<std::uint16_t>{0});
}

// Independent of the plugin's own arithmetic: whoever keeps the last passed value is never wrong by
// more than the band, nothing is dropped beyond it, and each reading ends exactly once.
TEST_F(Deadband, KeepsTheHoldLastErrorWithinTheBandAndCountsEachReadingOnce) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::normal_distribution<double> step(0, 0.4);
  for (const bool keep_previous : {false, true}) {
    const auto stage = make("deadband", std::string(R"({"absolute":1,"keep_previous":)") +
                                            (keep_previous ? "true}" : "false}"));
    double value = 20;
    double last = 0;
    bool any = false;
    std::size_t in_count = 0, passed_count = 0, dropped = 0, held = 0;
    for (int b = 0; b < 300; ++b) {
      ReadingBatch in;
      for (unsigned i = random() % 20 + 1; i > 0; --i) {
        in.append(at(static_cast<double>(in_count++), value += step(random)));
      }
      const StageOutput out = run(*stage, in);
      std::size_t altered = 0;
      for (std::size_t i = 0; i < in.size(); ++i) {
        altered += out.verdicts[i] == Verdict::altered;
        held += out.verdicts[i] == Verdict::hold;
        const double v = in.at(i).value.as_double();
        const bool outside = !any || std::abs(v - last) > 1 + 1e-9;
        if (outside) {
          ASSERT_EQ(out.verdicts[i], Verdict::pass) << v << " after " << last;
        }
        if (outside) last = v;
        any = true;
      }
      EXPECT_EQ(altered, 0u);
      passed_count += passed(in, out).size();
      dropped += out.drops.size() + out.settled_dropped.size();
      held -= out.settled_passed + out.settled_dropped.size();
      ASSERT_EQ(in_count, passed_count + dropped + held);
      ASSERT_LE(held, keep_previous ? 1u : 0u);
    }
    EXPECT_GT(dropped, in_count / 4);
    EXPECT_GT(passed_count, in_count / 20);
  }
}

TEST_F(Deadband, IsOrderedAndNeedsABand) {
  EXPECT_TRUE(make("deadband", R"({"absolute":0})")->ordered());
  EXPECT_EQ(error_of("deadband", R"({"keep_previous":true})"),
            "stages[0] (deadband): config: no band: set absolute, percent or both");
  EXPECT_EQ(error_of("deadband", R"({"absolute":"abc"})"),
            "stages[0] (deadband): config.absolute: expected a number >= 0, got \"abc\"");
  EXPECT_EQ(error_of("deadband", R"({"absolut":1})"),
            "stages[0] (deadband): config.absolut: no such key; accepted: absolute, "
            "keep_previous, max_interval_s, percent");
}

}  // namespace
}  // namespace sluice
