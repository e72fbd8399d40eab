#include "store/outbox_table.h"

#include <gtest/gtest.h>

#include "store/migrations.h"
#include "unit/store/scratch.h"

namespace sluice::storage {
namespace {

class OutboxTableTest : public ::testing::Test {
 protected:
  OutboxTableTest() {
    EXPECT_TRUE(migrate(database_).ok());
    table_.emplace(database_);
  }
  void insert(std::int64_t seq, const std::string& bytes = "block") {
    EXPECT_TRUE(table_->insert({seq, seq % 2 == 0 ? "even" : "odd", 3, -1, 9, bytes}).ok());
  }
  std::vector<std::int64_t> seqs(std::int64_t after, std::size_t bytes_max) {
    std::vector<std::int64_t> seen;
    const auto page = table_->read(after, bytes_max);
    for (const OutboxRow& row : page->rows) seen.push_back(row.seq);
    return seen;
  }
  ScratchDir dir_;
  Database database_ = *Database::open(dir_.database());
  std::optional<OutboxTable> table_;
};

TEST_F(OutboxTableTest, ReadsOldestFirstWithinBytesButAtLeastOneRow) {
  insert(1, std::string(10, 'a'));
  insert(2, std::string(10, 'b'));
  insert(3, std::string(1000, 'c'));
  EXPECT_EQ(seqs(0, 20), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(seqs(0, 19), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(seqs(2, 1), (std::vector<std::int64_t>{3}));
  EXPECT_EQ(seqs(3, 1000), std::vector<std::int64_t>{});
  const auto page = table_->read(0, 1);
  EXPECT_EQ(page->rows[0].pipeline, "odd");
  EXPECT_EQ(page->rows[0].panes, 3u);
  EXPECT_EQ(page->rows[0].start_ns, -1);
  EXPECT_EQ(page->rows[0].end_ns, 9);
  EXPECT_EQ(page->rows[0].bytes, std::string(10, 'a'));
}

TEST_F(OutboxTableTest, NeverGivesOutANumberTwiceAlsoWhenEmptyAgain) {
  EXPECT_EQ(*table_->next_seq(), 1);
  insert(1);
  insert(2);
  EXPECT_EQ(table_->remove(1)->value().pipeline, "odd");
  EXPECT_EQ(table_->remove(2)->value().panes, 3u);
  EXPECT_FALSE(table_->remove(2)->has_value());
  EXPECT_EQ(*table_->count(), 0);
  EXPECT_EQ(*table_->next_seq(), 3);
}

TEST_F(OutboxTableTest, NamesTheRowsThatFailTheirChecksumInAnyColumn) {
  for (std::int64_t seq = 1; seq <= 7; ++seq) insert(seq);
  ASSERT_TRUE(database_
                  .execute("UPDATE outbox SET pipeline='evem' WHERE seq=2;"
                           "UPDATE outbox SET panes=4294967299 WHERE seq=3;"
                           "UPDATE outbox SET start_ns=0 WHERE seq=4;"
                           "UPDATE outbox SET bytes=x'00' WHERE seq=6;"
                           "UPDATE outbox SET crc=crc+1 WHERE seq=7")
                  .ok());
  const auto page = table_->read(0, 1000);
  EXPECT_EQ(page->damaged, (std::vector<std::int64_t>{2, 3, 4, 6, 7}));
  EXPECT_EQ(seqs(0, 1000), (std::vector<std::int64_t>{1, 5}));
}

TEST_F(OutboxTableTest, SumsPanesPerPipeline) {
  for (std::int64_t seq = 1; seq <= 3; ++seq) insert(seq);
  EXPECT_EQ(*table_->panes_by_pipeline(),
            (std::map<std::string, std::int64_t>{{"even", 3}, {"odd", 6}}));
}

}  // namespace
}  // namespace sluice::storage
