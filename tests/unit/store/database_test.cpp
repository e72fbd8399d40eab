#include "store/database.h"

#include <gtest/gtest.h>

#include "unit/store/scratch.h"

namespace sluice::storage {
namespace {

class DatabaseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Database::open(dir_.database());
    ASSERT_TRUE(opened.ok());
    database_ = *std::move(opened);
    ASSERT_TRUE(database_.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, body BLOB)").ok());
  }
  ScratchDir dir_;
  Database database_;
};

TEST_F(DatabaseTest, AStatementIsUsedAgainAndEmptyBytesAreNotNull) {
  Statement insert(database_, "INSERT INTO t(id, body) VALUES(?,?)");
  EXPECT_TRUE(insert.bind(1, 1).bind_blob(2, "a").run().ok());
  EXPECT_TRUE(insert.bind(1, 2).bind_blob(2, {}).run().ok());
  EXPECT_EQ(*database_.integer("SELECT count(*) FROM t WHERE body IS NOT NULL"), 2);
  EXPECT_EQ(database_.total_changes(), 2);
}

TEST_F(DatabaseTest, AReadThatStopsEarlyLeavesNoTransactionOpen) {
  ASSERT_TRUE(database_.execute("INSERT INTO t VALUES(1,'a'),(2,'b')").ok());
  Statement read(database_, "SELECT id FROM t ORDER BY id");
  int rows = 0;
  EXPECT_TRUE(read.each([&] { return ++rows < 1; }).ok());
  EXPECT_EQ(rows, 1);
  EXPECT_TRUE(database_.execute("DROP TABLE t").ok()) << "a live read would lock the table";
}

TEST_F(DatabaseTest, ATransactionThatIsNotCommittedLeavesNothing) {
  {
    Transaction transaction(database_);
    ASSERT_TRUE(transaction.begin().ok());
    ASSERT_TRUE(database_.execute("INSERT INTO t VALUES(1,'a')").ok());
  }
  EXPECT_EQ(*database_.integer("SELECT count(*) FROM t"), 0);
  Transaction next(database_);
  EXPECT_TRUE(next.begin().ok());
  EXPECT_TRUE(next.commit().ok());
}

TEST_F(DatabaseTest, TellsWhatWentWrongByCode) {
  EXPECT_EQ(database_.execute("no SQL").code(), StatusCode::internal);
  EXPECT_EQ(database_.execute("INSERT INTO t VALUES(1,'a'),(1,'b')").code(), StatusCode::data_loss)
      << "numbers are given once, so a second one tells of damage";
  Statement broken(database_, "SELECT x FROM nowhere");
  EXPECT_EQ(broken.run().code(), StatusCode::data_loss);
  EXPECT_EQ(broken.run().code(), StatusCode::data_loss) << "and says so every time";
  ASSERT_TRUE(database_.execute("PRAGMA max_page_count=3").ok());
  EXPECT_EQ(database_.execute("INSERT INTO t VALUES(9, zeroblob(100000))").code(),
            StatusCode::resource_exhausted);
  EXPECT_EQ(Database::open("/nowhere/at/all.sqlite").status().code(), StatusCode::unavailable);
}

TEST(RowCrc, SeesWhereOneColumnEndsAndTheNextBegins) {
  EXPECT_NE(row_crc({1}, {"ab", "c"}), row_crc({1}, {"a", "bc"}));
  EXPECT_NE(row_crc({1, 2}, {}), row_crc({2, 1}, {}));
  EXPECT_EQ(row_crc({1}, {"ab"}), row_crc({1}, {"ab"}));
}

}  // namespace
}  // namespace sluice::storage
