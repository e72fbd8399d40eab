#include "hub/boot_times.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "unit/hub/hub_samples.h"

namespace sluice::hub {
namespace {

constexpr char kBoot[] = "b0b0b0b0";

std::string boot_block(std::vector<SamplePane> panes, std::uint64_t spec_hash = 7,
                       const std::string& boot = kBoot) {
  v1::SummaryBlock block;
  EXPECT_TRUE(block.ParseFromString(sample_block(panes, "climate", spec_hash)));
  block.set_boot_id(boot);
  block.set_quality(0, v1::PANE_QUALITY_PARTIAL_CLOCK);
  return block.SerializeAsString();
}

std::string correction(std::int64_t offset_ns, std::int64_t boottime_ns, std::int64_t error_ns = 5,
                       const std::string& boot = kBoot) {
  v1::SummaryBlock block;
  v1::TimeCorrection& time = *block.mutable_time_correction();
  time.set_boot_id(boot);
  time.set_offset_ns(offset_ns);
  time.set_error_ns(error_ns);
  time.set_boottime_ns(boottime_ns);
  return block.SerializeAsString();
}

class BootTimesTest : public testing::Test {
 protected:
  TempDir dir_;
  std::string path_ = dir_.file("hub.db");
  TestClock clock_;
  std::unique_ptr<HubStore> store_ = open_store(path_, clock_);
  std::int64_t seq_ = 0;

  void send(const std::string& block) {
    EXPECT_TRUE(apply(*store_, row_change(++seq_, block)).status.ok());
  }
};

TEST_F(BootTimesTest, PanesOfABootStayUnsyncedUntilItsTimeIsKnown) {
  send(boot_block({{1, 0}, {1, kMinuteNs}}));
  auto all = read_all(path_);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].start_ns(), kMinuteNs);
  EXPECT_EQ(all[1].time_quality(), v1::TIME_QUALITY_UNSYNCED);
  EXPECT_EQ(all[1].boot_id(), kBoot);
  EXPECT_EQ(all[1].quality(), v1::PANE_QUALITY_PARTIAL_CLOCK);
  send(correction(kNoonNs, 100));
  all = read_all(path_);
  EXPECT_EQ(all[1].start_ns(), kNoonNs + kMinuteNs);
  EXPECT_EQ(all[1].end_ns(), kNoonNs + 2 * kMinuteNs);
  EXPECT_EQ(all[1].first_time_ns(), kNoonNs + kMinuteNs + 1'000);
  EXPECT_EQ(all[1].time_quality(), v1::TIME_QUALITY_CORRECTED);
  EXPECT_EQ(all[1].time_error_ns(), 5);
}

TEST_F(BootTimesTest, ACorrectionWaitsForItsPanesAndIsOfItsBootAndNodeAlone) {
  send(correction(kNoonNs, 100));
  send(boot_block({{1, 0}}));
  send(boot_block({{1, 0}}, 8, "another"));
  send(sample_block({{1, kNoonNs}}));
  const NodeKey other = sample_node("plant-8");
  EXPECT_TRUE(apply(*store_, hello_change(other)).status.ok());
  EXPECT_TRUE(apply(*store_, series_change(1, other)).status.ok());
  EXPECT_TRUE(apply(*store_, row_change(1, boot_block({{1, 0}}), other)).status.ok());
  const auto all = read_all(path_);
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].time_quality(), v1::TIME_QUALITY_UNSYNCED);
  EXPECT_EQ(all[1].time_quality(), v1::TIME_QUALITY_UNSYNCED);
  EXPECT_EQ(all[2].start_ns(), kNoonNs);
  EXPECT_EQ(all[3].start_ns(), kNoonNs);
}

TEST_F(BootTimesTest, ARevisionAndARepeatFindTheirPaneAfterItWasMoved) {
  send(boot_block({{1, 0}}));
  send(correction(kNoonNs, 100));
  send(boot_block({{1, 0}}));
  send(boot_block({{1, 0, 2, 1, 2}}));
  const auto all = read_all(path_);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].revision(), 2u);
  EXPECT_EQ(all[0].min(), 1);
  EXPECT_EQ(all[0].start_ns(), kNoonNs);
  EXPECT_EQ(store_->counters(sample_node()).panes_conflicting, 0u);
  EXPECT_EQ(store_->counters(sample_node()).rows_repeated, 1u);
}

