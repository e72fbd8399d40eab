#include "hub/sqlite.h"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "unit/hub/hub_samples.h"

namespace sluice::hub {
namespace {

Database open(const TempDir& dir) {
  auto database = Database::open(dir.file("t.db"), Database::Mode::read_write);
  EXPECT_TRUE(database.ok()) << database.status().to_string();
  return std::move(*database);
}

TEST(Sqlite, GivesBackWhatWasBoundBitForBit) {
  const TempDir dir;
  Database database = open(dir);
  ASSERT_TRUE(database.run("CREATE TABLE t (i INTEGER, r REAL, t TEXT, b BLOB) STRICT").ok());
  auto insert = database.prepare("INSERT INTO t VALUES (?, ?, ?, ?)");
  ASSERT_TRUE(insert.ok());
  const std::string blob("\0\xFF\0", 3);
  insert->bind(0, std::numeric_limits<std::int64_t>::min()).bind(1, 5e-324);
  insert->bind_text(2, std::string_view()).bind_blob(3, blob);
  ASSERT_TRUE(insert->run().ok());
  auto row = database.prepare("SELECT i, r, t, b FROM t WHERE t IS NOT NULL");
  ASSERT_TRUE(row.ok());
  ASSERT_TRUE(*row->step());
  EXPECT_EQ(row->column_i64(0), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(row->column_f64(1), 5e-324);
  EXPECT_EQ(row->column_bytes(2), "");
  EXPECT_EQ(row->column_bytes(3), blob);
}

TEST(Sqlite, NamesTheFileThatCannotBeOpened) {
  const auto missing = Database::open("/nonexistent/hub.db", Database::Mode::read_write);
  EXPECT_EQ(missing.status().code(), StatusCode::unavailable);
  EXPECT_NE(missing.status().message().find("/nonexistent/hub.db"), std::string_view::npos);
  const TempDir dir;
  std::ofstream(dir.file("t.db")) << std::string(4096, 'x');
  const auto garbage = Database::open(dir.file("t.db"), Database::Mode::read_write);
  EXPECT_EQ(garbage.status().code(), StatusCode::data_loss);
  EXPECT_NE(garbage.status().message().find("not a database"), std::string_view::npos);
}

TEST(Sqlite, StopsALongStatementWhenItsCallerIsGone) {
  const TempDir dir;
  Database database = open(dir);
  database.set_interrupt([] { return true; });
  const Status status = database.run(
      "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n");
  EXPECT_EQ(status.code(), StatusCode::cancelled);
}

TEST(Sqlite, ReportsABrokenStatementInsteadOfRunningIt) {
  const TempDir dir;
  Database database = open(dir);
  EXPECT_FALSE(database.prepare("SELEKT 1").ok());
  auto one = database.prepare("SELECT ?");
  ASSERT_TRUE(one.ok());
  one->bind(7, std::int64_t{1});
  EXPECT_EQ(one->step().status().code(), StatusCode::internal);
}

}  // namespace
}  // namespace sluice::hub
