#include "store/state_tables.h"

#include <gtest/gtest.h>

#include "store/migrations.h"
#include "unit/store/scratch.h"

namespace sluice::storage {
namespace {

class StateTablesTest : public ::testing::Test {
 protected:
  StateTablesTest() { EXPECT_TRUE(migrate(database_).ok()); }
  ScratchDir dir_;
  Database database_ = *Database::open(dir_.database());
};

TEST_F(StateTablesTest, MetaKeepsTheLastValueAndSeesDamage) {
  MetaTable meta(database_);
  EXPECT_EQ(*meta.get("epoch"), "");
  ASSERT_TRUE(meta.put("epoch", "one").ok());
  ASSERT_TRUE(meta.put("epoch", "two").ok());
  EXPECT_EQ(*meta.get("epoch"), "two");
  ASSERT_TRUE(database_.execute("UPDATE meta SET value='twp'").ok());
  EXPECT_EQ(meta.get("epoch").status().code(), StatusCode::data_loss);
}

TEST_F(StateTablesTest, ADefinitionNeverChangesItsMeaning) {
  DefinitionTable series(database_, "series");
  ASSERT_TRUE(series.insert({2, "b"}).ok());
  ASSERT_TRUE(series.insert({1, "a"}).ok());
  ASSERT_TRUE(series.insert({1, "another"}).ok());
  const auto loaded = series.load();
  ASSERT_TRUE(loaded.ok());
  ASSERT_EQ(loaded->size(), 2u);
  EXPECT_EQ((*loaded)[0].id, 1u);
  EXPECT_EQ((*loaded)[0].bytes, "a");
  EXPECT_EQ((*loaded)[1].bytes, "b");
  ASSERT_TRUE(database_.execute("UPDATE series SET id=3 WHERE id=2").ok());
  EXPECT_EQ(series.load().status().code(), StatusCode::data_loss);
}

TEST_F(StateTablesTest, ACheckpointRewritesOnlyThePartsThatChanged) {
  CheckpointTable table(database_);
  auto known = table.replace(1, {}, {{"windows", "w1"}, {"dedupe", "d1"}, {"gone", "g"}});
  ASSERT_TRUE(known.ok());
  table.adopt(*known);
  const std::int64_t before = database_.total_changes();
  known = table.replace(2, {}, {{"windows", "w2"}, {"dedupe", "d1"}});
  ASSERT_TRUE(known.ok());
  EXPECT_EQ(database_.total_changes() - before, 4)
      << "windows and the position written, the old windows and gone deleted";
  table.adopt(*known);

  CheckpointTable later(database_);
  const auto loaded = later.load();
  ASSERT_TRUE(loaded.ok());
  ASSERT_EQ(loaded->parts.size(), 2u);
  EXPECT_EQ(loaded->parts[0].name, "windows");
  EXPECT_EQ(loaded->parts[0].bytes, "w2");
  EXPECT_EQ(loaded->parts[1].bytes, "d1");
  const std::int64_t changes = database_.total_changes();
  ASSERT_TRUE(later.replace(2, {}, {{"windows", "w2"}, {"dedupe", "d1"}}).ok());
  EXPECT_EQ(database_.total_changes() - changes, 1) << "what was loaded is known too";
}

// A new row that is written before the old one goes would need both.
TEST_F(StateTablesTest, ACheckpointTakesThePlaceOfTheLastInADatabaseWithRoomForOne) {
  ASSERT_TRUE(database_.execute("PRAGMA max_page_count=600").ok());
  CheckpointTable table(database_);
  std::vector<CheckpointPart> parts{{"large", {}}, {"larger", {}}};
  for (char fill = 'a'; fill < 'f'; ++fill) {
    parts[0].bytes.assign(500'000, fill);
    parts[1].bytes.assign(1'500'000, fill);
    Transaction transaction(database_);
    ASSERT_TRUE(transaction.begin().ok());
    auto known = table.replace(fill, {}, parts);
    ASSERT_TRUE(known.ok()) << known.status().to_string();
    ASSERT_TRUE(transaction.commit().ok());
    table.adopt(*std::move(known));
  }
}

TEST_F(StateTablesTest, ACheckpointSaysWhereInTheLogItWasMade) {
  CheckpointTable table(database_);
  const auto none = table.load();
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->segment_id, 0);
  EXPECT_TRUE(none->ledger.empty());
  Ledger total;
  total.add(LedgerKind::messages, "mqtt/1", Term::received, 5);
  ASSERT_TRUE(table.replace(7, total, {}).ok());
  const auto loaded = CheckpointTable(database_).load();
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded->segment_id, 7);
  EXPECT_EQ(loaded->ledger, total);
  EXPECT_TRUE(loaded->parts.empty());
}

TEST_F(StateTablesTest, PartsWithoutTheirPositionOrOfAnotherCheckpointAreDataLoss) {
  CheckpointTable table(database_);
  ASSERT_TRUE(database_.execute("BEGIN").ok());
  ASSERT_TRUE(table.replace(1, {}, {{"windows", "w1"}}).ok());
  ASSERT_TRUE(database_.execute("DELETE FROM meta").ok());
  EXPECT_EQ(table.load().status().code(), StatusCode::data_loss);
  ASSERT_TRUE(database_.execute("ROLLBACK; BEGIN").ok());
  ASSERT_TRUE(CheckpointTable(database_).replace(1, {}, {{"windows", "w1"}}).ok());
  ASSERT_TRUE(database_.execute("DELETE FROM checkpoint_part").ok());
  EXPECT_EQ(table.load().status().code(), StatusCode::data_loss);
}

// The transaction was rolled back: the table must not believe that the parts are there.
TEST_F(StateTablesTest, PartsThatWereRolledBackAreWrittenAgain) {
  CheckpointTable table(database_);
  {
    Transaction transaction(database_);
    ASSERT_TRUE(transaction.begin().ok());
    ASSERT_TRUE(table.replace(1, {}, {{"windows", "w1"}}).ok());
  }
  ASSERT_TRUE(table.replace(1, {}, {{"windows", "w1"}}).ok());
  EXPECT_EQ(*database_.integer("SELECT count(*) FROM checkpoint_part"), 1);
}

TEST_F(StateTablesTest, ADamagedPartIsDataLoss) {
  CheckpointTable table(database_);
  ASSERT_TRUE(table.replace(1, {}, {{"windows", "w1"}}).ok());
  ASSERT_TRUE(database_.execute("UPDATE checkpoint_part SET name='widows'").ok());
  EXPECT_EQ(table.load().status().code(), StatusCode::data_loss);
}

TEST_F(StateTablesTest, DeadLettersKeepTheNewestAndAreCutToABound) {
  DeadLetterTable table(database_, 3);
  std::vector<DeadLetter> flood;
  for (int i = 0; i < 50; ++i) {
    flood.push_back({"mqtt", "t/" + std::to_string(i), "not_json", std::string(5000, 'd'),
                     std::string(100'000, 'p'), 100'000, i});
  }
  ASSERT_TRUE(table.insert(flood).ok());
  ASSERT_TRUE(table.insert({{"mqtt", "last", "empty", "", "", 0, -5}}).ok());
  EXPECT_EQ(*database_.integer("SELECT count(*) FROM dead_letter"), 3);
  const auto letters = table.newest(10);
  ASSERT_TRUE(letters.ok());
  ASSERT_EQ(letters->size(), 3u);
  EXPECT_EQ((*letters)[0].topic, "last");
  EXPECT_EQ((*letters)[0].wall_ns, -5);
  EXPECT_EQ((*letters)[1].topic, "t/49");
  EXPECT_EQ((*letters)[1].payload_head.size(), kDeadLetterBytes);
  EXPECT_EQ((*letters)[1].payload_bytes, 100'000u);
  EXPECT_LE((*letters)[1].detail.size(), 512u);
  EXPECT_EQ(table.newest(1)->size(), 1u);
  EXPECT_EQ(table.newest(0)->size(), 0u);
  ASSERT_TRUE(
      database_.execute("UPDATE dead_letter SET crc=0 WHERE id=(SELECT max(id) FROM dead_letter)")
          .ok());
  EXPECT_EQ(table.newest(10)->size(), 2u);
}

TEST_F(StateTablesTest, NoDeadLettersAreKeptWhenTheBoundIsZero) {
  DeadLetterTable table(database_, 0);
  ASSERT_TRUE(table.insert({{"mqtt", "t", "empty", "", "", 0, 0}}).ok());
  EXPECT_EQ(table.newest(10)->size(), 0u);
}

}  // namespace
}  // namespace sluice::storage
