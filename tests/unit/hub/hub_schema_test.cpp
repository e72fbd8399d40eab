#include "hub/hub_schema.h"

#include <gtest/gtest.h>

#include "unit/hub/hub_samples.h"

namespace sluice::hub {
namespace {

class HubSchema : public testing::Test {
 protected:
  Database open() {
    auto database = Database::open(dir_.file("hub.db"), Database::Mode::read_write);
    EXPECT_TRUE(database.ok());
    return std::move(*database);
  }
  TempDir dir_;
};

TEST_F(HubSchema, IsMadeOnceAndFoundAgain) {
  {
    Database database = open();
    ASSERT_TRUE(prepare_hub_schema(database).ok());
    ASSERT_TRUE(database
                    .run("INSERT INTO node (node, epoch, version, last_seen_ns)"
                         " VALUES ('a', 'b', 'c', 1)")
                    .ok());
  }
  Database database = open();
  ASSERT_TRUE(prepare_hub_schema(database).ok());
  EXPECT_EQ(*database.read_i64("SELECT count(*) FROM node"), 1);
}

TEST_F(HubSchema, CommitsToFlashInWalMode) {
  Database database = open();
  ASSERT_TRUE(prepare_hub_schema(database).ok());
  EXPECT_EQ(*database.read_i64("PRAGMA synchronous"), 2);
  auto mode = database.prepare("PRAGMA journal_mode");
  ASSERT_TRUE(mode.ok() && *mode->step());
  EXPECT_EQ(mode->column_bytes(0), "wal");
}

TEST_F(HubSchema, LeavesANewerHubsDatabaseAlone) {
  Database database = open();
  ASSERT_TRUE(prepare_hub_schema(database).ok());
  ASSERT_TRUE(database.run("PRAGMA user_version=99").ok());
  const Status status = prepare_hub_schema(database);
  EXPECT_EQ(status.code(), StatusCode::failed_precondition);
  EXPECT_NE(status.message().find("schema 99"), std::string_view::npos) << status.message();
  EXPECT_EQ(*database.read_i64("PRAGMA user_version"), 99);
}

TEST_F(HubSchema, LeavesAnotherProgramsDatabaseAlone) {
  Database database = open();
  ASSERT_TRUE(database.run("CREATE TABLE theirs (x)").ok());
  EXPECT_EQ(prepare_hub_schema(database).code(), StatusCode::failed_precondition);
  EXPECT_EQ(*database.read_i64("SELECT count(*) FROM sqlite_schema"), 1);
  EXPECT_EQ(*database.read_i64("PRAGMA user_version"), 0);
}

// The file of a hub that was killed between creating it and its first migration.
TEST_F(HubSchema, StartsFromAnEmptyFile) {
  open();
  Database database = open();
  EXPECT_TRUE(prepare_hub_schema(database).ok());
  EXPECT_EQ(*database.read_i64("PRAGMA user_version"), 5);
}

}  // namespace
}  // namespace sluice::hub
