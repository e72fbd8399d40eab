#include "store/migrations.h"

#include <gtest/gtest.h>

#include "unit/store/scratch.h"

namespace sluice::storage {
namespace {

Database open(const ScratchDir& dir) {
  auto database = Database::open(dir.database());
  EXPECT_TRUE(database.ok());
  return *std::move(database);
}

TEST(Migrations, BringAnEmptyFileToTheNewestVersionAndRepeatWithoutChange) {
  const ScratchDir dir;
  Database database = open(dir);
  ASSERT_TRUE(migrate(database).ok());
  EXPECT_EQ(*database.integer("PRAGMA user_version"), schema_version());
  EXPECT_EQ(*database.integer("PRAGMA application_id"), kApplicationId);
  ASSERT_TRUE(migrate(database).ok());
}

TEST(Migrations, RefuseADatabaseOfANewerProgramInAClearSentence) {
  const ScratchDir dir;
  Database database = open(dir);
  ASSERT_TRUE(migrate(database).ok());
  ASSERT_TRUE(database.execute("PRAGMA user_version=77").ok());
  const Status status = migrate(database);
  EXPECT_EQ(status.code(), StatusCode::failed_precondition);
  EXPECT_NE(status.message().find("schema version 77"), std::string::npos);
  EXPECT_NE(status.message().find("install the newer program"), std::string::npos);
}

TEST(Migrations, CallAnotherProgramsDatabaseForeign) {
  const ScratchDir dir;
  Database database = open(dir);
  ASSERT_TRUE(database.execute("CREATE TABLE grocery(id)").ok());
  EXPECT_EQ(migrate(database).code(), StatusCode::data_loss);
  ASSERT_TRUE(database.execute("DROP TABLE grocery; PRAGMA application_id=5").ok());
  EXPECT_EQ(migrate(database).code(), StatusCode::data_loss);
}

}  // namespace
}  // namespace sluice::storage
