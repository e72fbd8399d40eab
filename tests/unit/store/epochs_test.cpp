#include "store/epochs.h"

#include <gtest/gtest.h>

#include <fstream>

#include "store/migrations.h"
#include "unit/store/opened_store.h"

namespace sluice::storage {
namespace {

namespace fs = std::filesystem;

class EpochsTest : public StoreFileTest {};

/// Without the rest of the store.
class EpochsAloneTest : public ::testing::Test {
 protected:
  EpochsAloneTest() {
    EXPECT_TRUE(migrate(database_).ok());
    options_.node = "gw-1";
  }
  Status load() {
    return epochs_.load([] { return Status(); });
  }
  ScratchDir dir_;
  StoreOptions options_ = options_for(dir_);
  Database database_ = *Database::open(dir_.database());
  Epochs epochs_{options_, database_};
};

TEST_F(EpochsAloneTest, RangesBelowAllRowsAreForgottenAtAnEnd) {
  ASSERT_TRUE(load().ok());
  const std::string first = epochs_.current().epoch;
  epochs_.adopt(epochs_.after({.moves_from = 5, .next_seq = 5}).ranges);
  const std::string second = epochs_.current().epoch;
  EXPECT_NE(second, first);
  epochs_.adopt(epochs_.after({.moves_from = 9, .next_seq = 9, .lowest_seq = 4}).ranges);
  EXPECT_EQ(epochs_.ranges().size(), 3u) << "row 4 is of the first epoch";
  EXPECT_EQ(epochs_.of(4).epoch, first);
  EXPECT_EQ(epochs_.of(5).epoch, second);
  const auto row_left = epochs_.after({.moves_from = 12, .next_seq = 12, .lowest_seq = 5}).ranges;
  ASSERT_EQ(row_left.size(), 3u);
  EXPECT_EQ(row_left.front().identity.epoch, second);
  const auto empty = epochs_.after({.moves_from = 12, .next_seq = 12, .lowest_seq = 0}).ranges;
  EXPECT_EQ(empty.size(), 2u) << "the one that ends, and the next";
}

TEST_F(EpochsAloneTest, AMachineThatIsNotKnownIsNoOtherMachine) {
  ASSERT_TRUE(load().ok());
  ASSERT_TRUE(database_.execute("DELETE FROM meta").ok());
  options_.machine_id = "machine-b";
  ASSERT_TRUE(load().ok());
  EXPECT_FALSE(epochs_.ends());
  options_.machine_id = "machine-c";
  ASSERT_TRUE(load().ok());
  EXPECT_TRUE(epochs_.ends()) << "it was bound to the first one that was known";
}

TEST_F(EpochsAloneTest, WhatWasSetAsideIsToldInTheTransactionOfTheFirstEpochOrThereIsNone) {
  std::ofstream(dir_.database() + ".damaged-1") << "set aside";
  EXPECT_FALSE(epochs_.load([] { return unavailable("cannot tell"); }).ok());
  EXPECT_EQ(*database_.integer("SELECT count(*) FROM epoch"), 0);
  int told = 0;
  const auto tell = [&] {
    ++told;
    return Status();
  };
  ASSERT_TRUE(epochs_.load(tell).ok());
  ASSERT_TRUE(epochs_.load(tell).ok());
  EXPECT_EQ(told, 1);
}

TEST_F(EpochsTest, ACopiedMovedOrRenamedDatabaseSaysThatItsEpochEnds) {
  options_.node = "gw-1";
  std::string first;
  {
    const auto file = open();
    first = file->epoch();
    commit(*file, 1, 1);
  }
  { EXPECT_FALSE(open()->epoch_ends()) << "nothing has changed"; }
  options_.machine_id = "machine-b";
  { EXPECT_TRUE(open()->epoch_ends()) << "another machine"; }
  options_.machine_id = "machine-a";
  options_.node = "gw-2";
  { EXPECT_TRUE(open()->epoch_ends()) << "another name"; }
  options_.node = "gw-1";
  fs::copy_file(dir_.database(), dir_.path() + "/copy");
  fs::rename(dir_.path() + "/copy", dir_.database());
  std::string second;
  {
    const auto file = open();
    EXPECT_TRUE(file->epoch_ends()) << "a copy";
    EXPECT_EQ(file->epoch(), first) << "until a group says so";
    CommitGroup group = ending_group(9, false);
    ASSERT_TRUE(file->commit(&group, {}).ok());
    EXPECT_FALSE(file->epoch_ends());
    second = file->epoch();
    EXPECT_NE(second, first);
  }
  const auto file = open();
  EXPECT_FALSE(file->epoch_ends());
  EXPECT_EQ(file->epoch(), second);
}

TEST_F(EpochsTest, ARowKeepsTheIdentityUnderWhichItWasMade) {
  options_.node = "gw-1";
  const auto file = open();
  const std::string first = file->epoch();
  CommitGroup group = numbered_group(1);
  close_panes(group, "room", 1, "before");
  ASSERT_TRUE(file->commit(&group, {}).ok());
  group = ending_group(2, false);
  group.epoch_end->cloud_highest_seq = 1'000;
  ASSERT_TRUE(file->commit(&group, {}).ok());
  EXPECT_GT(group.outbox[0].seq, 1'000) << "above what another life gave out";
  EXPECT_GT(group.outbox[1].seq, group.outbox[0].seq);
  const std::string second = file->epoch();
  using Rows = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(rows_by_epoch(*file),
            (Rows{{first, "before"}, {first, "closed by the end"}, {second, "of the next epoch"}}));
  EXPECT_EQ(file->read_outbox(0, 1 << 20)->size(), 2u) << "a page has one identity";
  EXPECT_EQ(file->read_outbox(0, 1)->front().identity, (Identity{"gw-1", first}));
  EXPECT_EQ(file->ledger().difference(), 0);
}

// Rows of a process that finds at its first handshake that its database was set back.
TEST_F(EpochsTest, RowsThatWereNeverSentGoOverWithoutWhatWasThereAtTheStart) {
  std::string first;
  {
    const auto file = open();
    first = file->epoch();
    CommitGroup group = numbered_group(1);
    close_panes(group, "room", 1, "of an earlier process");
    group.outbox.back().split = RowSplit{1, "not to be looked at", 0, ""};
    ASSERT_TRUE(file->commit(&group, {}).ok());
  }
  const auto file = open();
  CommitGroup group = numbered_group(2);
  close_panes(group, "room", 2, "both parts");
  group.outbox.back().split = RowSplit{2, "both before", 1, "one since"};
  close_panes(group, "room", 1, "only before");
  group.outbox.back().split = RowSplit{1, "this before", 0, ""};
  close_panes(group, "room", 1, "all since");
  ASSERT_TRUE(file->commit(&group, {}).ok());
  CommitGroup end = ending_group(3, true);
  ASSERT_TRUE(file->commit(&end, {}).ok());
  const std::string second = file->epoch();
  using Rows = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(rows_by_epoch(*file), (Rows{{first, "of an earlier process"},
                                        {second, "one since"},
                                        {second, "all since"},
                                        {first, "both before"},
                                        {first, "this before"},
                                        {first, "closed by the end"},
                                        {second, "of the next epoch"}}));
  EXPECT_EQ(file->ledger().difference(), 0);
  EXPECT_EQ(file->ledger().sum(LedgerKind::panes, Term::outbox), 8);
  EXPECT_EQ(file->outbox_rows(), 7);
}

// What wrote version 1 kept the epoch in meta.
TEST_F(EpochsTest, ADatabaseOfTheFirstVersionKeepsItsEpochAndItsRows) {
  const std::string epoch = "0123456789abcdef0123456789abcdef";
  {
    const auto file = open();
    CommitGroup group = numbered_group(1);
    close_panes(group, "room", 1, "old");
    ASSERT_TRUE(file->commit(&group, {}).ok());
  }
  const std::int64_t crc = row_crc({}, {"epoch", epoch});
  tamper(dir_,
         "DROP TABLE event; DROP TABLE epoch; DROP TABLE gap; ALTER TABLE outbox DROP COLUMN split;"
         "PRAGMA user_version=1;"
         "DELETE FROM meta WHERE key='file';"
         "INSERT INTO meta(key, value, crc) VALUES('epoch', CAST('" +
             epoch + "' AS BLOB), " + std::to_string(crc) + ")");
  const auto file = open();
  EXPECT_FALSE(file->rebuilt());
  EXPECT_FALSE(file->epoch_ends());
  EXPECT_EQ(file->epoch(), epoch);
  using Rows = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(rows_by_epoch(*file), (Rows{{epoch, "old"}}));
}

}  // namespace
}  // namespace sluice::storage