TEST_F(BootTimesTest, MovesWindowsToWhereTheirNeighboursAre) {
  std::vector<SamplePane> panes;
  for (std::int64_t i = 0; i < 50; ++i) panes.push_back({1, i * kMinuteNs});
  send(boot_block(panes));
  send(correction(kNoonNs, 100));
  send(correction(kNoonNs + kMinuteNs, 101));
  EXPECT_EQ(read_all(path_).front().start_ns(), kNoonNs + kMinuteNs);
  send(correction(kNoonNs - kMinuteNs, 102));
  send(correction(0, 103));
  send(correction(kBootOffsetMaxNs, 104));
  send(correction(kNoonNs - kMinuteNs, 105));
  const auto all = read_all(path_);
  ASSERT_EQ(all.size(), 50u);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].start_ns(), kNoonNs + (static_cast<std::int64_t>(i) - 1) * kMinuteNs);
  }
}

TEST_F(BootTimesTest, LeavesWindowsThatNobodyCanPlaceOutOfMerges) {
  send(boot_block({{1, 0}}));
  v1::MergeSummariesRequest request;
  request.set_measurement("temperature");
  request.set_every_ns(kMinuteNs);
  v1::MergeSummariesResponse merged;
  const auto merge = [&] {
    merged.Clear();
    EXPECT_TRUE(HubReader(path_)
                    .merge_summaries(
                        request, [] { return false; }, merged)
                    .ok());
    return merged.rows_size();
  };
  EXPECT_EQ(merge(), 0);
  send(correction(kNoonNs, 100));
  EXPECT_EQ(merge(), 1);
}

// A boot's windows stand where the boot began, those of event time on the minute. The last of the
// one reaches into the first of the other; no reading is in both.
TEST_F(BootTimesTest, WindowsOfABootAndThoseAfterItAddUp) {
  constexpr std::int64_t kSecondNs = 1'000'000'000;
  send(boot_block({{1, 0}, {1, kMinuteNs}}));
  send(correction(kNoonNs + 17 * kSecondNs, 100));
  send(sample_block({{1, kNoonNs + 2 * kMinuteNs}, {1, kNoonNs + 3 * kMinuteNs}}, "climate", 7));
  send(boot_block({{1, 0}, {1, kMinuteNs}}, 7, "another"));
  send(correction(kNoonNs + 4 * kMinuteNs + 7 * kSecondNs, 100, 5, "another"));
  send(sample_block({{1, kNoonNs + 6 * kMinuteNs}}, "climate", 7));
  v1::MergeSummariesRequest request;
  request.set_measurement("temperature");
  request.set_every_ns(24 * 60 * kMinuteNs);
  v1::MergeSummariesResponse merged;
  const auto never = [] { return false; };
  EXPECT_TRUE(HubReader(path_).merge_summaries(request, never, merged).ok());
  ASSERT_EQ(merged.rows_size(), 1);
  EXPECT_EQ(merged.rows(0).windows(), 7u);
  EXPECT_EQ(merged.rows(0).count(), 14u);
}

