#include "fakes/sim_disk.h"

#include <gtest/gtest.h>

#include <set>

#include "store/database.h"

// The simulated disk itself: that it is as hostile as it says, and no more.

namespace sluice {
namespace {

using storage::Database;

const std::string kPath = "/db/test.sqlite";

/// A database with one table, in the mode our store uses.
Result<Database> open_on(SimDisk& disk, const std::string& synchronous) {
  auto database = Database::open(kPath, disk.vfs());
  if (!database.ok()) return database.status();
  const Status status = database->execute(
      "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=8;"
      " PRAGMA synchronous=" +
      synchronous + "; CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, body BLOB)");
  if (!status.ok()) return status;
  return database;
}

/// Commits numbered rows until the power goes; gives how many commits returned.
std::int64_t commit_until_down(SimDisk& disk, const std::string& synchronous) {
  auto database = open_on(disk, synchronous);
  if (!database.ok()) return 0;
  std::int64_t last = 0;
  while (
      database->execute("INSERT INTO t VALUES(" + std::to_string(last + 1) + ", randomblob(300))")
          .ok()) {
    ++last;
  }
  EXPECT_TRUE(disk.down());
  return last;
}

/// Of 300 power cuts, how many lost a commit that had returned or damaged the database.
int cuts_that_lost(const std::string& synchronous, SimDisk::Options options) {
  int lost = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SimDisk disk(seed, options);
    SimDisk::seed_sqlite(static_cast<std::uint32_t>(seed));
    disk.cut_power_after(40 + seed);
    const std::int64_t committed = commit_until_down(disk, synchronous);
    disk.bring_up();
    auto database = open_on(disk, synchronous);
    if (!database.ok() || *database->text("PRAGMA integrity_check") != "ok" ||
        *database->integer("SELECT count(*) FROM t") < committed) {
      ++lost;
    }
  }
  return lost;
}

TEST(SimDisk, LosesNoCommitOfSqliteThatSyncsAndManyOfOneThatDoesNot) {
  SimDisk::Options plain;
  EXPECT_EQ(cuts_that_lost("FULL", plain), 0);
  EXPECT_GT(cuts_that_lost("OFF", plain), 100);
  EXPECT_GT(cuts_that_lost("NORMAL", plain), 100);
  SimDisk::Options liar;
  liar.lying_syncs = 0.3;
  EXPECT_GT(cuts_that_lost("FULL", liar), 30);
}

TEST(SimDisk, DoesTheSameAgainFromTheSameSeed) {
  std::set<std::string> images;
  for (int run = 0; run < 2; ++run) {
    SimDisk disk(7, {});
    SimDisk::seed_sqlite(7);
    disk.cut_power_after(120);
    commit_until_down(disk, "OFF");
    disk.bring_up();
    std::string all;
    for (const auto& [path, bytes] : disk.image()) all += path + bytes;
    images.insert(all);
  }
  EXPECT_EQ(images.size(), 1u);
}

TEST(SimDisk, AKilledProcessLosesNothingItWroteUntilThePowerGoesToo) {
  SimDisk disk(1, {});
  disk.kill_process_after(150);
  const std::int64_t committed = commit_until_down(disk, "OFF");
  disk.bring_up();
  {
    auto database = open_on(disk, "OFF");
    ASSERT_TRUE(database.ok());
    EXPECT_GE(*database->integer("SELECT count(*) FROM t"), committed);
  }
}

TEST(SimDisk, NamesAreVolatileUntilTheirFolderIsSynced) {
  int kept = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SimDisk disk(seed, {});
    ASSERT_TRUE(disk.create("/db/synced").ok());
    ASSERT_TRUE(disk.sync_directory("/db").ok());
    ASSERT_TRUE(disk.create("/db/new").ok());
    ASSERT_TRUE(disk.rename("/db/synced", "/db/renamed").ok());
    disk.cut_power_after(0);
    EXPECT_FALSE(disk.create("/db/late").ok());
    disk.bring_up();
    EXPECT_NE(disk.exists("/db/synced"), disk.exists("/db/renamed"));
    kept += disk.exists("/db/new") ? 1 : 0;
  }
  EXPECT_GT(kept, 20);
  EXPECT_LT(kept, 80);
}

TEST(SimDisk, AFullDiskSaysFullAndAReadOnlyOneRefuses) {
  SimDisk disk(1, {});
  auto database = open_on(disk, "FULL");
  ASSERT_TRUE(database.ok());
  const std::string insert = "INSERT INTO t(body) VALUES(randomblob(9000))";
  ASSERT_TRUE(database->execute(insert).ok());
  disk.set_capacity(1);
  EXPECT_EQ(database->execute(insert).code(), StatusCode::resource_exhausted);
  disk.set_capacity(0);
  EXPECT_TRUE(database->execute(insert).ok());
  disk.set_read_only(true);
  EXPECT_EQ(database->execute(insert).code(), StatusCode::unavailable);
  disk.set_read_only(false);
  EXPECT_TRUE(database->execute(insert).ok());
  EXPECT_EQ(*database->integer("SELECT count(*) FROM t"), 3);
}

TEST(SimDisk, ASecondOpenerOfAnExclusiveDatabaseIsBusy) {
  SimDisk disk(1, {});
  auto first = open_on(disk, "FULL");
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(open_on(disk, "FULL").status().code(), StatusCode::failed_precondition);
}

TEST(SimDisk, TheNthOperationFailsAndTheNextDoesNot) {
  SimDisk disk(1, {});
  auto database = open_on(disk, "FULL");
  ASSERT_TRUE(database.ok());
  disk.fail(SimDisk::Fault::io_error, 2, 1);
  EXPECT_EQ(database->execute("INSERT INTO t(body) VALUES(1)").code(), StatusCode::unavailable);
  EXPECT_EQ(disk.faults(), 1u);
  EXPECT_TRUE(database->execute("INSERT INTO t(body) VALUES(1)").ok());
}

}  // namespace
}  // namespace sluice
