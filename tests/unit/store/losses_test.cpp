#include "store/losses.h"

#include <gtest/gtest.h>

#include <fstream>

#include "unit/store/opened_store.h"

namespace sluice::storage {
namespace {

namespace fs = std::filesystem;

class LossesTest : public StoreFileTest {};

TEST_F(LossesTest, ADamagedOutboxRowExpiresAsCorruptAndTheLedgerBalances) {
  {
    const auto file = open();
    for (int i = 1; i <= 3; ++i) {
      CommitGroup group = numbered_group(static_cast<std::uint64_t>(i));
      close_panes(group, "room", 5, "block");
      close_panes(group, "hall", 2, "block");
      ASSERT_TRUE(file->commit(&group, {}).ok());
    }
  }
  // The second damage hits the very column that says whose panes these were.
  tamper(dir_,
         "UPDATE outbox SET bytes=x'AA' WHERE seq=1; UPDATE outbox SET pipeline='hal' WHERE seq=4");
  {
    const auto file = open();
    const auto rows = file->read_outbox(0, 1 << 20);
    ASSERT_TRUE(rows.ok());
    std::vector<std::int64_t> seqs;
    for (const OutboxRow& row : *rows) seqs.push_back(row.seq);
    EXPECT_EQ(seqs, (std::vector<std::int64_t>{2, 3, 5, 6}));
    EXPECT_EQ(file->outbox_rows(), 4);
  }
  const auto file = open();
  const Ledger& ledger = file->ledger();
  EXPECT_EQ(ledger.get(LedgerKind::panes, "room", Term::expired), 5);
  EXPECT_EQ(ledger.get(LedgerKind::panes, "room", Term::outbox), 10);
  EXPECT_EQ(ledger.get(LedgerKind::panes, "hall", Term::expired), 2);
  EXPECT_EQ(ledger.get(LedgerKind::panes, "hall", Term::outbox), 4);
  const LedgerKey key{LedgerKind::panes, "hall", Term::expired, "corrupt"};
  EXPECT_EQ(ledger.counters().at(key), 2);
  EXPECT_EQ(ledger.difference(), 0);
}

TEST_F(LossesTest, GivesUpRowsOfAnEndedIdentityOnlyAndBalances) {
  options_.node = "gw-1";
  const auto file = open();
  const Identity first = file->identity();
  for (std::uint64_t n = 1; n <= 300; ++n) {
    CommitGroup group = numbered_group(n);
    close_panes(group, "room", 2, "block");
    ASSERT_TRUE(file->commit(&group, {}).ok());
  }
  EXPECT_EQ(file->give_up_slice(first, 0, INT64_MAX, GiveUp::live_elsewhere).status().code(),
            StatusCode::failed_precondition);
  CommitGroup group = ending_group(301, false);
  ASSERT_TRUE(file->commit(&group, {}).ok());
  EXPECT_TRUE(*file->give_up_slice(first, 3, 7, GiveUp::other_life));
  EXPECT_FALSE(*file->give_up_slice(first, 3, 7, GiveUp::other_life));
  EXPECT_EQ(file->outbox_rows(), 297);
  const auto gaps = file->read_gaps(0, 10);
  ASSERT_TRUE(gaps.ok());
  ASSERT_EQ(gaps->size(), 1u) << "what another node delivers is none, what nobody delivers is one";
  const Gap& gap = gaps->front().gap;
  EXPECT_EQ(gap.kind, LedgerKind::panes);
  EXPECT_EQ(gap.owner, "room");
  EXPECT_EQ(gap.cause, "other_life");
  EXPECT_EQ(gap.count, 10u);
  EXPECT_LT(gap.from_ns, gap.to_ns);
  while (*file->give_up_slice(first, 0, INT64_MAX, GiveUp::live_elsewhere)) {
  }
  EXPECT_EQ(file->outbox_rows(), 1);
  EXPECT_EQ(file->ledger().get(LedgerKind::panes, "room", Term::expired), 601);
  EXPECT_EQ(file->ledger().difference(), 0);
  EXPECT_EQ(rows_by_epoch(*file).front().first, file->epoch());
}

TEST_F(LossesTest, AGapIsDurableWithItsGroupAndLeavesOnItsAckOnly) {
  const Gap first{LedgerKind::messages, "plant", "queue_full", 10, 20, 7};
  const Gap second{LedgerKind::readings, "room", "parked", 10, 20, 3};
  {
    const auto file = open();
    CommitGroup group = numbered_group(1);
    group.gaps = {first, second};
    ASSERT_TRUE(file->commit(&group, {}).ok());
  }
  {
    const auto file = open();
    EXPECT_EQ(gaps(*file), (std::vector<Gap>{first, second}));
    ASSERT_TRUE(file->acknowledge_gaps(1).ok());
    ASSERT_TRUE(file->acknowledge_gaps(1).ok()) << "a repeated ack";
  }
  EXPECT_EQ(gaps(*open()), std::vector<Gap>{second});
}

TEST_F(LossesTest, AGroupThatFailsLeavesNoGap) {
  options_.quota_bytes = 1 << 20;
  std::mt19937_64 random(1);
  const auto file = open();
  CommitGroup huge = numbered_group(1);
  huge.gaps = {{LedgerKind::messages, "plant", "queue_full", 10, 20, 7}};
  close_panes(huge, "room", 1, random_bytes(random, 2 << 20));
  EXPECT_EQ(file->commit(&huge, {}).code(), StatusCode::resource_exhausted);
  EXPECT_TRUE(gaps(*file).empty());
}

TEST_F(LossesTest, DamagedOutboxRowsLeaveOneGapWithTheirPanesAndWindows) {
  {
    const auto file = open();
    for (int i = 1; i <= 3; ++i) {
      CommitGroup group = numbered_group(static_cast<std::uint64_t>(i));
      group.outbox.push_back({0, "room", 5, i * 100, i * 100 + 50, "block"});
      group.segment.ledger.add(LedgerKind::panes, "room", Term::closed, 5);
      group.segment.ledger.add(LedgerKind::panes, "room", Term::outbox, 5);
      ASSERT_TRUE(file->commit(&group, {}).ok());
    }
  }
  tamper(dir_, "UPDATE outbox SET bytes=x'AA' WHERE seq IN (1, 3)");
  {
    const auto file = open();
    ASSERT_TRUE(file->read_outbox(0, 1 << 20).ok());
    ASSERT_TRUE(file->read_outbox(0, 1 << 20).ok());
  }
  EXPECT_EQ(gaps(*open()),
            (std::vector<Gap>{{LedgerKind::panes, "room", "corrupt", 100, 350, 10}}));
}

TEST_F(LossesTest, ARowThatTheLedgerDoesNotConfirmMayHaveBeenOfAnyTime) {
  {
    const auto file = open();
    CommitGroup group = numbered_group(1);
    close_panes(group, "room", 5, "block");
    ASSERT_TRUE(file->commit(&group, {}).ok());
  }
  tamper(dir_, "UPDATE outbox SET panes=6");
  const auto file = open();
  ASSERT_TRUE(file->read_outbox(0, 1 << 20).ok());
  EXPECT_EQ(gaps(*file),
            (std::vector<Gap>{{LedgerKind::panes, "room", "corrupt", 0, clock_.wall_ns(), 5}}));
}

TEST_F(LossesTest, DamagedSegmentsAreAGapOnceThoughEveryOpenFindsThem) {
  {
    const auto file = open();
    commit(*file, 1, 5);
  }
  const Gap gap{LedgerKind::readings, "", "segment_corrupt", 0, clock_.wall_ns(), 0};
  tamper(dir_, "UPDATE segment SET body=x'00' WHERE id=2");
  for (int opened = 0; opened < 3; ++opened) EXPECT_EQ(gaps(*open()), std::vector<Gap>{gap});
  clock_.advance(1);
  tamper(dir_, "UPDATE segment SET body=x'00' WHERE id=4");
  for (int opened = 0; opened < 3; ++opened) EXPECT_EQ(gaps(*open()).size(), 2u);
}

TEST_F(LossesTest, ARebuiltDatabaseSaysThatTheOneBeforeIsLost) {
  commit(*open(), 1, 3);
  std::ofstream(dir_.database()) << "no database at all, but long enough to be looked at";
  const Gap gap{LedgerKind::readings, "", "database_rebuilt", 0, clock_.wall_ns(), 0};
  for (int opened = 0; opened < 2; ++opened) EXPECT_EQ(gaps(*open()), std::vector<Gap>{gap});
}

// As if the process was killed between the renaming and the new database.
TEST_F(LossesTest, AKillInTheMiddleOfARebuildDoesNotHideTheLoss) {
  commit(*open(), 1, 3);
  fs::rename(dir_.database(), dir_.database() + ".damaged-1");
  fs::remove(dir_.database() + "-wal");
  const auto file = open();
  ASSERT_EQ(gaps(*file).size(), 1u);
  EXPECT_EQ(gaps(*file)[0].cause, "database_rebuilt");
}

TEST_F(LossesTest, AnOrdinaryFirstStartIsNoLoss) { EXPECT_TRUE(gaps(*open()).empty()); }

TEST_F(LossesTest, ADamagedGapRecordIsReplacedByOneThatSaysSo) {
  {
    const auto file = open();
    CommitGroup group = numbered_group(1);
    group.gaps = {{LedgerKind::messages, "plant", "queue_full", 10, 20, 7},
                  {LedgerKind::messages, "hall", "queue_full", 10, 20, 7}};
    ASSERT_TRUE(file->commit(&group, {}).ok());
  }
  tamper(dir_, "UPDATE gap SET to_ns=19 WHERE seq=1");
  {
    const auto file = open();
    EXPECT_EQ(gaps(*file).size(), 2u);
    EXPECT_EQ(gaps(*file).size(), 2u);
  }
  const auto file = open();
  const std::vector<Gap> left = gaps(*file);
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].owner, "hall");
  EXPECT_EQ(left[1], (Gap{LedgerKind::messages, "", "gap_corrupt", 0, clock_.wall_ns(), 0}));
}

}  // namespace
}  // namespace sluice::storage