// Lost and sent again, doubled, in any order and under two epochs: the hub comes to hold the same.
TEST(BootTimes, AnyOrderOfPanesAndCorrectionsGivesTheSame) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const NodeKey later{sample_node().node, "ffffffffffffffffffffffffffffffff"};
  std::vector<Change> changes;
  std::int64_t seq = 0;
  for (int i = 0; i < 6; ++i) {
    for (const NodeKey& node : {sample_node(), later}) {
      const std::uint32_t revision = 1 + static_cast<std::uint32_t>(i % 2);
      changes.push_back(row_change(++seq, boot_block({{1, i / 2 * kMinuteNs, revision}}), node));
    }
  }
  for (std::int64_t i = 0; i < 4; ++i) {
    changes.push_back(row_change(++seq, correction(kNoonNs + i % 3 * kMinuteNs, 100 + i), later));
  }
  changes.push_back(row_change(++seq, correction(kNoonNs, 103, 1), sample_node()));
  std::vector<std::string> first;
  for (int round = 0; round < 30; ++round) {
    const TempDir dir;
    const TestClock clock;
    const auto store = open_store(dir.file("hub.db"), clock);
    ASSERT_TRUE(apply(*store, hello_change(later)).status.ok());
    ASSERT_TRUE(apply(*store, series_change(10, later)).status.ok());
    std::vector<Change> sent = changes;
    for (std::size_t i = random() % 10; i > 0; --i) sent.push_back(sent[random() % sent.size()]);
    std::shuffle(sent.begin(), sent.end(), random);
    for (const Change& change : sent) ASSERT_TRUE(apply(*store, change).status.ok());
    std::vector<std::string> held;
    for (const v1::SummaryRecord& record : read_all(dir.file("hub.db"))) {
      held.push_back(record.ShortDebugString());
    }
    std::sort(held.begin(), held.end());
    EXPECT_EQ(held.size(), 6u);
    if (round == 0) first = held;
    EXPECT_EQ(held, first);
  }
}

TEST_F(BootTimesTest, KeepsUnreadWhatBreaksItsContract) {
  send(correction(-1, 1));
  send(correction(kBootOffsetMaxNs + 1, 1));
  send(correction(1, 1, -1));
  send(correction(1, 1, 1, "no/id"));
  send(boot_block({{1, kBoottimeMaxNs}}));
  send(boot_block({{1, 0}}, 7, std::string(65, 'a')));
  EXPECT_EQ(read_unread(path_).size(), 6u);
  EXPECT_TRUE(read_all(path_).empty());
}

TEST_F(BootTimesTest, EventsOfABootHaveTheirTimeOnceItIsKnownWhicheverComesFirst) {
  const auto in_boot = [](std::int64_t seq, const std::string& boot) {
    EventEntry entry = sample_event(seq);
    entry.row.told.event.topic = kBootTopic;
    entry.row.told.event.event_time_ns = seq * kMinuteNs;
    entry.row.told.boot_id = boot;
    return entry;
  };
  const auto tell = [&](const EventEntry& entry) {
    EXPECT_TRUE(apply(*store_, event_change({entry})).status.ok());
  };
  tell(in_boot(1, kBoot));
  tell(in_boot(2, "another"));
  tell(in_boot(3, ""));                    // that boot was over when it was told
  EventEntry strange = in_boot(9, kBoot);  // its plugin takes the time since boot for another one
  strange.row.told.event.event_time_ns = kEventTimeMaxNs;
  tell(strange);
  EXPECT_EQ(read_event_rows(path_)[0].time_ns(), kMinuteNs);
  EXPECT_EQ(read_event_rows(path_)[0].time_quality(), v1::TIME_QUALITY_UNSYNCED);
  send(correction(kNoonNs, 100));
  tell(in_boot(4, kBoot));
  tell(in_boot(1, kBoot));  // again: it is what it was
  tell(strange);
  send(correction(kNoonNs + 5, 200));
  const auto rows = read_event_rows(path_);
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows[4].time_ns(), kEventTimeMaxNs);
  for (int i = 0; i < 2; ++i) {
    const auto& unsynced = rows[static_cast<std::size_t>(i)];
    EXPECT_EQ(unsynced.time_ns(), (2 + i) * kMinuteNs);
    EXPECT_EQ(unsynced.time_quality(), v1::TIME_QUALITY_UNSYNCED);
  }
  EXPECT_EQ(rows[2].time_ns(), kNoonNs + 5 + kMinuteNs);
  EXPECT_EQ(rows[3].time_ns(), kNoonNs + 5 + 4 * kMinuteNs);
  EXPECT_EQ(rows[3].time_quality(), v1::TIME_QUALITY_CORRECTED);
  EXPECT_EQ(rows[3].time_error_ns(), 5);
  EXPECT_EQ(rows[3].event().event_time_ns(), 4 * kMinuteNs) << "as it was sent";
}

}  // namespace
}  // namespace sluice::hub
