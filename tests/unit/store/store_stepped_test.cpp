#include <gtest/gtest.h>

#include <vector>

#include "fakes/fake_clock.h"
#include "store/store.h"
#include "unit/store/scratch.h"

// The store without its thread: one job per step(), time from a clock that stands still.

namespace sluice {
namespace {

using storage::close_panes;
using storage::numbered_group;
using storage::options_for;
using storage::random_bytes;
using storage::ScratchDir;

constexpr std::int64_t kMillisecond = 1'000'000;

/// Numbers that are the same in every run.
StoreOptions seeded_options(const ScratchDir& dir, std::uint64_t seed) {
  StoreOptions options = options_for(dir);
  options.random = [random = std::mt19937_64(seed)]() mutable { return random(); };
  return options;
}

class SteppedStore {
 public:
  explicit SteppedStore(const StoreOptions& options) {
    auto opened = Store::open(options, clock);
    EXPECT_TRUE(opened.ok()) << opened.status().to_string();
    store_ = *std::move(opened);
    EXPECT_TRUE(store_->load().ok());
    store_->set_on_durable(
        [this](const CommitGroup& group) { released.push_back(group.acks.at(0).ticket); });
    store_->start_stepped();
  }
  Store* operator->() { return store_.get(); }

  FakeClock clock;
  std::vector<std::uint64_t> released;

