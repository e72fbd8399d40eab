#include "store/store_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "fakes/fake_clock.h"
#include "store/database_file.h"
#include "unit/store/scratch.h"

namespace sluice::storage {
namespace {

namespace fs = std::filesystem;

class StoreFileTest : public ::testing::Test {
 protected:
  std::unique_ptr<StoreFile> open() {
    auto file = StoreFile::open(options_, clock_);
    EXPECT_TRUE(file.ok()) << file.status().to_string();
    return file.ok() ? *std::move(file) : nullptr;
  }
  /// Commits groups `first`..`last`.
  static void commit(StoreFile& file, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t n = first; n <= last; ++n) {
      CommitGroup group = numbered_group(n);
      ASSERT_TRUE(file.commit(&group, {}).ok());
    }
  }
  static std::vector<std::uint64_t> replayed(StoreFile& file) {
    std::vector<std::uint64_t> numbers;
    EXPECT_TRUE(file.replay([&](const Segment& segment) {
                      for (const LogEntry& entry : segment.entries) {
                        numbers.push_back(std::get<BatchEntry>(entry).fingerprints.at(0).hash);
                      }
                      return Status();
                    })
                    .ok());
    return numbers;
  }
  static std::vector<Gap> gaps(StoreFile& file) {
    std::vector<Gap> found;
    const auto rows = file.read_gaps(0, 100);
    EXPECT_TRUE(rows.ok()) << rows.status().to_string();
    for (const GapRow& row : rows.ok() ? *rows : std::vector<GapRow>()) {
      EXPECT_EQ(row.epoch, file.epoch());
      found.push_back(row.gap);
    }
    return found;
  }
  ScratchDir dir_;
  StoreOptions options_ = options_for(dir_);
  FakeClock clock_;
};

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

TEST_F(StoreFileTest, ReplayStopsAtTheFirstFailureOfTheReader) {
  const auto file = open();
  commit(*file, 1, 3);
  int calls = 0;
  const Status status =
      file->replay([&](const Segment&) { return ++calls == 2 ? internal_error("no") : Status(); });
  EXPECT_EQ(status.code(), StatusCode::internal);
  EXPECT_EQ(calls, 2);
}

TEST_F(StoreFileTest, AnAckMovesPanesInTheLedgerOnceHoweverOftenItComes) {
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

TEST_F(StoreFileTest, AcknowledgedRowsThatTheCloudLacksAreAGapOnceAlsoOverAReopen) {
  const Gap missing{LedgerKind::panes, "", "missing_at_hub", 0, clock_.wall_ns(), 0};
  Identity self;
  {
    const auto file = open();
    self = file->identity();
    CommitGroup group = numbered_group(1);
    for (int i = 0; i < 4; ++i) close_panes(group, "room", 1, "x");
    ASSERT_TRUE(file->commit(&group, {}).ok());
    EXPECT_FALSE(*file->misses_acked(self, 0)) << "nothing was acknowledged yet";
    const std::vector<std::int64_t> acks = {1, 2, 3, 99};
    ASSERT_TRUE(file->commit(nullptr, acks).ok());
    EXPECT_FALSE(*file->misses_acked(self, 3));
    EXPECT_FALSE(*file->misses_acked({self.node, std::string(32, 'e')}, 0));
    EXPECT_TRUE(gaps(*file).empty());
  }
  {
    const auto file = open();
    EXPECT_TRUE(*file->misses_acked(self, 2));
    EXPECT_FALSE(*file->misses_acked(self, 2));
    EXPECT_EQ(gaps(*file), std::vector<Gap>{missing});
  }
  const auto file = open();
  EXPECT_FALSE(*file->misses_acked(self, 2));
  const std::vector<std::int64_t> acks = {4};
  ASSERT_TRUE(file->commit(nullptr, acks).ok());
  EXPECT_TRUE(*file->misses_acked(self, 3)) << "it happened again";
  EXPECT_EQ(gaps(*file).size(), 2u) << "the first one was given out and stays as it was";
  EXPECT_EQ(file->ledger().difference(), 0);
}

TEST_F(StoreFileTest, NumbersGoOnAfterEverythingIsAckedAndReopened) {
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

TEST_F(StoreFileTest, ADamagedOutboxRowExpiresAsCorruptAndTheLedgerBalances) {
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

TEST_F(StoreFileTest, ADamagedSegmentIsLeftOutAndCounted) {
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

TEST_F(StoreFileTest, TrimsOnlyWhatLiesBehindTheCheckpoint) {
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

TEST_F(StoreFileTest, KeepsSegmentsWithinTheirShareWithoutTrimmingOnEveryCommit) {
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

/// A group that ends the epoch, closing one pane of it.
CommitGroup ending_group(std::uint64_t number, bool takes_rows_along) {
  CommitGroup group = numbered_group(number);
  close_panes(group, "room", 1, "closed by the end");
  group.outbox.back().of_ended_epoch = true;
  close_panes(group, "room", 1, "of the next epoch");
  group.epoch_end = EpochEnd{0, takes_rows_along};
  group.checkpoint = std::vector<CheckpointPart>{{"part", std::to_string(number)}};
  return group;
}

std::vector<std::pair<std::string, std::string>> rows_by_epoch(StoreFile& file) {
  std::vector<std::pair<std::string, std::string>> rows;
  std::int64_t after = 0;
  for (;;) {
    const auto page = file.read_outbox(after, 1);
    EXPECT_TRUE(page.ok());
    if (!page.ok() || page->empty()) return rows;
    rows.emplace_back(page->front().identity.epoch, page->front().bytes);
    after = page->front().seq;
  }
}

TEST_F(StoreFileTest, ACopiedMovedOrRenamedDatabaseSaysThatItsEpochEnds) {
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

TEST_F(StoreFileTest, ARowKeepsTheIdentityUnderWhichItWasMade) {
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

// What left damaged was never at the cloud, and an epoch that begins has no rows there.
TEST_F(StoreFileTest, RowsThatLeftOtherwiseAreNotMissing) {
  const auto file = open();
  const Identity first = file->identity();
  CommitGroup group = numbered_group(1);
  for (int i = 0; i < 3; ++i) close_panes(group, "room", 1, "x");
  ASSERT_TRUE(file->commit(&group, {}).ok());
  ASSERT_TRUE(file->database().execute("UPDATE outbox SET crc = crc + 1 WHERE seq = 3").ok());
  EXPECT_EQ(file->read_outbox(0, 1 << 20)->size(), 2u);
  EXPECT_FALSE(*file->misses_acked(first, 0));
  const std::vector<std::int64_t> acks = {1, 2};
  ASSERT_TRUE(file->commit(nullptr, acks).ok());
  EXPECT_FALSE(*file->misses_acked(first, 2));
  for (const Gap& gap : gaps(*file)) EXPECT_EQ(gap.cause, "corrupt");
  group = ending_group(2, false);
  ASSERT_TRUE(file->commit(&group, {}).ok());
  EXPECT_FALSE(*file->misses_acked(file->identity(), 0));
  EXPECT_TRUE(*file->misses_acked(first, 1)) << "the ended one has rows there";
}

// The ranges of the first epoch are gone then, and the number seems to be of the epoch now.
TEST_F(StoreFileTest, ANumberAcknowledgedUnderAForgottenEpochIsNotMissingInTheNext) {
  const auto file = open();
  CommitGroup group = numbered_group(1);
  close_panes(group, "room", 1, "x");
  ASSERT_TRUE(file->commit(&group, {}).ok());
  const std::vector<std::int64_t> acks = {1};
  ASSERT_TRUE(file->commit(nullptr, acks).ok());
  for (std::uint64_t number = 2; number <= 4; ++number) {
    group = numbered_group(number);
    group.epoch_end = EpochEnd{0, false};
    group.checkpoint = std::vector<CheckpointPart>{{"part", std::to_string(number)}};
    ASSERT_TRUE(file->commit(&group, {}).ok());
    EXPECT_FALSE(*file->misses_acked(file->identity(), 0)) << number;
  }
  EXPECT_TRUE(gaps(*file).empty());
}

// Rows of a process that finds at its first handshake that its database was set back.
TEST_F(StoreFileTest, RowsThatWereNeverSentGoOverWithoutWhatWasThereAtTheStart) {
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

TEST_F(StoreFileTest, GivesUpRowsOfAnEndedIdentityOnlyAndBalances) {
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

// What wrote version 1 kept the epoch in meta.
TEST_F(StoreFileTest, ADatabaseOfTheFirstVersionKeepsItsEpochAndItsRows) {
  const std::string epoch = "0123456789abcdef0123456789abcdef";
  {
    const auto file = open();
    CommitGroup group = numbered_group(1);
    close_panes(group, "room", 1, "old");
    ASSERT_TRUE(file->commit(&group, {}).ok());
  }
  const std::int64_t crc = row_crc({}, {"epoch", epoch});
  tamper(dir_,
         "DROP TABLE epoch; DROP TABLE gap; ALTER TABLE outbox DROP COLUMN split;"
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

TEST_F(StoreFileTest, AGapIsDurableWithItsGroupAndLeavesOnItsAckOnly) {
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

TEST_F(StoreFileTest, AGroupThatFailsLeavesNoGap) {
  options_.quota_bytes = 1 << 20;
  std::mt19937_64 random(1);
  const auto file = open();
  CommitGroup huge = numbered_group(1);
  huge.gaps = {{LedgerKind::messages, "plant", "queue_full", 10, 20, 7}};
  close_panes(huge, "room", 1, random_bytes(random, 2 << 20));
  EXPECT_EQ(file->commit(&huge, {}).code(), StatusCode::resource_exhausted);
  EXPECT_TRUE(gaps(*file).empty());
}

TEST_F(StoreFileTest, DamagedOutboxRowsLeaveOneGapWithTheirPanesAndWindows) {
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

TEST_F(StoreFileTest, ARowThatTheLedgerDoesNotConfirmMayHaveBeenOfAnyTime) {
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

TEST_F(StoreFileTest, DamagedSegmentsAreAGapOnceThoughEveryOpenFindsThem) {
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

TEST_F(StoreFileTest, ARebuiltDatabaseSaysThatTheOneBeforeIsLost) {
  commit(*open(), 1, 3);
  std::ofstream(dir_.database()) << "no database at all, but long enough to be looked at";
  const Gap gap{LedgerKind::readings, "", "database_rebuilt", 0, clock_.wall_ns(), 0};
  for (int opened = 0; opened < 2; ++opened) EXPECT_EQ(gaps(*open()), std::vector<Gap>{gap});
}

// As if the process was killed between the renaming and the new database.
TEST_F(StoreFileTest, AKillInTheMiddleOfARebuildDoesNotHideTheLoss) {
  commit(*open(), 1, 3);
  fs::rename(dir_.database(), dir_.database() + ".damaged-1");
  fs::remove(dir_.database() + "-wal");
  const auto file = open();
  ASSERT_EQ(gaps(*file).size(), 1u);
  EXPECT_EQ(gaps(*file)[0].cause, "database_rebuilt");
}

TEST_F(StoreFileTest, AnOrdinaryFirstStartIsNoLoss) { EXPECT_TRUE(gaps(*open()).empty()); }

TEST_F(StoreFileTest, ADamagedGapRecordIsReplacedByOneThatSaysSo) {
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
  };
  constexpr Case kCases[] = {{0, StatusCode::ok},                    // "SQLite format 3"
                             {16, StatusCode::ok},                   // page size
                             {18, StatusCode::failed_precondition},  // who may write it
                             {19, StatusCode::ok},                   // who may read it
                             {47, StatusCode::ok},                   // format of the schema
                             {61, StatusCode::failed_precondition},  // our version: a later one
                             {63, StatusCode::ok},                   // an earlier one
                             {71, StatusCode::ok}};                  // whose file it is
  { open(); }
  const std::string good = read_file(dir_.database());
  for (const Case& c : kCases) {
    std::string bad = good;
    bad[c.at] = static_cast<char>(bad[c.at] ^ 1);
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
