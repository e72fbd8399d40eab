#include "store/segment_table.h"

#include <gtest/gtest.h>

#include "store/migrations.h"
#include "unit/store/scratch.h"

namespace sluice::storage {
namespace {

class SegmentTableTest : public ::testing::Test {
 protected:
  SegmentTableTest() {
    EXPECT_TRUE(migrate(database_).ok());
    table_.emplace(database_);
    for (std::int64_t id = 1; id <= 10; ++id) {
      bytes_ += SegmentTable::row_bytes(std::string(100, 'b'));
      EXPECT_TRUE(table_->append({id, bytes_, id * 2}, std::string(100, 'b')).ok());
    }
  }
  std::vector<std::int64_t> ids(std::int64_t after, bool intact_only = false) {
    std::vector<std::int64_t> seen;
    EXPECT_TRUE(table_
                    ->scan(after,
                           [&](const SegmentTable::Position& at, std::string_view, bool intact) {
                             if (intact || !intact_only) seen.push_back(at.id);
                           })
                    .ok());
    return seen;
  }
  ScratchDir dir_;
  Database database_ = *Database::open(dir_.database());
  std::optional<SegmentTable> table_;
  std::int64_t bytes_ = 0;
};

TEST_F(SegmentTableTest, ScansInOrderFromAfterAPosition) {
  EXPECT_EQ(ids(7), (std::vector<std::int64_t>{8, 9, 10}));
  EXPECT_EQ(ids(10), std::vector<std::int64_t>{});
}

TEST_F(SegmentTableTest, KnowsItsEnds) {
  SegmentTable::Position last;
  bool intact = false;
  ASSERT_TRUE(table_->last(last, intact).ok());
  EXPECT_TRUE(intact);
  EXPECT_EQ(last.id, 10);
  EXPECT_EQ(last.log_bytes, bytes_);
  EXPECT_EQ(last.outbox_rows, 20);
  EXPECT_EQ(*table_->start(bytes_), 0);
}

TEST_F(SegmentTableTest, TrimsTheOldestWithinRowsBytesAndBound) {
  EXPECT_EQ(table_->trim(10, 2, 1 << 20)->id, 2);
  EXPECT_EQ(table_->trim(10, 100, 250)->id, 5);
  EXPECT_EQ(*table_->start(bytes_), bytes_ / 2);
  EXPECT_EQ(table_->trim(8, 100, 1 << 20)->id, 7);
  EXPECT_EQ(table_->trim(8, 100, 1 << 20)->id, 0);
  EXPECT_EQ(ids(0), (std::vector<std::int64_t>{8, 9, 10}));
}

TEST_F(SegmentTableTest, SeesADamagedBodyAndADamagedPosition) {
  ASSERT_TRUE(database_
                  .execute("UPDATE segment SET body=zeroblob(100) WHERE id=3;"
                           "UPDATE segment SET outbox_rows=7 WHERE id=10")
                  .ok());
  EXPECT_EQ(ids(0, true), (std::vector<std::int64_t>{1, 2, 4, 5, 6, 7, 8, 9}));
  SegmentTable::Position last;
  bool intact = true;
  ASSERT_TRUE(table_->last(last, intact).ok());
  EXPECT_FALSE(intact);
}

TEST_F(SegmentTableTest, DoesNotBelieveADamagedStart) {
  ASSERT_TRUE(database_.execute("UPDATE segment SET log_bytes=-9e18 WHERE id=1").ok());
  EXPECT_EQ(*table_->start(bytes_), bytes_);
}

}  // namespace
}  // namespace sluice::storage