 private:
  std::unique_ptr<Store> store_;
};

TEST(StoreStepped, ReleasesAGroupInTheStepThatCommitsIt) {
  const ScratchDir dir;
  SteppedStore store(seeded_options(dir, 1));
  EXPECT_FALSE(store->next_step_ns().has_value());
  EXPECT_FALSE(store->step());
  CommitGroup group = numbered_group(1);
  ASSERT_TRUE(store->try_submit(group));
  EXPECT_EQ(store->next_step_ns(), store.clock.boottime_ns());
  CommitGroup second = numbered_group(2);
  EXPECT_FALSE(store->try_submit(second)) << "no step yet has taken the first";
  EXPECT_TRUE(store.released.empty());
  EXPECT_TRUE(store->step());
  EXPECT_EQ(store.released, std::vector<std::uint64_t>{1});
  EXPECT_FALSE(store->step());
}

TEST(StoreStepped, WritesAcksOnceTheyHaveLingered) {
  const ScratchDir dir;
  SteppedStore store(seeded_options(dir, 1));
  CommitGroup group = numbered_group(1);
  close_panes(group, "room", 2, "block");
  ASSERT_TRUE(store->try_submit(group));
  ASSERT_TRUE(store->step());
  store->acknowledge({1});
  EXPECT_FALSE(store->step());
  ASSERT_TRUE(store->next_step_ns().has_value());
  store.clock.advance(*store->next_step_ns() - store.clock.boottime_ns() - 1);
  EXPECT_FALSE(store->step());
  store.clock.advance(1);
  EXPECT_TRUE(store->step());
  EXPECT_EQ(store->stats().outbox_rows, 0u);
}

TEST(StoreStepped, AcksOfEventsJoinTheNextCommitOrMakeOne) {
  const ScratchDir dir;
  SteppedStore store(seeded_options(dir, 1));
  CommitGroup group = numbered_group(1);
  for (int i = 0; i < 3; ++i) storage::tell(group, storage::event_of("room", i));
  ASSERT_TRUE(store->try_submit(group));
  ASSERT_TRUE(store->step());
  EXPECT_EQ(store->read_events(0, 10)->size(), 3u);
  EXPECT_EQ(store->read_events(1, 1)->at(0).seq, 2);
  store->acknowledge_events(1);
  EXPECT_FALSE(store->step());
  CommitGroup next = numbered_group(2);
  ASSERT_TRUE(store->try_submit(next));
  ASSERT_TRUE(store->step());
  EXPECT_EQ(store->stats().events_waiting, 2u);
  store->acknowledge_events(3);
  store->acknowledge_events(2);  // an older one, late
  ASSERT_TRUE(store->next_step_ns().has_value());
  store.clock.advance(*store->next_step_ns() - store.clock.boottime_ns());
  ASSERT_TRUE(store->step());
  EXPECT_EQ(store->stats().events_waiting, 0u);
  EXPECT_EQ(store->durable_ledger().difference(), 0);
}

TEST(StoreStepped, AnAckOfWhatTheCloudLacksIsTakenBackWhileItsRowIsHere) {
  const ScratchDir dir;
  SteppedStore store(seeded_options(dir, 1));
  CommitGroup group = numbered_group(1);
  for (int i = 0; i < 3; ++i) close_panes(group, "room", 1, "block");
  ASSERT_TRUE(store->try_submit(group));
  ASSERT_TRUE(store->step());
  store->acknowledge({1, 2, 3});
  const Identity self = *store->identity();
  EXPECT_FALSE(*store->misses_acked({"another", "one"}, 0));
  EXPECT_TRUE(*store->misses_acked(self, 1));
  EXPECT_FALSE(*store->misses_acked(self, 1));
  store.clock.advance(1'000 * kMillisecond);
  EXPECT_TRUE(store->step());
  EXPECT_EQ(store->stats().outbox_rows, 2u);
  EXPECT_TRUE(store->read_gaps(0, 10)->empty()) << "nothing is lost";
  EXPECT_FALSE(*store->misses_acked(self, 1));
  EXPECT_TRUE(*store->misses_acked(self, 0));
  EXPECT_EQ(store->read_gaps(0, 10)->size(), 1u);
}

TEST(StoreStepped, AnswersAReaderInItsCallAlsoBetweenTriesOfAFailingCommit) {
  std::mt19937_64 random(1);
  const ScratchDir dir;
  StoreOptions options = seeded_options(dir, 1);
  options.quota_bytes = 1 << 20;
  SteppedStore store(options);
  CommitGroup group = numbered_group(1);
  close_panes(group, "room", 2, "block");
  ASSERT_TRUE(store->try_submit(group));
  ASSERT_TRUE(store->step());
  CommitGroup huge = numbered_group(2);
  close_panes(huge, "room", 1, random_bytes(random, 2 << 20));
  ASSERT_TRUE(store->try_submit(huge));
  ASSERT_TRUE(store->step());
  EXPECT_EQ(store->stats().commit_failures, 1u);
  EXPECT_FALSE(store->step()) << "it backs off";
  const auto rows = store->read_outbox(0, 1000);
  ASSERT_TRUE(rows.ok());
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ((*rows)[0].bytes, "block");
  EXPECT_EQ(store->identity()->epoch, store->epoch());
  EXPECT_EQ(store.released, std::vector<std::uint64_t>{1});
}

TEST(StoreStepped, StopWritesWhatWasSubmittedAndEndsIt) {
  const ScratchDir dir;
  SteppedStore store(seeded_options(dir, 1));
  CommitGroup group = numbered_group(1);
  ASSERT_TRUE(store->try_submit(group));
  store->stop();
  EXPECT_EQ(store.released, std::vector<std::uint64_t>{1});
  EXPECT_FALSE(store->step());
  EXPECT_EQ(store->read_outbox(0, 1).status().code(), StatusCode::unavailable);
}

/// When a commit that never fits is tried, by boot time, and under which epoch.
std::pair<std::vector<std::int64_t>, std::string> tries(std::uint64_t seed) {
  const ScratchDir dir;
  StoreOptions options = seeded_options(dir, seed);
  options.quota_bytes = 1 << 20;
  SteppedStore store(options);
  std::mt19937_64 random(1);
  CommitGroup huge = numbered_group(1);
  close_panes(huge, "room", 1, random_bytes(random, 2 << 20));
  EXPECT_TRUE(store->try_submit(huge));
  std::vector<std::int64_t> at_ns;
  while (at_ns.size() < 6) {
    EXPECT_TRUE(store->step());
    EXPECT_TRUE(store->next_step_ns().has_value());
    if (!store->next_step_ns()) break;
    at_ns.push_back(*store->next_step_ns());
    store.clock.advance(at_ns.back() - store.clock.boottime_ns());
  }
  return {at_ns, store->epoch()};
}

TEST(StoreStepped, DrawsItsWaitsAndItsEpochFromTheGivenSource) {
  const auto first = tries(7);
  EXPECT_EQ(first, tries(7));
  EXPECT_NE(first.first, tries(8).first);
  EXPECT_NE(first.second, tries(8).second);
  for (std::size_t i = 1; i < first.first.size(); ++i) {
    EXPECT_LE(first.first[i] - first.first[i - 1], 20 * kMillisecond) << "commit_retry_max";
  }
}

}  // namespace
}  // namespace sluice
