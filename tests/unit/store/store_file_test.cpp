#include "store/store_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "store/database_file.h"
#include "unit/store/opened_store.h"

namespace sluice::storage {
namespace {

namespace fs = std::filesystem;

TEST_F(StoreFileTest, GivesBackAWholeGroupAfterReopen) {
  std::mt19937_64 random(1);
  CommitGroup group = numbered_group(1);
  group.segment.entries.push_back(StartEntry{5});
  group.segment.entries.push_back(BatchEntry{6, {}, wild_batch(random, 50)});
  group.series = {{1, "series one"}, {2, "series two"}};
  group.topics = {{1, "topic one"}};
  close_panes(group, "room", 3, "block a");
  close_panes(group, "hall", 4, "block b");
  std::string epoch;
  {
    const auto file = open();
    ASSERT_TRUE(file->commit(&group, {}).ok());
    EXPECT_EQ(group.outbox[0].seq, 1);
    EXPECT_EQ(group.outbox[1].seq, 2);
    epoch = file->epoch();
    EXPECT_EQ(epoch.size(), 32u);
  }
  const auto file = open();
  const Recovered recovered = file->take_recovered();
  EXPECT_EQ(file->epoch(), epoch);
  ASSERT_EQ(recovered.series.size(), 2u);
  EXPECT_EQ(recovered.series[1].bytes, "series two");
  ASSERT_EQ(recovered.topics.size(), 1u);
  EXPECT_TRUE(recovered.checkpoint.empty());
  EXPECT_EQ(recovered.next_seq, 3);
  EXPECT_EQ(recovered.segments_after_checkpoint, 1u);
  EXPECT_EQ(recovered.ledger, group.segment.ledger);
  std::vector<Segment> segments;
  ASSERT_TRUE(file->replay([&](const Segment& s) {
                    segments.push_back(s);
                    return Status();
                  })
                  .ok());
  ASSERT_EQ(segments.size(), 1u);
  EXPECT_EQ(segments[0], group.segment);
  const auto rows = file->read_outbox(0, 1 << 20);
  ASSERT_TRUE(rows.ok());
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[1].pipeline, "hall");
  EXPECT_EQ((*rows)[1].bytes, "block b");
}

TEST_F(StoreFileTest, AnOrdinaryCommitWritesOneRow) {
  const auto file = open();
  const std::int64_t before = file->database().total_changes();
  commit(*file, 1, 10);
  EXPECT_EQ(file->database().total_changes() - before, 10);
  EXPECT_EQ(*file->database().integer("SELECT count(*) FROM segment"), 10);
}

TEST_F(StoreFileTest, RecoversFromTheCheckpointAndReplaysOnlyWhatCameAfter) {
  {
    const auto file = open();
    commit(*file, 1, 4);
    CommitGroup fifth = numbered_group(5);
    fifth.checkpoint =
        std::vector<CheckpointPart>{{"pipeline/room", "state of five"}, {"dedupe", "d"}};
    ASSERT_TRUE(file->commit(&fifth, {}).ok());
    commit(*file, 6, 8);
  }
  const auto file = open();
  const Recovered recovered = file->take_recovered();
  ASSERT_EQ(recovered.checkpoint.size(), 2u);
  EXPECT_EQ(recovered.checkpoint[0].bytes, "state of five");
  EXPECT_EQ(recovered.segments_after_checkpoint, 3u);
  EXPECT_EQ(recovered.ledger.sum(LedgerKind::messages, Term::received), 8);
  EXPECT_EQ(replayed(*file), (std::vector<std::uint64_t>{6, 7, 8}));
}

TEST_F(StoreFileTest, ACommitThatFailsLeavesNoTrace) {
  options_.quota_bytes = 1 << 20;
  std::mt19937_64 random(1);
  const auto file = open();
  commit(*file, 1, 2);
  const Ledger before = file->ledger();
  CommitGroup huge = numbered_group(3);
  close_panes(huge, "room", 1, random_bytes(random, 2 << 20));
  huge.checkpoint = std::vector<CheckpointPart>{{"part", "bytes"}};
  EXPECT_EQ(file->commit(&huge, {}).code(), StatusCode::resource_exhausted);
  EXPECT_EQ(file->ledger(), before);
  EXPECT_EQ(file->next_seq(), 1);
  CommitGroup fits = numbered_group(3);
  close_panes(fits, "room", 1, "small");
  fits.checkpoint = std::vector<CheckpointPart>{{"part", "bytes"}};
  ASSERT_TRUE(file->commit(&fits, {}).ok());
  EXPECT_EQ(fits.outbox[0].seq, 1);
  EXPECT_EQ(*file->database().integer("SELECT count(*) FROM checkpoint_part"), 1);
}

TEST_F(StoreFileTest, RefusesOptionsThatCannotWork) {
  options_.quota_bytes = 1000;
  EXPECT_EQ(StoreFile::open(options_, clock_).status().code(), StatusCode::invalid_argument);
  options_.quota_bytes = 8 << 20;
  options_.raw_share = 1.5;
  EXPECT_EQ(StoreFile::open(options_, clock_).status().code(), StatusCode::invalid_argument);
  options_.raw_share = 0.5;
  options_.dir = "/proc/no-such-folder";
  EXPECT_EQ(StoreFile::open(options_, clock_).status().code(), StatusCode::unavailable);
}

TEST_F(StoreFileTest, ANewerSchemaIsRefusedAndLeftAlone) {
  { open(); }
  tamper(dir_, "PRAGMA user_version=77");
  EXPECT_EQ(StoreFile::open(options_, clock_).status().code(), StatusCode::failed_precondition);
  EXPECT_FALSE(fs::exists(dir_.database() + ".damaged-1"));
}

TEST_F(StoreFileTest, ADamagedOrForeignDatabaseIsSetAsideAndANewOneBegun) {
  const std::string damages[] = {
      "UPDATE meta SET value='x' WHERE key='machine_id'",
      "UPDATE epoch SET epoch='x'",
      "UPDATE series SET body='x'",
      "DELETE FROM checkpoint_part",
      "DELETE FROM meta WHERE key='checkpoint'",
      "DELETE FROM segment",
      "DROP TABLE outbox",
      "PRAGMA application_id=7",
  };
  std::string epoch;
  int number = 0;
  for (const std::string& damage : damages) {
    {
      const auto file = open();
      epoch = file->epoch();
      CommitGroup group = numbered_group(1);
      group.series = {{1, "series"}};
      group.checkpoint = std::vector<CheckpointPart>{{"part", "state"}};
      ASSERT_TRUE(file->commit(&group, {}).ok());
    }
    tamper(dir_, damage);
    const auto file = open();
    EXPECT_TRUE(file->rebuilt()) << damage;
    EXPECT_NE(file->epoch(), epoch);
    EXPECT_TRUE(file->take_recovered().series.empty());
    EXPECT_TRUE(fs::exists(dir_.database() + ".damaged-" + std::to_string(++number)));
    commit(*file, 1, 1);
  }
}

TEST_F(StoreFileTest, PartsOfTwoCheckpointsAreNotTakenForOne) {
  {
    const auto file = open();
    for (const char* state : {"old", "new"}) {
      CommitGroup group = numbered_group(1);
      group.checkpoint = std::vector<CheckpointPart>{{"a", state}, {"b", state}};
      ASSERT_TRUE(file->commit(&group, {}).ok());
      ASSERT_TRUE(file->database()
                      .execute("CREATE TABLE IF NOT EXISTS before AS SELECT * FROM checkpoint_part")
                      .ok());
    }
  }
  // As a page that a lying disk left old: the row's own checksum is right.
  tamper(dir_,
         "INSERT OR REPLACE INTO checkpoint_part SELECT * FROM before WHERE name='b';"
         "DROP TABLE before");
  EXPECT_TRUE(open()->rebuilt());
}

TEST_F(StoreFileTest, ANameThatLostABitInTheSchemaIsDamageThatTheOpenFinds) {
  { open(); }
  tamper(dir_, "ALTER TABLE dead_letter RENAME COLUMN body TO bodx");
  EXPECT_TRUE(open()->rebuilt());
}

std::string read_file(const std::string& path) {
  std::stringstream read;
  read << std::ifstream(path, std::ios::binary).rdbuf();
  return read.str();
}

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

/// Where in the file the table's first page begins. What is in a page: SQLite's format, 1.6.
std::size_t root_of(const ScratchDir& dir, const std::string& table) {
  auto database = Database::open(dir.database());
  const auto root =
      database->integer("SELECT rootpage FROM sqlite_schema WHERE name='" + table + "'");
  return static_cast<std::size_t>(*root - 1) * kPageBytes;
}

/// Makes the second child of the table's root its first one again.
void make_tree_repeat(const ScratchDir& dir, const std::string& table) {
  const std::size_t page = root_of(dir, table);
  std::string bytes = read_file(dir.database());
  const auto cell = [&](std::size_t i) {
    const auto at = [&](std::size_t n) { return static_cast<unsigned char>(bytes[page + n]); };
    return page + at(12 + 2 * i) * 256u + at(13 + 2 * i);
  };
  ASSERT_EQ(bytes[page], 5) << "the table has more than a page";
  bytes.replace(cell(1), 4, bytes, cell(0), 4);
  write_file(dir.database(), bytes);
}

// A page's pointer may lead anywhere, also back. What comes twice must not be sent or applied
// twice.
TEST_F(StoreFileTest, RowsThatComeAgainInADamagedTreeAreDamage) {
  {
    const auto file = open();
    for (std::uint64_t n = 1; n <= 200; ++n) {
      CommitGroup group = numbered_group(n);
      close_panes(group, "room", 2, std::string(500, 'b'));
      ASSERT_TRUE(file->commit(&group, {}).ok());
    }
  }
  make_tree_repeat(dir_, "outbox");
  EXPECT_EQ(open()->read_outbox(0, 1 << 20).status().code(), StatusCode::data_loss);
  make_tree_repeat(dir_, "segment");
  EXPECT_TRUE(open()->rebuilt());
}

/// Breaks the chain of pages of a table that is one long row.
void break_long_row(const ScratchDir& dir, const std::string& table) {
  const std::size_t page = root_of(dir, table);
  std::string bytes = read_file(dir.database());
  bytes[page + kPageBytes - 4] = 1;  // the first byte of the next page's number
  write_file(dir.database(), bytes);
}

// SQLite calls a page number above its limit "full". Taken at its word, the store would wait for
// room for ever.
TEST_F(StoreFileTest, APageNumberBeyondTheQuotaIsDamageNotAFullDisk) {
  {
    const auto file = open();
    CommitGroup group = numbered_group(1);
    close_panes(group, "room", 2, std::string(20'000, 'b'));
    group.checkpoint = std::vector<CheckpointPart>{{"part", std::string(20'000, 'p')}};
    ASSERT_TRUE(file->commit(&group, {}).ok());
  }
  break_long_row(dir_, "outbox");
  EXPECT_EQ(open()->read_outbox(0, 1 << 20).status().code(), StatusCode::data_loss);
  const std::string of_outbox = read_file(dir_.database());
  break_long_row(dir_, "checkpoint_part");
  EXPECT_TRUE(open()->rebuilt());

  std::string bytes = of_outbox;
  bytes[39] = 77;  // how many pages are free: has all written anew
  write_file(dir_.database(), bytes);
  EXPECT_TRUE(open()->rebuilt());
}

// Offsets are those of SQLite's file format, 1.3.
TEST_F(StoreFileTest, AHeaderThatLostABitIsDamageOrSaysAVersionThatIsRefused) {
  struct Case {
    std::size_t at;
    StatusCode refused;  ///< ok: rebuilt
    char bit = 1;
  };
  constexpr Case kCases[] = {{0, StatusCode::ok},                    // "SQLite format 3"
                             {16, StatusCode::ok},                   // page size
                             {18, StatusCode::failed_precondition},  // who may write it
                             {19, StatusCode::ok},                   // who may read it
                             {47, StatusCode::ok},                   // format of the schema
                             {61, StatusCode::failed_precondition},  // our version: a later one
                             {63, StatusCode::ok, 4},                // an earlier one
                             {71, StatusCode::ok}};                  // whose file it is
  { open(); }
  const std::string good = read_file(dir_.database());
  for (const Case& c : kCases) {
    std::string bad = good;
    bad[c.at] = static_cast<char>(bad[c.at] ^ c.bit);
    write_file(dir_.database(), bad);
    const auto file = StoreFile::open(options_, clock_);
    EXPECT_EQ(file.status().code(), c.refused) << c.at << ": " << file.status().to_string();
    EXPECT_TRUE(!file.ok() || (*file)->rebuilt()) << c.at;
  }
}

// Whatever the flash does to the file, the node starts, never hands out a changed row, and commits.
TEST_F(StoreFileTest, StartsAgainAfterAnyBytesOfTheFileChanged) {
  const std::uint64_t seed = fresh_seed();
  std::mt19937_64 random(seed);
  {
    const auto file = open();
    for (std::uint64_t n = 1; n <= 60; ++n) {
      CommitGroup group = numbered_group(n);
      group.series = {{static_cast<std::uint32_t>(n), "series " + std::to_string(n)}};
      close_panes(group, "room", 2, "block " + std::to_string(n) + std::string(500, 'b'));
      if (n % 20 == 0)
        group.checkpoint =
            std::vector<CheckpointPart>{{"part", std::string(3000, static_cast<char>(n))}};
      ASSERT_TRUE(file->commit(&group, {}).ok());
    }
  }
  const std::string good = read_file(dir_.database());
  int rebuilt = 0;
  for (int round = 0; round < 150; ++round) {
    std::string bad = good;
    const std::size_t hits = 1 + random() % 20;
    for (std::size_t i = 0; i < hits; ++i) {
      char& byte = bad[random() % bad.size()];
      byte = static_cast<char>(byte ^ (1 << (random() % 8)));
    }
    if (round % 10 == 0) bad.resize(random() % bad.size());
    write_file(dir_.database(), bad);
    auto file = StoreFile::open(options_, clock_);
    if (!file.ok()) {
      // One flip in the header makes a version of the future: refused, by design.
      ASSERT_EQ(file.status().code(), StatusCode::failed_precondition)
          << file.status().to_string() << " seed " << seed;
      continue;
    }
    rebuilt += (*file)->rebuilt() ? 1 : 0;
    static_cast<void>((*file)->replay([](const Segment&) { return Status(); }));
    const auto rows = (*file)->read_outbox(0, 1 << 20);
    for (const OutboxRow& row : rows.ok() ? *rows : std::vector<OutboxRow>()) {
      ASSERT_EQ(row.bytes, "block " + std::to_string(row.seq) + std::string(500, 'b'));
    }
    ASSERT_EQ((*file)->ledger().difference(), 0) << "seed " << seed;
    CommitGroup group = numbered_group(61);
    static_cast<void>((*file)->commit(&group, {}));
  }
  EXPECT_GT(rebuilt, 0) << "seed " << seed;
}

}  // namespace
}  // namespace sluice::storage
