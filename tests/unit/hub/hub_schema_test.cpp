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
  EXPECT_EQ(*database.read_i64("PRAGMA user_version"), 8);
}

// The panes of a hub that did not know count windows stay, with their ids and their key.
TEST_F(HubSchema, BringsTheRowsOfSchema5Along) {
  Database database = open();
  ASSERT_TRUE(prepare_hub_schema(database).ok());
  ASSERT_TRUE(
      database
          .run(
              "DROP TABLE config_push; DROP TABLE key_set; DROP TABLE node_config; DROP TABLE "
              "event; "
              "DROP TABLE pane; CREATE TABLE pane (id INTEGER PRIMARY KEY, node_id INTEGER NOT NULL"
              " REFERENCES node (id), pipeline TEXT NOT NULL, spec_hash INTEGER NOT NULL,"
              " series_id INTEGER NOT NULL, kind INTEGER NOT NULL, start_ns INTEGER NOT NULL,"
              " end_ns INTEGER NOT NULL, revision INTEGER NOT NULL, quality INTEGER NOT NULL,"
              " count INTEGER NOT NULL, sum REAL NOT NULL, min REAL NOT NULL, max REAL NOT NULL,"
              " first REAL NOT NULL, last REAL NOT NULL, m2 REAL NOT NULL,"
              " first_time_ns INTEGER NOT NULL, last_time_ns INTEGER NOT NULL,"
              " largest_gap_ns INTEGER NOT NULL DEFAULT -1, time_integral_s REAL NOT NULL DEFAULT "
              "0,"
              " expected_every_ns INTEGER NOT NULL DEFAULT 0, extras BLOB NOT NULL DEFAULT x'',"
              " boot_id TEXT NOT NULL DEFAULT '',"
              " UNIQUE (node_id, start_ns, end_ns, kind, series_id, pipeline, spec_hash)) STRICT;"
              "CREATE INDEX pane_by_start ON pane (start_ns);"
              "CREATE INDEX pane_by_boot ON pane (boot_id) WHERE boot_id <> '';"
              "INSERT INTO node (id, node, epoch, version, last_seen_ns) VALUES (3, 'a', 'b', 'c', "
              "1);"
              "INSERT INTO pane VALUES (17, 3, 'p', -9, 5, 1, 60, 120, 2, 4, 7, 1.5, 2.5, 3.5, 4.5,"
              " 5.5, 6.5, 61, 119, 30, 8.5, 10, x'0102', 'boot-1');"
              "PRAGMA user_version=5")
          .ok());
  ASSERT_TRUE(prepare_hub_schema(database).ok());
  auto row = database.prepare(
      "SELECT id, node_id, pipeline, spec_hash, series_id, kind, start_ns, end_ns, ordinal,"
      " revision, quality, count, first_time_ns, last_time_ns, largest_gap_ns, expected_every_ns,"
      " extras, boot_id, sum + min + max + first + last + m2 + time_integral_s FROM pane");
  ASSERT_TRUE(row.ok() && *row->step());
  const std::int64_t expected[] = {17, 3, 0, -9, 5, 1, 60, 120, 0, 2, 4, 7, 61, 119, 30, 10};
  for (int i = 0; i < 16; ++i) {
    if (i == 2) continue;
    EXPECT_EQ(row->column_i64(i), expected[i]) << i;
  }
  EXPECT_EQ(row->column_bytes(2), "p");
  EXPECT_EQ(row->column_bytes(16), "\x01\x02");
  EXPECT_EQ(row->column_bytes(17), "boot-1");
  EXPECT_EQ(row->column_f64(18), 32.5);
  EXPECT_EQ(*database.read_i64("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'pane_by%'"), 2);
}

}  // namespace
}  // namespace sluice::hub
