#include "control/probation.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

/// A node whose pipeline p takes 10 readings a second.
class ProbationTest : public ::testing::Test {
 protected:
  ProbationTest() {
    for (int i = 0; i < 60; ++i) {
      tick({});
      probation_.remember(now_);
    }
    probation_.begin(now_);
  }
  struct Second {
    std::int64_t rejected = 0;
    std::int64_t filtered = 0;
    std::int64_t late = 0;
    std::int64_t failures = 0;
    std::int64_t busy_ns = 10'000'000;
    std::int64_t messages_rejected = 0;
  };
  void tick(const Second& second) {
    now_.boottime_ns += kSecond;
    now_.messages += 10;
    now_.messages_rejected += second.messages_rejected;
    PipelineTotals& p = now_.pipelines["p"];
    p.readings += 10;
    p.rejected += second.rejected;
    p.filtered += second.filtered;
    p.late += second.late;
    p.plugin_failures += second.failures;
    p.busy_ns += second.busy_ns;
  }
  /// What it says after so many such seconds at the latest.
  std::string judge_within(int seconds, const Second& second) {
    for (int i = 0; i < seconds; ++i) {
      tick(second);
      if (const std::string worse = probation_.judge(now_); !worse.empty()) return worse;
    }
    return "";
  }
  Probation probation_{60 * kSecond, ProbationBounds()};
  HealthSample now_;
};

TEST_F(ProbationTest, PassesWhatDoesAsBefore) { EXPECT_EQ(judge_within(60, {}), ""); }

TEST_F(ProbationTest, DoesNotTakeAFilterThatDropsEverything) {
  EXPECT_EQ(judge_within(60, {.filtered = 10}),
            "pipeline p: 100 % of the readings are filtered, before it was 0 %");
}

TEST_F(ProbationTest, TakesAFilterThatDropsMuch) {
  EXPECT_EQ(judge_within(60, {.filtered = 9}), "");
}

TEST_F(ProbationTest, ComparesWithTheTimeBefore) {
  EXPECT_EQ(judge_within(60, {.rejected = 5}),
            "pipeline p: 50 % of the readings are rejected, before it was 0 %");
  Probation other(60 * kSecond, ProbationBounds());
  for (int i = 0; i < 61; ++i) {
    tick({.rejected = 5, .late = 3});
    other.remember(now_);
  }
  other.begin(now_);
  for (int i = 0; i < 60; ++i) {
    tick({.rejected = 6, .late = 4});
    EXPECT_EQ(other.judge(now_), "");
  }
}

TEST_F(ProbationTest, DoesNotJudgeByAHandfulOfReadingsBeforeTheEnd) {
  EXPECT_EQ(judge_within(3, {.late = 10}), "") << "all of thirty";
  EXPECT_EQ(judge_within(57, {}), "") << "thirty of six hundred";
}

TEST_F(ProbationTest, CountsPluginsThatFail) {
  EXPECT_EQ(judge_within(2, {.failures = 1}), "");
  EXPECT_EQ(judge_within(1, {.failures = 1}), "pipeline p: its plugins have failed 3 times");
}

TEST_F(ProbationTest, SeesWhatTakesTooMuchOfTheTime) {
  EXPECT_EQ(judge_within(60, {.busy_ns = 900'000'000}),
            "pipeline p: takes 90 % of the time, before it was 1 %");
}

TEST_F(ProbationTest, SeesAPipelineThatStops) {
  now_.pipelines["p"].parked = true;
  EXPECT_EQ(judge_within(1, {}), "pipeline p does not run any more");
}

TEST_F(ProbationTest, LeavesAloneWhatWasParkedBefore) {
  Probation other(60 * kSecond, ProbationBounds());
  now_.pipelines["q"].parked = true;
  other.remember(now_);
  other.begin(now_);
  tick({});
  EXPECT_EQ(other.judge(now_), "");
}

TEST_F(ProbationTest, SeesMessagesThatAreNotUnderstoodAnyMore) {
  EXPECT_EQ(judge_within(60, {.messages_rejected = 10}),
            "100 % of the messages are rejected, before it was 0 %");
}

TEST_F(ProbationTest, SeesMemoryThatGrows) {
  now_.rss_bytes = 200u << 20;
  EXPECT_EQ(judge_within(1, {}), "resident memory has grown from 0 to 200 MiB");
}

TEST_F(ProbationTest, IsOverInTime) {
  EXPECT_TRUE(probation_.is_on());
  EXPECT_FALSE(probation_.is_over(now_.boottime_ns + 59 * kSecond));
  EXPECT_TRUE(probation_.is_over(now_.boottime_ns + 60 * kSecond));
  probation_.end();
  EXPECT_FALSE(probation_.is_on());
}

}  // namespace
}  // namespace sluice
