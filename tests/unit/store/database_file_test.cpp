#include "store/database_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "unit/store/scratch.h"

namespace sluice::storage {
namespace {

namespace fs = std::filesystem;

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST(PageBudget, LeavesTheWriteAheadLogItsPartOfTheQuota) {
  for (const std::uint64_t mib : {1, 8, 512, 65536}) {
    const PageBudget budget = page_budget(mib << 20);
    EXPECT_GT(budget.database_pages, 100);
    EXPECT_LE(budget.wal_pages, 1000);
    EXPECT_LE(static_cast<std::uint64_t>(budget.database_pages * kPageBytes +
                                         2 * budget.wal_pages * (kPageBytes + 24)),
              mib << 20);
    const PageBudget with_checkpoint = page_budget(mib << 20, mib << 18);
    EXPECT_GT(with_checkpoint.database_pages, 90);
    EXPECT_GE(with_checkpoint.wal_bytes_max,
              budget.wal_bytes_max + static_cast<std::int64_t>(mib << 18));
  }
}

TEST(DatabaseFile, IsClosedToOthersAndSetUpForPowerCuts) {
  const ScratchDir dir;
  auto database = open_database(system_files(), dir.database(), 8 << 20);
  ASSERT_TRUE(database.ok());
  EXPECT_EQ(fs::status(dir.database()).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(*database->text("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(*database->integer("PRAGMA synchronous"), 2);
  EXPECT_EQ(*database->text("PRAGMA locking_mode"), "exclusive");
  EXPECT_EQ(*database->integer("PRAGMA page_size"), kPageBytes);
  EXPECT_EQ(*database->integer("PRAGMA max_page_count"), page_budget(8 << 20).database_pages);
  EXPECT_FALSE(fs::exists(dir.database() + "-shm"));
}

TEST(DatabaseFile, ASecondOpenerIsToldThatTheFileIsInUse) {
  const ScratchDir dir;
  auto first = open_database(system_files(), dir.database(), 8 << 20);
  ASSERT_TRUE(first.ok());
  const auto second = open_database(system_files(), dir.database(), 8 << 20);
  EXPECT_EQ(second.status().code(), StatusCode::unavailable) << "it may be gone at the next start";
  EXPECT_NE(second.status().message().find("in use by another process"), std::string::npos);
}

TEST(DatabaseFile, SaysThatGarbageIsDamaged) {
  const ScratchDir dir;
  write_file(dir.database(), std::string(5000, 'x'));
  EXPECT_EQ(open_database(system_files(), dir.database(), 8 << 20).status().code(),
            StatusCode::data_loss);
}

TEST(DatabaseFile, SetsADamagedFileAsideWithItsLogAndKeepsTheNewestTwo) {
  const ScratchDir dir;
  for (int i = 1; i <= 4; ++i) {
    write_file(dir.database(), "database " + std::to_string(i));
    write_file(dir.database() + "-wal", "log");
    mark_suspect(system_files(), dir.database());
    auto kept = set_aside(system_files(), dir.database());
    ASSERT_TRUE(kept.ok());
    EXPECT_EQ(*kept, dir.database() + ".damaged-" + std::to_string(i));
    EXPECT_TRUE(fs::exists(*kept + "-wal"));
    EXPECT_FALSE(fs::exists(dir.database() + "-wal"));
    EXPECT_FALSE(fs::exists(dir.database() + ".suspect"));
  }
  EXPECT_FALSE(fs::exists(dir.database() + ".damaged-2"));
  EXPECT_FALSE(fs::exists(dir.database() + ".damaged-2-wal"));
  EXPECT_TRUE(fs::exists(dir.database() + ".damaged-3"));
  EXPECT_EQ(set_aside(system_files(), dir.database()).status().code(), StatusCode::unavailable);
}

TEST(DatabaseFile, ASuspectFileIsCheckedPageByPage) {
  const ScratchDir dir;
  {
    auto database = open_database(system_files(), dir.database(), 8 << 20);
    ASSERT_TRUE(database.ok());
    for (int i = 1; i <= 50; ++i) {
      ASSERT_TRUE(database
                      ->execute("INSERT INTO segment VALUES(" + std::to_string(i) +
                                ",0,0,0,randomblob(3000))")
                      .ok());
    }
  }
  mark_suspect(system_files(), dir.database());
  { EXPECT_TRUE(open_database(system_files(), dir.database(), 8 << 20).ok()); }
  EXPECT_FALSE(fs::exists(dir.database() + ".suspect")) << "a clean check clears the mark";
  {
    std::fstream file(dir.database(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(30 * kPageBytes);
    file << std::string(kPageBytes, '\xEE');
  }
  {
    EXPECT_TRUE(open_database(system_files(), dir.database(), 8 << 20).ok())
        << "unsuspected, nothing is read";
  }
  mark_suspect(system_files(), dir.database());
  EXPECT_EQ(open_database(system_files(), dir.database(), 8 << 20).status().code(),
            StatusCode::data_loss);
}

}  // namespace
}  // namespace sluice::storage
