#include "store/store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <map>

#include "base/bounded_queue.h"
#include "store/segment_codec.h"
#include "unit/store/scratch.h"

namespace sluice {
namespace {

using storage::close_panes;
using storage::eventually;
using storage::fresh_seed;
using storage::numbered_group;
using storage::options_for;
using storage::random_bytes;
using storage::ScratchDir;

std::uintmax_t bytes_on_disk(const ScratchDir& dir) {
  std::uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    bytes += entry.file_size();
  }
  return bytes;
}

std::uint64_t number_of(const CommitGroup& group) { return group.acks.at(0).ticket; }

/// A started store and what it released.
class RunningStore {
 public:
  explicit RunningStore(const StoreOptions& options) {
    auto opened = Store::open(options, clock_);
    EXPECT_TRUE(opened.ok()) << opened.status().to_string();
    store_ = *std::move(opened);
    EXPECT_TRUE(store_->load().ok());
    store_->set_on_durable([this](const CommitGroup& group) {
      EXPECT_TRUE(released_.push(number_of(group)));
      for (const OutboxRow& row : group.outbox) EXPECT_GT(row.seq, 0);
    });
    store_->start();
  }
  ~RunningStore() {
    released_.close();
    store_->stop();
  }
  Store& operator*() { return *store_; }
  Store* operator->() { return store_.get(); }
  /// Submits, waiting for room; false when there is none for a minute.
  bool submit(CommitGroup group) {
    return eventually([&] { return store_->try_submit(group); });
  }
  std::size_t released() const { return released_.size(); }
  bool wait_released(std::size_t count) {
    return eventually([&] { return released_.size() >= count; });
  }

