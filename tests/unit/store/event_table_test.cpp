#include "store/event_table.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>

#include "model/boot_time.h"
#include "store/migrations.h"
#include "unit/store/scratch.h"

namespace sluice::storage {
namespace {

const std::string kEpoch(32, 'a');
constexpr std::uint64_t kQuota = 512 << 20;

class EventTableTest : public ::testing::Test {
 protected:
  EventTableTest() {
    EXPECT_TRUE(migrate(database_).ok());
    reopen();
  }
  void reopen(std::uint64_t quota_bytes = kQuota) {
    table_.reset();
    table_.emplace(database_, quota_bytes);
    EXPECT_TRUE(table_->load().ok());
  }
  void add(const ToldEvent& told) {
    EventTable::Size size = table_->size();
    ASSERT_TRUE(table_->add(told, kEpoch, size).ok());
    table_->adopt(size);
  }
  EventTable::LeftByPipeline shrink() {
    EventTable::Size size = table_->size();
    const auto left = table_->remove_excess(size);
    EXPECT_TRUE(left.ok()) << left.status().to_string();
    table_->adopt(size);
    return *left;
  }
  std::vector<EventRow> read(std::int64_t after = 0, std::size_t count_max = 100'000) {
    const auto page = table_->read(after, count_max);
    EXPECT_TRUE(page.ok() && page->damaged.empty());
    return page->rows;
  }
  ScratchDir dir_;
  Database database_ = *Database::open(dir_.database());
  std::optional<EventTable> table_;
};

TEST_F(EventTableTest, GivesBackEveryFieldOldestFirst) {
  ToldEvent odd = event_of("room \xC3\xA4", std::numeric_limits<std::int64_t>::max(), "\n\"");
  odd.event.series = std::numeric_limits<SeriesId>::max();
  odd.event.topic = kBootTopic | 7;
  odd.event.severity = Severity::fatal;
  odd.event.phase = EventPhase::end;
  odd.boot_id = "boot";
  odd.event.attributes.clear();
  add(odd);
  add(event_of("room", 5));
  EXPECT_EQ(read(), (std::vector<EventRow>{{1, kEpoch, odd}, {2, kEpoch, event_of("room", 5)}}));
  EXPECT_EQ(read(1).size(), 1u);
  EXPECT_EQ(read(0, 1).size(), 1u);
}

TEST_F(EventTableTest, NeverGivesANumberTwiceThoughItIsEmptyAgain) {
  add(event_of("room", 1));
  add(event_of("room", 2));
  EventTable::Size size = table_->size();
  const auto left = table_->remove_up_to(2, size);
  ASSERT_TRUE(left.ok());
  EXPECT_EQ(left->at("room").count, 2);
  EXPECT_EQ(size.rows, 0);
  EXPECT_EQ(size.bytes, 0);
  table_->adopt(size);
  reopen();
  add(event_of("room", 3));
  EXPECT_EQ(read().at(0).seq, 3);
}

TEST_F(EventTableTest, TheOldestLeaveAtTheBoundOfRowsAndSayWhenTheyWere) {
  for (std::int64_t i = 0; i < EventTable::kRowsMax; ++i) add(event_of("room", 100 + i));
  EXPECT_TRUE(shrink().empty());
  add(event_of("hall", 7));
  add(event_of("hall", 8));
  const auto left = shrink();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left.at("room").count, 2);
  EXPECT_EQ(left.at("room").from_ns, 100);
  EXPECT_EQ(left.at("room").to_ns, 101);
  EXPECT_EQ(table_->size().rows, EventTable::kRowsMax);
  EXPECT_EQ(read(0, 1).at(0).seq, 3);
  reopen();
  EXPECT_EQ(table_->size().rows, EventTable::kRowsMax);
}

TEST_F(EventTableTest, TheOldestLeaveAtTheBoundOfBytesWhichASmallQuotaLowers) {
  reopen(1 << 20);
  for (int i = 0; i < 300; ++i) add(event_of("room", i, std::string(512, 'm')));
  const std::int64_t before = table_->size().bytes;
  EXPECT_GT(before, (1 << 20) / EventTable::kQuotaShare);
  EXPECT_GT(shrink().at("room").count, 0);
  EXPECT_LE(table_->size().bytes, (1 << 20) / EventTable::kQuotaShare);
  const EventTable::Size size = table_->size();
  reopen(1 << 20);
  EXPECT_EQ(table_->size().bytes, size.bytes);
  EXPECT_EQ(table_->size().rows, size.rows);
}

TEST_F(EventTableTest, NobodyKnowsWhenInBootTimeWas) {
  reopen(1);
  ToldEvent booted = event_of("room", 5);
  booted.event.topic |= kBootTopic;
  add(booted);
  const auto left = shrink();
  EXPECT_EQ(left.at("room").from_ns, 0);
  EXPECT_EQ(left.at("room").to_ns, std::numeric_limits<std::int64_t>::max());
}

TEST_F(EventTableTest, FindsEveryChangedColumn) {
  for (const char* change : {"epoch='b'", "pipeline='hall'", "crc=crc+1", "body=x'00'",
                             "body=substr(body, 1, length(body)-1)"}) {
    add(event_of("room", 1));
    const std::int64_t seq = read().back().seq;
    ASSERT_TRUE(database_
                    .execute(std::string("UPDATE event SET ") + change +
                             " WHERE seq=" + std::to_string(seq))
                    .ok());
    const auto page = table_->read(seq - 1, 10);
    ASSERT_TRUE(page.ok());
    EXPECT_EQ(page->damaged, std::vector<std::int64_t>{seq}) << change;
    EXPECT_TRUE(page->rows.empty()) << change;
    EventTable::Size size = table_->size();
    ASSERT_TRUE(table_->remove_damaged(seq, size).ok());
    EXPECT_EQ(size.rows, 0);
    table_->adopt(size);
  }
}

TEST(EventCodec, RefusesEveryTruncationAndWhatNoEventIs) {
  const std::string bytes = encode_event(event_of("room", 5));
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(decode_event(std::string_view(bytes).substr(0, n)).ok()) << n;
  }
  EXPECT_FALSE(decode_event(bytes + "x").ok());
  ToldEvent odd = event_of("room", 5);
  odd.event.severity = static_cast<Severity>(10);
  EXPECT_FALSE(decode_event(encode_event(odd)).ok());
  odd = event_of("room", 5);
  odd.event.phase = static_cast<EventPhase>(3);
  EXPECT_FALSE(decode_event(encode_event(odd)).ok());
}

}  // namespace
}  // namespace sluice::storage
