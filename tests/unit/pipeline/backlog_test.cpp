#include "pipeline/backlog.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

ReadingBatch readings(int count) {
  ReadingBatch batch;
  for (int i = 0; i < count; ++i) batch.append({1, 2, i, Value::of(i * 0.5), Quality::good});
  return batch;
}

Backlog sample() {
  Backlog backlog;
  backlog.add_start(1);
  backlog.add_applied(2, readings(2));
  backlog.add_applied_aggregated(2);
  backlog.add_tick(3);
  backlog.end_replay();
  backlog.add_start(4);
  backlog.add_start(5);
  backlog.add_tick(5);
  backlog.add_pending(6, readings(3));
  backlog.add_connection(Backlog::Kind::connected, 7, "plant");
  return backlog;
}

TEST(Backlog, GivesTheStepsBackInOrderAndTellsWhichRanBefore) {
  ByteWriter out;
  sample().snapshot(out);
  Backlog backlog;
  ByteReader in(out.bytes());
  ASSERT_TRUE(backlog.restore(in).ok());
  EXPECT_EQ(backlog.pending(), 3u);
  EXPECT_TRUE(backlog.has_applied());
  EXPECT_EQ(backlog.applied_aggregated(), 2);
  std::vector<std::int64_t> times;
  std::size_t applied = 0;
  Backlog::Reader steps(backlog);
  while (const auto step = steps.next()) {
    times.push_back(step->boottime_ns);
    applied += step->applied ? 1 : 0;
    if (step->boottime_ns == 6) {
      EXPECT_EQ(step->readings, readings(3));
    }
  }
  EXPECT_TRUE(steps.ok());
  EXPECT_EQ(times, (std::vector<std::int64_t>{1, 2, 3, 5, 6})) << "the last start counts";
  EXPECT_EQ(applied, 3u);
}

TEST(Backlog, TakesNoMoreThanItsBound) {
  Backlog backlog;
  backlog.end_replay();
  const auto most = static_cast<int>(Backlog::kPendingMax);
  EXPECT_EQ(backlog.add_pending(1, readings(most - 1)), Backlog::kPendingMax - 1);
  EXPECT_EQ(backlog.add_pending(2, readings(3)), 1u);
  EXPECT_EQ(backlog.add_pending(3, readings(3)), 0u);
}

TEST(Backlog, RefusesBytesThatAreCutShort) {
  ByteWriter out;
  sample().snapshot(out);
  for (std::size_t n = 0; n < out.size(); ++n) {
    Backlog damaged;
    ByteReader in(std::string_view(out.bytes()).substr(0, n));
    EXPECT_FALSE(damaged.restore(in).ok()) << n;
  }
}

// The last of several changes counts, and stands before the readings that came in it.
TEST(Backlog, KeepsTheStretchOfBootTimeThatReadingsCameIn) {
  Backlog first;
  first.add_boot(1, "a");
  first.end_replay();
  first.add_boot(2, "");
  first.add_boot(3, "b");
  ByteWriter out;
  first.snapshot(out);
  Backlog backlog;
  ByteReader in(out.bytes());
  ASSERT_TRUE(backlog.restore(in).ok());
  ASSERT_TRUE(in.at_end());
  backlog.add_pending(6, readings(1));
  std::vector<std::string> seen;
  Backlog::Reader steps(backlog);
  while (const auto step = steps.next()) {
    seen.push_back(step->kind == Backlog::Kind::boot ? step->source : "readings");
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "b", "readings"}));
}

}  // namespace
}  // namespace sluice