 private:
  SystemClock clock_;
  BoundedQueue<std::uint64_t> released_{1 << 20};
  std::unique_ptr<Store> store_;
};

std::vector<std::int64_t> all_seqs(Store& store) {
  std::vector<std::int64_t> seqs;
  for (;;) {
    const auto rows = store.read_outbox(seqs.empty() ? 0 : seqs.back(), 1 << 20);
    EXPECT_TRUE(rows.ok()) << rows.status().to_string();
    if (!rows.ok() || rows->empty()) return seqs;
    for (const OutboxRow& row : *rows) seqs.push_back(row.seq);
  }
}

TEST(Store, ReleasesGroupsInOrderOnceTheyAreDurable) {
  const ScratchDir dir;
  RunningStore store(options_for(dir));
  for (std::uint64_t n = 1; n <= 200; ++n) ASSERT_TRUE(store.submit(numbered_group(n)));
  ASSERT_TRUE(store.wait_released(200));
  EXPECT_EQ(store->durable_ledger().sum(LedgerKind::messages, Term::received), 200);
  EXPECT_EQ(store->stats().commits, 200u);
  EXPECT_EQ(store->stats().last_error, "");
}

TEST(Store, GivesOutGapsUntilTheyAreAcknowledgedAlsoAfterARestart) {
  const ScratchDir dir;
  const Gap gap{LedgerKind::messages, "plant", "queue_full", 10, 20, 7};
  std::vector<GapRow> first;
  {
    RunningStore store(options_for(dir));
    CommitGroup group = numbered_group(1);
    group.gaps = {gap};
    ASSERT_TRUE(store.submit(std::move(group)));
    ASSERT_TRUE(store.wait_released(1));
    first = *store->read_gaps(0, 10);
    ASSERT_EQ(first.size(), 1u);
    EXPECT_EQ(first[0], (GapRow{1, store->epoch(), gap}));
  }
  {
    RunningStore store(options_for(dir));
    EXPECT_EQ(*store->read_gaps(0, 10), first);
    ASSERT_TRUE(store->acknowledge_gaps(1).ok());
    EXPECT_TRUE(store->read_gaps(0, 10)->empty());
  }
  RunningStore store(options_for(dir));
  EXPECT_TRUE(store->read_gaps(0, 10)->empty());
}

TEST(Store, StopWritesWhatWasSubmittedAndAcknowledged) {
  const ScratchDir dir;
  {
    RunningStore store(options_for(dir));
    CommitGroup first = numbered_group(1);
    close_panes(first, "room", 2, "block");
    ASSERT_TRUE(store.submit(std::move(first)));
    ASSERT_TRUE(store.wait_released(1));
    EXPECT_EQ(store->next_seq(), 2);
    store->acknowledge({1});
    ASSERT_TRUE(store.submit(numbered_group(2)));
    store->stop();
    EXPECT_EQ(store.released(), 2u);
    CommitGroup late = numbered_group(3);
    EXPECT_FALSE(store->try_submit(late));
    EXPECT_EQ(number_of(late), 3u) << "a refused group stays with its owner";
    EXPECT_EQ(store->read_outbox(0, 1).status().code(), StatusCode::unavailable);
    store->stop();
  }
  RunningStore store(options_for(dir));
  EXPECT_EQ(store->durable_ledger().sum(LedgerKind::messages, Term::received), 2);
  EXPECT_EQ(store->durable_ledger().sum(LedgerKind::panes, Term::acked), 2);
  EXPECT_EQ(store->stats().outbox_rows, 0u);
}

TEST(Store, AnAckWithoutAGroupIsWrittenByItselfAndItsRepeatIsHarmless) {
  const ScratchDir dir;
  RunningStore store(options_for(dir));
  CommitGroup group = numbered_group(1);
  close_panes(group, "room", 2, "block");
  ASSERT_TRUE(store.submit(std::move(group)));
  ASSERT_TRUE(store.wait_released(1));
  store->acknowledge({1, 1, 7, -1, INT64_MAX});
  ASSERT_TRUE(eventually([&] { return store->stats().outbox_rows == 0; }));
  store->acknowledge({1});
  store->acknowledge({1});
  ASSERT_TRUE(store.submit(numbered_group(2)));
  ASSERT_TRUE(store.wait_released(2));
  const Ledger ledger = store->durable_ledger();
  EXPECT_EQ(ledger.get(LedgerKind::panes, "room", Term::acked), 2);
  EXPECT_EQ(ledger.get(LedgerKind::panes, "room", Term::outbox), 0);
  EXPECT_EQ(ledger.difference(), 0);
}

TEST(Store, ReadsDeadLettersAndChangesItsEpochWhileItRuns) {
  const ScratchDir dir;
  std::string epoch;
  {
    RunningStore store(options_for(dir));
    CommitGroup group = numbered_group(1);
    group.dead_letters = {{"mqtt", "a/b", "not_json", "at byte 0", "{", 1, 9}};
    ASSERT_TRUE(store.submit(std::move(group)));
    ASSERT_TRUE(store.wait_released(1));
    const auto letters = store->dead_letters(10);
    ASSERT_TRUE(letters.ok());
    ASSERT_EQ(letters->size(), 1u);
    EXPECT_EQ((*letters)[0].detail, "at byte 0");
    const Identity before = *store->identity();
    CommitGroup end = numbered_group(2);
    end.epoch_end.emplace();
    end.checkpoint.emplace();
    ASSERT_TRUE(store.submit(std::move(end)));
    ASSERT_TRUE(store.wait_released(2));
    epoch = store->epoch();
    EXPECT_NE(epoch, before.epoch);
    EXPECT_TRUE(store->give_up(before, 0, INT64_MAX, GiveUp::live_elsewhere).ok());
  }
  RunningStore store(options_for(dir));
  EXPECT_EQ(store->epoch(), epoch);
}

TEST(Store, AFullQuotaDeletesOldSegmentsBehindTheCheckpointFirst) {
  const std::uint64_t seed = fresh_seed();
  std::mt19937_64 random(seed);
  const ScratchDir dir;
  StoreOptions options = options_for(dir);
  options.quota_bytes = 1 << 20;
  options.raw_share = 1.0;  // so that only the full database makes room
  RunningStore store(options);
  for (std::uint64_t n = 1; n <= 200; ++n) {
    CommitGroup group = numbered_group(n);
    group.segment.entries.push_back(BatchEntry{1, {}, storage::wild_batch(random, 2000)});
    if (n % 5 == 0) group.checkpoint = std::vector<CheckpointPart>{{"part", std::to_string(n)}};
    ASSERT_TRUE(store.submit(std::move(group))) << "seed " << seed;
  }
  ASSERT_TRUE(store.wait_released(200)) << store->stats().last_error << " seed " << seed;
  EXPECT_EQ(store->stats().commit_failures, 0u);
  EXPECT_LE(store->stats().bytes, store->stats().bytes_max);
  EXPECT_LE(bytes_on_disk(dir), options.quota_bytes);
}

// All of the state changes from one checkpoint to the next: the most that one transaction writes.
TEST(Store, CheckpointsOfTheLargestSizeStayInTheQuota) {
  const std::uint64_t seed = fresh_seed();
  std::mt19937_64 random(seed);
  const ScratchDir dir;
  StoreOptions options = options_for(dir);
  options.checkpoint_bytes_max = options.quota_bytes / 6;
  RunningStore store(options);
  for (std::uint64_t n = 1; n <= 60; ++n) {
    CommitGroup group = numbered_group(n);
    group.segment.entries.push_back(BatchEntry{1, {}, storage::wild_batch(random, 20'000)});
    if (n % 3 == 0) {
      group.checkpoint.emplace();
      for (const char* part : {"a", "b", "c", "d"}) {
        group.checkpoint->push_back(
            {part, random_bytes(random, options.checkpoint_bytes_max / 4 - 4096)});
      }
    }
    ASSERT_TRUE(store.submit(std::move(group))) << "seed " << seed;
    ASSERT_TRUE(store.wait_released(n)) << store->stats().last_error << " seed " << seed;
    ASSERT_LE(bytes_on_disk(dir), options.quota_bytes) << "seed " << seed << " commit " << n;
  }
  EXPECT_EQ(store->stats().commit_failures, 0u);
}

// What StoreOptions says of larger ones: the log has what is too much, for a while.
TEST(Store, AGroupThatIsTooLargeForItsPartOfTheQuotaIsInTheLogUntilTheNextCommits) {
  const std::uint64_t seed = fresh_seed();
  std::mt19937_64 random(seed);
  const ScratchDir dir;
  StoreOptions options = options_for(dir);
  RunningStore store(options);
  CommitGroup large = numbered_group(1);
  large.segment.entries.push_back(BatchEntry{1, {}, storage::wild_batch(random, 100'000)});
  const std::size_t segment_bytes =
      encode_segment(large.segment.entries, large.segment.ledger).size();
  ASSERT_GT(segment_bytes, options.quota_bytes / 4);
  ASSERT_TRUE(store.submit(std::move(large)));
  ASSERT_TRUE(store.wait_released(1)) << store->stats().last_error << " seed " << seed;
  EXPECT_LE(bytes_on_disk(dir), options.quota_bytes + segment_bytes);
  ASSERT_TRUE(store.submit(numbered_group(2)));
  ASSERT_TRUE(store.submit(numbered_group(3)));
  ASSERT_TRUE(store.wait_released(3));
  EXPECT_LE(bytes_on_disk(dir), options.quota_bytes);
}

TEST(Store, WhenFullItReleasesNothingAndGoesOnOnceTheCloudHasAcknowledged) {
  const std::uint64_t seed = fresh_seed();
  std::mt19937_64 random(seed);
  const ScratchDir dir;
  StoreOptions options = options_for(dir);
  options.quota_bytes = 1 << 20;
  RunningStore store(options);
  std::uint64_t submitted = 0;
  const auto next_group = [&] {
    CommitGroup group = numbered_group(submitted + 1);
    close_panes(group, "room", 3, random_bytes(random, 16'000));
    group.checkpoint = std::vector<CheckpointPart>{{"part", std::to_string(submitted)}};
    return group;
  };
  CommitGroup group = next_group();
  ASSERT_TRUE(eventually([&] {
    if (store->try_submit(group)) {
      ++submitted;
      group = next_group();
    }
    return store->stats().commit_failures >= 3;
  }));
  // Stuck: one group in flight, one waiting, everything before is released, and reads still work.
  ASSERT_TRUE(eventually([&] {
    if (store->try_submit(group)) {
      ++submitted;
      group = next_group();
    }
    return store->stats().commit_failures >= 6;
  }));
  const std::size_t released = store.released();
  EXPECT_EQ(released, submitted - 2);
  EXPECT_FALSE(store->try_submit(group));
  EXPECT_NE(store->stats().last_error.find("resource_exhausted"), std::string::npos);
  const std::vector<std::int64_t> seqs = all_seqs(*store);
  EXPECT_EQ(seqs.size(), released);
  EXPECT_EQ(store.released(), released);

  store->acknowledge(seqs);
  ASSERT_TRUE(store.wait_released(submitted)) << store->stats().last_error;
  ASSERT_TRUE(store.submit(std::move(group)));
  ASSERT_TRUE(store.wait_released(submitted + 1));
  const Ledger ledger = store->durable_ledger();
  EXPECT_EQ(ledger.difference(), 0);
  EXPECT_EQ(ledger.get(LedgerKind::panes, "room", Term::acked),
            static_cast<std::int64_t>(3 * released));
  EXPECT_EQ(store->stats().last_error, "");
}

TEST(Store, StopDoesNotHangOnAFullDatabaseAndReleasesNothingOfIt) {
  std::mt19937_64 random(1);
  const ScratchDir dir;
  StoreOptions options = options_for(dir);
  options.quota_bytes = 1 << 20;
  options.commit_retry_max = std::chrono::hours(1);
  RunningStore store(options);
  CommitGroup group = numbered_group(1);
  close_panes(group, "room", 1, random_bytes(random, 2 << 20));
  ASSERT_TRUE(store.submit(std::move(group)));
  ASSERT_TRUE(eventually([&] { return store->stats().commit_failures > 0; }));
  store->stop();
  EXPECT_EQ(store.released(), 0u);
}

/// Makes every write that would extend a file fail, as a file system does that has had enough.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST(Store, TriesAgainAfterAnIoErrorAndLosesNothing) {
  std::mt19937_64 random(1);
  const ScratchDir dir;
  RunningStore store(options_for(dir));
  ASSERT_TRUE(store.submit(numbered_group(1)));
  ASSERT_TRUE(store.wait_released(1));
  {
    const FileSizeLimit limit(std::filesystem::file_size(dir.database() + "-wal") + 2000);
    CommitGroup group = numbered_group(2);
    group.segment.entries.push_back(BatchEntry{1, {}, storage::wild_batch(random, 3000)});
    ASSERT_TRUE(store->try_submit(group));
    ASSERT_TRUE(eventually([&] { return store->stats().commit_failures >= 3; }));
    EXPECT_EQ(store.released(), 1u);
    EXPECT_NE(store->stats().last_error, "");
  }
  ASSERT_TRUE(store.wait_released(2));
  EXPECT_EQ(store->durable_ledger().sum(LedgerKind::messages, Term::received), 2);
}

TEST(Store, ASecondOneOnTheSameFolderIsRefused) {
  const ScratchDir dir;
  const RunningStore first(options_for(dir));
  SystemClock clock;
  EXPECT_EQ(Store::open(options_for(dir), clock).status().code(), StatusCode::unavailable);
}

TEST(Store, ADamagedDatabaseIsReportedAsRebuilt) {
  const ScratchDir dir;
  { const RunningStore first(options_for(dir)); }
  std::ofstream(dir.database(), std::ios::trunc) << std::string(9000, 'x');
  RunningStore store(options_for(dir));
  EXPECT_TRUE(store->rebuilt());
  ASSERT_TRUE(store.submit(numbered_group(1)));
  EXPECT_TRUE(store.wait_released(1));
}

// Readers, an acknowledging uplink and the committing pipeline at once: nothing is lost or doubled.
TEST(Store, ServesReadersAndAcksWhileItCommits) {
  const ScratchDir dir;
  RunningStore store(options_for(dir));
  constexpr std::uint64_t kGroups = 300;
  std::map<std::int64_t, std::string> seen;
  Thread uplink("uplink", [&] {
    std::int64_t after = 0;
    eventually([&] {
      const auto rows = store->read_outbox(after, 64);
      if (rows.ok() && !rows->empty()) {
        std::vector<std::int64_t> seqs;
        for (const OutboxRow& row : *rows) {
          EXPECT_TRUE(seen.emplace(row.seq, row.bytes).second);
          seqs.push_back(row.seq);
        }
        after = seqs.back();
        store->acknowledge(seqs);
      }
      return seen.size() == kGroups;
    });
  });
  for (std::uint64_t n = 1; n <= kGroups; ++n) {
    CommitGroup group = numbered_group(n);
    close_panes(group, "room", 1, "block " + std::to_string(n));
    ASSERT_TRUE(store.submit(std::move(group)));
  }
  uplink.join();
  ASSERT_TRUE(eventually([&] { return store->stats().outbox_rows == 0; }));
  ASSERT_EQ(seen.size(), kGroups);
  for (const auto& [seq, bytes] : seen) EXPECT_EQ(bytes, "block " + std::to_string(seq));
  EXPECT_EQ(store->durable_ledger().get(LedgerKind::panes, "room", Term::acked),
            static_cast<std::int64_t>(kGroups));
  EXPECT_EQ(store->durable_ledger().difference(), 0);
}

// --- kill -9 -------------------------------------------------------------------------------------

constexpr int kReportFd = 3;
constexpr std::uint32_t kPanesPerRow = 2;

CommitGroup child_group(std::uint64_t number, std::mt19937_64& random) {
  CommitGroup group = numbered_group(number);
  group.segment.entries.push_back(BatchEntry{1, {}, storage::sensor_batch(random, random() % 300)});
  if (number % 3 == 0) close_panes(group, "room", kPanesPerRow, "row of " + std::to_string(number));
  if (number % 10 == 0)
    group.checkpoint = std::vector<CheckpointPart>{{"count", std::to_string(number)}};
  return group;
}

// Not a test: the program that KillNine starts and kills. It commits numbered groups and reports
// each one only after it was called durable.
TEST(Store, DISABLED_ChildThatCommitsUntilItIsKilled) {
  const char* dir = std::getenv("SLUICE_STORE_CHILD_DIR");
  ASSERT_NE(dir, nullptr);
  std::mt19937_64 random(std::strtoull(std::getenv("SLUICE_STORE_CHILD_SEED"), nullptr, 10));
  std::uint64_t number = std::strtoull(std::getenv("SLUICE_STORE_CHILD_NEXT"), nullptr, 10);
  StoreOptions options;
  options.dir = dir;
  options.quota_bytes = 4 << 20;
  options.machine_id = "machine-a";
  SystemClock clock;
  auto store = Store::open(options, clock);
  ASSERT_TRUE(store.ok());
  (*store)->set_on_durable([](const CommitGroup& group) {
    const std::uint64_t durable = number_of(group);
    if (write(kReportFd, &durable, sizeof durable) != sizeof durable) std::abort();
  });
  (*store)->start();
  for (;; ++number) {
    CommitGroup group = child_group(number, random);
    ASSERT_TRUE(eventually([&] { return (*store)->try_submit(group); }));
    if (random() % 4 != 0) continue;
    const auto rows = (*store)->read_outbox(0, 200);
    ASSERT_TRUE(rows.ok());
    std::vector<std::int64_t> seqs;
    for (const OutboxRow& row : *rows) seqs.push_back(row.seq);
    (*store)->acknowledge(seqs);
  }
}

struct Child {
  pid_t pid;
  int reports;
};

Child start_child(const ScratchDir& dir, std::uint64_t next, std::uint64_t seed) {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const std::vector<std::string> env = {"SLUICE_STORE_CHILD_DIR=" + dir.path(),
                                        "SLUICE_STORE_CHILD_NEXT=" + std::to_string(next),
                                        "SLUICE_STORE_CHILD_SEED=" + std::to_string(seed)};
  const char* envp[] = {env[0].c_str(), env[1].c_str(), env[2].c_str(), nullptr};
  const char* argv[] = {"store_test", "--gtest_filter=*DISABLED_ChildThatCommits*",
                        "--gtest_also_run_disabled_tests", nullptr};
  const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(null, STDOUT_FILENO);
    dup2(ends[1], kReportFd);
    if (ends[1] == kReportFd) fcntl(kReportFd, F_SETFD, 0);
    execve("/proc/self/exe", const_cast<char**>(argv), const_cast<char**>(envp));
    _exit(127);
  }
  close(null);
  close(ends[1]);
  return {pid, ends[0]};
}

/// Reads reports until `count` came, kills the child, and gives the last number it ever reported.
std::uint64_t kill_after(const Child& child, std::uint64_t count) {
  std::uint64_t last = 0;
  std::uint64_t number = 0;
  for (std::uint64_t i = 0; read(child.reports, &number, sizeof number) == sizeof number; ++i) {
    EXPECT_TRUE(last == 0 || number == last + 1) << "released out of order";
    last = number;
    if (i + 1 == count) kill(child.pid, SIGKILL);
  }
  close(child.reports);
  int state = 0;
  waitpid(child.pid, &state, 0);
  EXPECT_TRUE(WIFSIGNALED(state) && WTERMSIG(state) == SIGKILL) << "the child failed by itself";
  return last;
}

/// Opens what the killed child left, checks it, and gives the number of the last group in it.
std::uint64_t check_survivor(const ScratchDir& dir) {
  StoreOptions options = options_for(dir);
  options.quota_bytes = 4 << 20;
  SystemClock clock;
  auto opened = Store::open(options, clock);
  EXPECT_TRUE(opened.ok()) << opened.status().to_string();
  if (!opened.ok()) return 0;
  Store& store = **opened;
  EXPECT_FALSE(store.rebuilt());
  const auto recovered = store.load();
  EXPECT_EQ(recovered->damaged_segments, 0u);
  std::uint64_t last =
      recovered->checkpoint.empty() ? 0 : std::stoull(recovered->checkpoint.at(0).bytes);
  EXPECT_TRUE(store
                  .replay([&](const Segment& segment) {
                    if (segment.entries.empty()) return Status();  // acks alone
                    const auto& batch = std::get<BatchEntry>(segment.entries.at(0));
                    EXPECT_EQ(batch.fingerprints.at(0).hash, last + 1) << "a group is missing";
                    ++last;
                    return Status();
                  })
                  .ok());
  const Ledger& ledger = recovered->ledger;
  EXPECT_EQ(ledger.difference(), 0);
  EXPECT_EQ(ledger.sum(LedgerKind::messages, Term::received), static_cast<std::int64_t>(last));
  EXPECT_EQ(ledger.sum(LedgerKind::panes, Term::closed),
            static_cast<std::int64_t>(last / 3 * kPanesPerRow));
  EXPECT_EQ(recovered->next_seq, static_cast<std::int64_t>(last / 3) + 1);
  store.start();
  const std::vector<std::int64_t> seqs = all_seqs(store);
  EXPECT_EQ(ledger.sum(LedgerKind::panes, Term::outbox),
            static_cast<std::int64_t>(seqs.size() * kPanesPerRow));
  EXPECT_EQ(store.stats().outbox_rows, seqs.size());
  return last;
}

TEST(Store, AnotherProcessIsRefusedWhileOneRunsAndWelcomeOnceItIsGone) {
  const ScratchDir dir;
  const Child child = start_child(dir, 1, 1);
  std::uint64_t number = 0;
  ASSERT_EQ(read(child.reports, &number, sizeof number), static_cast<ssize_t>(sizeof number));
  SystemClock clock;
  const auto second = Store::open(options_for(dir), clock);
  EXPECT_EQ(second.status().code(), StatusCode::unavailable) << "while the child commits";
  kill_after(child, 1);
  EXPECT_TRUE(Store::open(options_for(dir), clock).ok());
}

TEST(Store, LosesNothingItReleasedHoweverOftenItIsKilled) {
  const std::uint64_t seed = fresh_seed();
  std::mt19937_64 random(seed);
  const ScratchDir dir;
  std::uint64_t next = 1;
  for (int round = 0; round < 25; ++round) {
    const Child child = start_child(dir, next, random());
    const std::uint64_t reported = kill_after(child, 1 + random() % 60);
    ASSERT_GE(reported, next) << "the child reported nothing, seed " << seed;
    const std::uint64_t survived = check_survivor(dir);
    ASSERT_GE(survived, reported) << "seed " << seed << " round " << round;
    // One group in flight and one waiting may be durable without having been reported.
    ASSERT_LE(survived, reported + 2) << "seed " << seed << " round " << round;
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed << " round " << round;
    next = survived + 1;
  }
}

// Whoever looks at the log beside the daemon's work takes a little at a time.
TEST(Store, ReadsItsLogInSlicesWhileItRuns) {
  const ScratchDir dir;
  RunningStore store(options_for(dir));
  std::vector<Segment> committed;
  for (std::uint64_t i = 1; i <= 20; ++i) {
    CommitGroup group = numbered_group(i);
    committed.push_back(group.segment);
    ASSERT_TRUE(store.submit(std::move(group)));
  }
  ASSERT_TRUE(eventually([&] { return store->stats().commits == 20; }));
  std::vector<Segment> found;
  std::int64_t after = 0;
  for (;;) {
    const auto slice = store->read_segments(after, 300);
    ASSERT_TRUE(slice.ok()) << slice.status().to_string();
    EXPECT_EQ(slice->newest_id, 20);
    EXPECT_EQ(slice->oldest_id, 1);
    if (slice->segments.empty()) break;
    std::size_t bytes = 0;
    for (const StoredSegment& segment : slice->segments) {
      EXPECT_LT(bytes, 300u);
      EXPECT_EQ(segment.id, ++after);
      bytes += segment.bytes.size();
      const auto decoded = decode_segment(segment.bytes);
      ASSERT_TRUE(decoded.ok());
      found.push_back(*decoded);
    }
  }
  EXPECT_EQ(found, committed);
  const auto one = store->read_segments(7, 1);
  ASSERT_TRUE(one.ok());
  ASSERT_EQ(one->segments.size(), 1u);
  EXPECT_EQ(one->segments[0].id, 8);
}

}  // namespace
}  // namespace sluice
