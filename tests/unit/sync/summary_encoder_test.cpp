#include "sync/summary_encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>

#include "fakes/sensor_panes.h"
#include "sluice/v1/summary.pb.h"

namespace sluice {
namespace {

TEST(SummaryEncoder, SendsTheLargestNumberWhenASumHasLeftTheRangeOfDouble) {
  SummaryBlock block{"p", 1, {}};
  Pane pane;
  pane.window = {WindowKind::tumbling, 1, kBase, kBase + kMinute};
  for (int i = 0; i < 5; ++i) pane.content.moments.add(kBase + i, i % 2 == 0 ? 1.7e308 : -1.2e308);
  ASSERT_FALSE(std::isfinite(pane.content.moments.m2));
  block.panes.push_back(pane);
  v1::SummaryBlock wire;
  ASSERT_TRUE(wire.ParseFromString(ProtoSummaryEncoder().encode(block)));
  ASSERT_EQ(1, wire.m2().exceptions_size());
  EXPECT_EQ(std::numeric_limits<double>::max(), wire.m2().exceptions(0));
  ASSERT_EQ(1, wire.max().exceptions_size());
  EXPECT_EQ(1.7e308, wire.max().exceptions(0));
}

TEST(SummaryEncoder, GivesTheSameBytesForTheSamePanesInAnyOrder) {
  std::mt19937_64 random(fresh_seed());
  SummaryBlock block = sensor_block(64, random);
  const std::string bytes = ProtoSummaryEncoder().encode(block);
  for (int i = 0; i < 20; ++i) {
    std::shuffle(block.panes.begin(), block.panes.end(), random);
    EXPECT_EQ(bytes, ProtoSummaryEncoder().encode(block));
  }
}

// DESIGN §12: at most 24 bytes a pane before gzip, in blocks of 100, for the statistics; what tells
// of the time between readings comes on top.
TEST(SummaryEncoder, StaysBelowTheBudgetOfBytesPerPane) {
  std::mt19937_64 random(fresh_seed());
  const std::string bytes = ProtoSummaryEncoder().encode(sensor_block(100, random));
  v1::SummaryBlock statistics;
  ASSERT_TRUE(statistics.ParseFromString(bytes));
  statistics.clear_largest_gap();
  statistics.clear_time_integral();
  const double per_pane = static_cast<double>(bytes.size()) / 100;
  const double of_statistics = static_cast<double>(statistics.ByteSizeLong()) / 100;
  std::printf("bytes per pane: %.2f, without gap and time integral %.2f\n", per_pane,
              of_statistics);
  RecordProperty("bytes_per_pane_x100", static_cast<int>(per_pane * 100));
  EXPECT_LE(of_statistics, 24);
  EXPECT_LE(per_pane, 30);
}

// A block of panes that agree says so once: repeated columns cost a byte or more per pane.
TEST(SummaryEncoder, WritesAColumnOfEqualEntriesOnce) {
  std::mt19937_64 random(1);
  v1::SummaryBlock wire;
  ASSERT_TRUE(wire.ParseFromString(ProtoSummaryEncoder().encode(sensor_block(50, random))));
  EXPECT_EQ(50, wire.series_id_size());
  EXPECT_EQ(1, wire.start_size());
  EXPECT_EQ(1, wire.length_size());
  EXPECT_EQ(1, wire.count_size());
  EXPECT_EQ(1, wire.revision_size());
  EXPECT_EQ(1, wire.quality_size());
  EXPECT_EQ(1'000'000u, wire.time_unit_ns());
}

TEST(SummaryEncoder, KeepsNanosecondsWhenOnePaneNeedsThem) {
  std::mt19937_64 random(1);
  SummaryBlock block = sensor_block(2, random);
  block.panes[1].content.moments.last_time_ns += 1;
  v1::SummaryBlock wire;
  ASSERT_TRUE(wire.ParseFromString(ProtoSummaryEncoder().encode(block)));
  EXPECT_EQ(1u, wire.time_unit_ns());
  EXPECT_EQ(static_cast<std::uint64_t>(kMinute), wire.length(0));
}

}  // namespace
}  // namespace sluice
