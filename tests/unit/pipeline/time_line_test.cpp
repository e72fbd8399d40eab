#include "pipeline/time_line.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
const TrustedTime kUnknown{};

TrustedTime known(std::int64_t offset_ns, ClockQuality quality = ClockQuality::synced) {
  return {quality, offset_ns, 1'000'000};
}

/// As the engine does.
bool note(TimeLine& line, const std::string& boot, const TrustedTime& time, std::int64_t now_ns) {
  const auto entry = line.due(boot, time, now_ns, [] { return INT64_MIN; });
  if (entry) line.apply(*entry);
  return entry.has_value();
}

Reading stamped(const TimeLine& line, std::int64_t boottime_ns) {
  ReadingBatch batch;
  batch.append({1, 7, 42, Value::of(1.0), Quality::good});
  line.stamp(boottime_ns, batch, 0);
  return batch.at(0);
}

void take(TimeLine& line, std::int64_t boottime_ns) {
  BatchEntry batch;
  batch.boottime_ns = boottime_ns;
  batch.readings.append(stamped(line, boottime_ns));
  line.took(batch);
}

TEST(TimeLine, LeavesStampsAloneBeforeAnythingIsKnown) {
  EXPECT_EQ(stamped(TimeLine(), 5).event_time_ns, 42);
}

TEST(TimeLine, StampsInBootTimeUntilTheTimeIsKnown) {
  TimeLine line;
  EXPECT_TRUE(note(line, "a", kUnknown, 5));
  EXPECT_FALSE(note(line, "a", kUnknown, 6)) << "nothing new";
  EXPECT_EQ(stamped(line, 9).event_time_ns, 9);
  EXPECT_EQ(stamped(line, 9).topic, 7 | kBootTopic);
  EXPECT_FALSE(line.correction());
  take(line, 9);
  EXPECT_TRUE(note(line, "a", known(100), 10));
  EXPECT_EQ(stamped(line, 9).event_time_ns, 109) << "also what arrived before";
  EXPECT_EQ(stamped(line, 9).topic, 7u);
  EXPECT_EQ(line.correction(), (TimeCorrection{"a", 100, 1'000'000, 10}));
}

TEST(TimeLine, CorrectsNothingWhereNothingWasStampedInBootTime) {
  TimeLine line;
  note(line, "a", kUnknown, 5);
  note(line, "a", known(100), 10);
  EXPECT_FALSE(line.correction());
}

TEST(TimeLine, ABootThatNobodyKnewTheTimeOfIsNotCorrectedByTheNext) {
  TimeLine line;
  note(line, "a", kUnknown, 5);
  take(line, 6);
  note(line, "b", known(100), 1);
  EXPECT_FALSE(line.correction());
}

TEST(TimeLine, TakesABetterWordAndAStepForNewsAndNothingElse) {
  TimeLine line;
  note(line, "a", known(100, ClockQuality::rebased), 5);
  EXPECT_TRUE(note(line, "a", known(100), 6)) << "the kernel's";
  EXPECT_FALSE(note(line, "a", known(100 + TimeLine::kStepNs), 7));
  EXPECT_FALSE(note(line, "a", known(100, ClockQuality::rebased), 7));
  EXPECT_FALSE(note(line, "a", kUnknown, 7)) << "what was known is not forgotten within a boot";
  EXPECT_TRUE(note(line, "a", known(101 + TimeLine::kStepNs), 8));
}

TEST(TimeLine, StandsStillForASmallStepBack) {
  TimeLine line;
  note(line, "a", known(kSecond), 0);
  take(line, 5 * kSecond);
  EXPECT_TRUE(note(line, "a", known(kSecond / 2), 5 * kSecond));
  EXPECT_FALSE(line.stretch());
  EXPECT_EQ(stamped(line, 5 * kSecond).event_time_ns, 6 * kSecond);
  EXPECT_EQ(stamped(line, 6 * kSecond).event_time_ns, 6 * kSecond + kSecond / 2);
}

TEST(TimeLine, GoesToBootTimeForALargeOneUntilItHasCaughtUp) {
  TimeLine line;
  note(line, "a", known(60 * kSecond), 0);
  take(line, 5 * kSecond);
  EXPECT_TRUE(note(line, "a", known(0), 5 * kSecond));
  ASSERT_TRUE(line.stretch());
  EXPECT_TRUE(line.correction()) << "the time is known all the same";
  EXPECT_FALSE(note(line, "a", known(0), 50 * kSecond));
  EXPECT_TRUE(note(line, "a", known(0), 65 * kSecond));
  EXPECT_FALSE(line.stretch());
}

TEST(TimeLine, TellsTwoStretchesOfOneBootApart) {
  TimeLine line;
  note(line, "a", kUnknown, 5);
  const BootStretch first = *line.stretch();
  note(line, "a", known(100 * kSecond), 5);
  take(line, 5);
  note(line, "a", known(0), 5);
  ASSERT_TRUE(line.stretch());
  EXPECT_EQ(line.stretch()->boot_id, first.boot_id);
  EXPECT_NE(line.stretch()->since_ns, first.since_ns);
}

TEST(TimeLine, RemembersAllOfItOverARestart) {
  TimeLine line;
  note(line, "a", known(60 * kSecond), 0);
  take(line, 5 * kSecond);
  note(line, "a", known(0), 5 * kSecond);
  take(line, 6 * kSecond);
  TimeLine next;
  ASSERT_TRUE(next.restore(line.snapshot()).ok());
  EXPECT_EQ(next.snapshot(), line.snapshot());
  EXPECT_EQ(*next.stretch(), *line.stretch());
  EXPECT_EQ(next.correction(), line.correction());
  EXPECT_EQ(next.floor_ns(), 6 * kSecond);
  const std::string bytes = line.snapshot();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(TimeLine().restore(bytes.substr(0, size)).ok());
  }
}

TEST(TimeLine, NeverStampsBeforeWhatSilenceHasClosed) {
  TimeLine line;
  note(line, "a", known(60 * kSecond), 0);
  take(line, 5 * kSecond);
  const auto reached = [] { return 75 * kSecond; };
  const auto entry = line.due("a", known(59 * kSecond), 15 * kSecond, reached);
  ASSERT_TRUE(entry);
  EXPECT_FALSE(entry->in_boot_time);
  line.apply(*entry);
  EXPECT_EQ(stamped(line, 15 * kSecond).event_time_ns, 75 * kSecond);
  EXPECT_TRUE(line.due("a", known(0), 16 * kSecond, reached)->in_boot_time);
}

}  // namespace
}  // namespace sluice
