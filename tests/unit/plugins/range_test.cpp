#include <limits>

#include "rig.h"

namespace sluice {
namespace {

class Range : public Rig {};

TEST_F(Range, AcceptsTheBoundsAndDropsWhatIsBeyondUnderItsOwnRule) {
  const auto stage = make("range", R"({"min":-10,"max":50})");
  EXPECT_EQ(words(*stage, {at(0, -10), at(1, 50), at(2, -10.001), at(3, 50.001), at(4, 0)}),
            (Words{"pass", "pass", "below_min", "above_max", "pass"}));
}

TEST_F(Range, NamesTheSentinelRatherThanTheBoundItAlsoBreaks) {
  const auto stage = make("range", R"({"min":-50,"max":80,"sentinels":[-999,85,0]})");
  EXPECT_EQ(words(*stage, {at(0, -999), at(1, 85), at(2, 0), at(3, -998)}),
            (Words{"sentinel", "sentinel", "sentinel", "below_min"}));
}

TEST_F(Range, ComparesTheRateWithTheLastReadingThatWasAccepted) {
  const auto stage = make("range", R"({"max_rate":1})");
  // A spike does not condemn the reading after it, and a real step is accepted in time.
  EXPECT_EQ(words(*stage, {at(0, 20), at(1, 21), at(2, 90), at(3, 22.5), at(4, 30), at(10, 30),
                           at(10.5, 29.5)}),
            (Words{"pass", "pass", "max_rate", "pass", "max_rate", "max_rate", "pass"}));
  EXPECT_EQ(words(*stage, {at(11, 30), at(11, 30), at(11, 30.1)}),
            (Words{"pass", "pass", "max_rate"}));
}

TEST_F(Range, StartsAnewWhenTheSensorsClockWasSetBack) {
  const auto stage = make("range", R"({"max_rate":1})");
  EXPECT_EQ(words(*stage, {at(1000, 20), at(10, 90), at(11, 90.5), at(12, 99)}),
            (Words{"pass", "pass", "pass", "max_rate"}));
}

TEST_F(Range, MeasuresTheRateEvenBetweenTheEndsOfTime) {
  const auto stage = make("range", R"({"max_rate":1})");
  Reading first = at(0, 0);
  first.event_time_ns = std::numeric_limits<std::int64_t>::min();
  Reading last = at(0, 1e9);
  last.event_time_ns = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(words(*stage, {first, last}), (Words{"pass", "pass"}));
}

TEST_F(Range, KeepsSeriesApart) {
  const auto stage = make("range", R"({"max_rate":1})");
  Reading other = at(1, 500);
  other.series = table_.intern({"temperature", "Cel", {{"room", "b"}}});
  EXPECT_EQ(words(*stage, {at(0, 20), other, at(1, 20.5)}), (Words{"pass", "pass", "pass"}));
}

TEST_F(Range, FlagsInsteadOfDropping) {
  const auto stage = make("range", R"({"max":50,"max_rate":1,"action":"flag"})");
  const ReadingBatch in = batch({at(0, 20), at(1, 99), at(2, 20), at(3, 99, Quality::bad)});
  const StageOutput out = run(*stage, in);
  EXPECT_EQ(out.verdicts,
            (std::vector<Verdict>{Verdict::pass, Verdict::altered, Verdict::pass, Verdict::pass}));
  ASSERT_EQ(out.altered.size(), 1u);
  EXPECT_EQ(out.altered.at(0), at(1, 99, Quality::uncertain));
}

TEST_F(Range, TakesNoDoubtfulReadingAsReferenceForTheRate) {
  const auto stage = make("range", R"({"max_rate":1})");
  EXPECT_EQ(words(*stage, {at(0, 20), at(1, 90, Quality::uncertain), at(2, 21), at(3, 90)}),
            (Words{"pass", "pass", "pass", "max_rate"}));
}

TEST_F(Range, ReadsIntegersAndBooleansAsNumbers) {
  const auto stage = make("range", R"({"min":1,"max":18446744073709551615})");
  Reading r = at(0, 0);
  const auto word = [&](Value value) {
    r.value = value;
    return words(*stage, {r})[0];
  };
  EXPECT_EQ(word(Value::of(std::int64_t{-1})), "below_min");
  EXPECT_EQ(word(Value::of(std::uint64_t{UINT64_MAX})), "pass");
  EXPECT_EQ(word(Value::of(true)), "pass");
  EXPECT_EQ(word(Value::of(false)), "below_min");
}

TEST_F(Range, IsOrderedOnlyWhenItComparesNeighbours) {
  EXPECT_FALSE(make("range", R"({"min":0})")->ordered());
  EXPECT_TRUE(make("range", R"({"min":0,"max_rate":2})")->ordered());
}

TEST_F(Range, RefusesAConfigThatMakesNoSense) {
  EXPECT_EQ(error_of("range", R"({"min":5,"max":4})"),
            "stages[0] (range): config: min: expected a number <= max");
  EXPECT_NE(error_of("range", R"({"action":"flag"})").find("nothing to check"), std::string::npos);
  EXPECT_NE(error_of("range", "{}").find("an object with keys, at least 1, got {}"),
            std::string::npos);
  EXPECT_EQ(error_of("range", R"({"max_rate":0})"),
            "stages[0] (range): config.max_rate: expected a number > 0, got 0");
  EXPECT_NE(error_of("range", R"({"max":1,"action":"clamp"})").find("one of \"drop\", \"flag\""),
            std::string::npos);
}

}  // namespace
}  // namespace sluice
