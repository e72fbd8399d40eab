#include "store/commit_log.h"

#include <gtest/gtest.h>

#include "store/migrations.h"
#include "unit/store/opened_store.h"

namespace sluice::storage {
namespace {

class CommitLogTest : public StoreFileTest {};

TEST(CommitLog, AChangeThatIsNotAdoptedIsForgotten) {
  const ScratchDir dir;
  Database database = *Database::open(dir.database());
  ASSERT_TRUE(migrate(database).ok());
  CommitLog log(database);
  Recovered recovered;
  ASSERT_TRUE(log.load(recovered).ok());
  for (const bool kept : {false, true, false}) {
    const std::int64_t id = log.last_id();
    const std::int64_t seq = log.next_seq();
    const Ledger total = log.total();
    CommitLog::Change change = log.begin();
    change.delta.add(LedgerKind::panes, "room", Term::outbox, 3);
    OutboxRow row{0, "room", 3, 10, 20, "block"};
    Transaction transaction(database);
    ASSERT_TRUE(transaction.begin().ok());
    ASSERT_TRUE(log.add_row(row, change).ok());
    EXPECT_EQ(row.seq, seq);
    ASSERT_TRUE(log.append({}, change).ok());
    ASSERT_TRUE(log.write_checkpoint({{"part", "state"}}, change).ok());
    EXPECT_EQ(log.total(), total);
    if (kept) {
      ASSERT_TRUE(transaction.commit().ok());
      log.adopt(std::move(change));
    }
    EXPECT_EQ(log.last_id(), id + (kept ? 1 : 0));
    EXPECT_EQ(log.next_seq(), seq + (kept ? 1 : 0));
    EXPECT_EQ(log.checkpoint_id(), log.last_id());
  }
  EXPECT_EQ(log.outbox_rows(), 1);
  EXPECT_EQ(log.total().get(LedgerKind::panes, "room", Term::outbox), 3);
  EXPECT_EQ(log.take_delta(), log.total());
}

TEST_F(CommitLogTest, NumbersGoOnAfterEverythingIsAckedAndReopened) {
  for (std::int64_t round = 1; round <= 3; ++round) {
    const auto file = open();
    EXPECT_EQ(file->next_seq(), round);
    CommitGroup group = numbered_group(1);
    close_panes(group, "room", 1, "x");
    ASSERT_TRUE(file->commit(&group, {}).ok());
    EXPECT_EQ(group.outbox[0].seq, round);
    const std::vector<std::int64_t> acks = {round};
    ASSERT_TRUE(file->commit(nullptr, acks).ok());
    EXPECT_EQ(file->outbox_rows(), 0);
  }
}

TEST_F(CommitLogTest, AnAckMovesPanesInTheLedgerOnceHoweverOftenItComes) {
  const auto file = open();
  CommitGroup group = numbered_group(1);
  close_panes(group, "room", 3, "a");
  close_panes(group, "room", 4, "b");
  ASSERT_TRUE(file->commit(&group, {}).ok());
  const std::vector<std::int64_t> acks = {1, 1, 99};
  CommitGroup second = numbered_group(2);
  ASSERT_TRUE(file->commit(&second, acks).ok());
  ASSERT_TRUE(file->commit(nullptr, acks).ok());
  EXPECT_EQ(*file->database().integer("SELECT count(*) FROM segment"), 2)
      << "a repeated ack writes nothing";
  const Ledger& ledger = file->ledger();
  EXPECT_EQ(ledger.get(LedgerKind::panes, "room", Term::acked), 3);
  EXPECT_EQ(ledger.get(LedgerKind::panes, "room", Term::outbox), 4);
  EXPECT_EQ(ledger.difference(), 0);
  EXPECT_EQ(file->outbox_rows(), 1);
  Ledger deltas = file->take_delta();
  EXPECT_EQ(deltas, ledger);
  EXPECT_TRUE(file->take_delta().empty());
}

TEST_F(CommitLogTest, ReplayStopsAtTheFirstFailureOfTheReader) {
  const auto file = open();
  commit(*file, 1, 3);
  int calls = 0;
  const Status status =
      file->replay([&](const Segment&) { return ++calls == 2 ? internal_error("no") : Status(); });
  EXPECT_EQ(status.code(), StatusCode::internal);
  EXPECT_EQ(calls, 2);
}

TEST_F(CommitLogTest, ADamagedSegmentIsLeftOutAndCounted) {
  {
    const auto file = open();
    commit(*file, 1, 6);
  }
  tamper(dir_,
         "UPDATE segment SET body=zeroblob(40) WHERE id=3; DELETE FROM segment WHERE id=5;"
         "UPDATE segment SET crc=0 WHERE id=6");
  {
    const auto file = open();
    const Recovered recovered = file->take_recovered();
    EXPECT_FALSE(file->rebuilt());
    EXPECT_EQ(recovered.damaged_segments, 3u);
    EXPECT_EQ(recovered.segments_after_checkpoint, 3u);
    EXPECT_EQ(replayed(*file), (std::vector<std::uint64_t>{1, 2, 4}));
    EXPECT_EQ(file->ledger().difference(), 0);
    commit(*file, 7, 7);
  }
  const auto file = open();
  EXPECT_EQ(replayed(*file), (std::vector<std::uint64_t>{1, 2, 4, 7}));
}

TEST_F(CommitLogTest, TrimsOnlyWhatLiesBehindTheCheckpoint) {
  const auto file = open();
  commit(*file, 1, 10);
  EXPECT_FALSE(*file->trim_slice()) << "without a checkpoint every segment is needed";
  CommitGroup group = numbered_group(11);
  group.checkpoint.emplace();
  ASSERT_TRUE(file->commit(&group, {}).ok());
  commit(*file, 12, 12);
  const std::int64_t raw_before = file->raw_bytes();
  EXPECT_TRUE(*file->trim_slice());
  EXPECT_FALSE(*file->trim_slice());
  EXPECT_LT(file->raw_bytes(), raw_before);
  EXPECT_EQ(*file->database().integer("SELECT min(id) FROM segment"), 11);
  EXPECT_EQ(replayed(*file), (std::vector<std::uint64_t>{12}));
}

TEST_F(CommitLogTest, KeepsSegmentsWithinTheirShareWithoutTrimmingOnEveryCommit) {
  options_.quota_bytes = 1 << 20;
  options_.raw_share = 0.25;
  const double share_bytes = 0.25 * (1 << 20);
  std::mt19937_64 random(1);
  const auto file = open();
  int trims = 0;
  for (std::uint64_t n = 1; n <= 400; ++n) {
    CommitGroup group = numbered_group(n);
    group.segment.entries.push_back(BatchEntry{1, {}, wild_batch(random, 200)});
    if (n % 3 == 0) group.checkpoint = std::vector<CheckpointPart>{{"part", std::to_string(n)}};
    ASSERT_TRUE(file->commit(&group, {}).ok());
    const std::int64_t raw_before = file->raw_bytes();
    ASSERT_TRUE(file->trim_to_share().ok());
    trims += file->raw_bytes() < raw_before ? 1 : 0;
    EXPECT_LT(static_cast<double>(file->raw_bytes()), share_bytes * 1.05);
  }
  EXPECT_GT(trims, 0);
  EXPECT_LT(trims, 100);
  StoreStats stats;
  ASSERT_TRUE(file->fill_stats(stats).ok());
  EXPECT_EQ(stats.raw_bytes, static_cast<std::uint64_t>(file->raw_bytes()));
  EXPECT_LE(stats.bytes, stats.bytes_max);
}

}  // namespace
}  // namespace sluice::storage
