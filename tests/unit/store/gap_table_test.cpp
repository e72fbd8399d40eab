#include "store/gap_table.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>

#include "store/migrations.h"
#include "unit/store/scratch.h"

namespace sluice::storage {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;
const std::string kEpoch(32, 'a');

Gap dropped(std::int64_t from_ns, std::int64_t to_ns, std::uint64_t count,
            const std::string& owner = "plant") {
  return {LedgerKind::messages, owner, "queue_full", from_ns, to_ns, count};
}

class GapTableTest : public ::testing::Test {
 protected:
  GapTableTest() {
    EXPECT_TRUE(migrate(database_).ok());
    reopen();
  }
  void reopen() {
    table_.reset();
    table_.emplace(database_);
    EXPECT_TRUE(table_->load().ok());
  }
  void add(const Gap& gap, const std::string& epoch = kEpoch) {
    const Status status = table_->add(gap, epoch);
    ASSERT_TRUE(status.ok()) << status.to_string();
  }
  std::vector<GapRow> read(std::int64_t after = 0, std::size_t count_max = 100'000) {
    const auto page = table_->read(after, count_max);
    EXPECT_TRUE(page.ok() && page->damaged.empty());
    return page->rows;
  }
  ScratchDir dir_;
  Database database_ = *Database::open(dir_.database());
  std::optional<GapTable> table_;
};

TEST_F(GapTableTest, GivesBackEveryFieldOldestFirst) {
  const Gap odd{LedgerKind::panes,
                "room \xC3\xA4",
                "corrupt",
                std::numeric_limits<std::int64_t>::min(),
                std::numeric_limits<std::int64_t>::max(),
                std::numeric_limits<std::uint64_t>::max()};
  add(odd);
  add(dropped(5, 9, 3));
  EXPECT_EQ(read(), (std::vector<GapRow>{{1, kEpoch, odd}, {2, kEpoch, dropped(5, 9, 3)}}));
  EXPECT_EQ(read(1).size(), 1u);
  EXPECT_EQ(read(0, 1).size(), 1u);
}

TEST_F(GapTableTest, OneStormIsOneRowAndLossesFarApartAreTwo) {
  add(dropped(10 * kSecond, 11 * kSecond, 5));
  add(dropped(60 * kSecond, 61 * kSecond, 2));
  add(dropped(kDay, kDay, 1));
  add(dropped(kDay, kDay, 1, "other"));
  const auto rows = read();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].gap, dropped(10 * kSecond, 61 * kSecond, 7));
  EXPECT_EQ(rows[1].gap, dropped(kDay, kDay, 1));
}

TEST_F(GapTableTest, AnUnknownCountStaysUnknown) {
  add(dropped(1, 2, 0));
  add(dropped(3, 4, 9));
  EXPECT_EQ(read()[0].gap, dropped(1, 4, 0));
}

TEST_F(GapTableTest, ARowThatWasGivenOutNeverChanges) {
  add(dropped(1, 2, 1));
  const auto given = read();
  add(dropped(3, 4, 1));
  EXPECT_EQ(read().size(), 2u);
  EXPECT_EQ(read()[0], given[0]);
  reopen();  // nobody remembers what the process before gave out
  add(dropped(5, 6, 1));
  EXPECT_EQ(read()[1].gap, dropped(3, 4, 1));
  EXPECT_EQ(read()[2].gap, dropped(5, 6, 1));
}

TEST_F(GapTableTest, RowsOfDifferentEpochsStayApart) {
  add(dropped(1, 2, 1));
  add(dropped(1, 2, 1), std::string(32, 'b'));
  ASSERT_EQ(read().size(), 2u);
  EXPECT_EQ(read()[1].epoch, std::string(32, 'b'));
}

TEST_F(GapTableTest, ARangeThatTheClockTurnedRoundIsPutRight) {
  add(dropped(9, 5, 1));
  EXPECT_EQ(read()[0].gap, dropped(5, 9, 1));
}

TEST_F(GapTableTest, NumbersAreNeverGivenOutTwice) {
  add(dropped(1, 1, 1));
  add(dropped(kDay, kDay, 1));
  ASSERT_TRUE(table_->remove_up_to(2).ok());
  EXPECT_TRUE(read().empty());
  reopen();
  add(dropped(1, 1, 1));
  EXPECT_EQ(read()[0].seq, 3);
}

TEST_F(GapTableTest, AnAckTakesTheRowsUpToItAndNoOthers) {
  for (int i = 0; i < 5; ++i) add(dropped(i * kDay, i * kDay, 1));
  ASSERT_TRUE(table_->remove_up_to(3).ok());
  ASSERT_TRUE(table_->remove_up_to(3).ok());
  EXPECT_EQ(read().front().seq, 4);
  EXPECT_EQ(*table_->count(), 2);
}

TEST_F(GapTableTest, NamesTheRowsThatFailTheirChecksumInAnyColumn) {
  const char* const damages[] = {"epoch='x'", "kind=kind+256", "owner='plamt'", "cause=''",
                                 "from_ns=2", "to_ns=0",       "count=2",       "crc=crc+1"};
  std::int64_t seq = 0;
  for (const char* damage : damages) {
    add(dropped(seq * kDay, seq * kDay, 1));
    ++seq;
    ASSERT_TRUE(
        database_
            .execute(std::string("UPDATE gap SET ") + damage + " WHERE seq=" + std::to_string(seq))
            .ok());
  }
  add(dropped(seq * kDay, seq * kDay, 1));
  const auto page = table_->read(0, 100);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->damaged.size(), std::size(damages));
  ASSERT_EQ(page->rows.size(), 1u);
  EXPECT_EQ(page->rows[0].seq, seq + 1);
}

// Years without a cloud: 25,000 storms of three kinds, a minute and more apart.
TEST_F(GapTableTest, PastItsBoundItWidensAndCountsOn) {
  ASSERT_TRUE(database_.execute("BEGIN").ok());
  std::map<std::string, std::uint64_t> counted;
  for (std::int64_t i = 0; i < 25'000; ++i) {
    const std::string owner = "source-" + std::to_string(i % 3);
    add(dropped(i * kDay, i * kDay + 1, 2, owner));
    counted[owner] += 2;
    if (i == 24'000) reopen();
  }
  EXPECT_EQ(*table_->count(), GapTable::kRowsMax);
  std::map<std::string, std::uint64_t> kept;
  std::int64_t last_ns = 0;
  std::int64_t after = 0;
  while (true) {
    const auto rows = read(after);
    if (rows.empty()) break;
    EXPECT_LE(rows.size(), static_cast<std::size_t>(GapTable::kGivenOutMax));
    for (const GapRow& row : rows) {
      kept[row.gap.owner] += row.gap.count;
      last_ns = std::max(last_ns, row.gap.to_ns);
    }
    after = rows.back().seq;
    ASSERT_TRUE(table_->remove_up_to(after).ok());
  }
  EXPECT_EQ(kept, counted);
  EXPECT_EQ(last_ns, 24'999 * kDay + 1);
}

}  // namespace
}  // namespace sluice::storage
