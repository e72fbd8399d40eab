#include "fault/store_rig.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

namespace sluice {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  const std::uint64_t value = text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
  std::printf("%s=%llu\n", name, static_cast<unsigned long long>(value));
  return value;
}

}  // namespace

std::uint64_t fault_count(std::uint64_t by_default) {
  return from_environment("SLUICE_FAULT_N", by_default);
}

std::uint64_t fault_seed() { return from_environment("SLUICE_FAULT_SEED", std::random_device{}()); }

std::string unlike_all(const StoreState& state, const std::vector<StoreState>& possible) {
  std::string text;
  for (StoreState other : possible) {
    if (other.epoch.empty()) other.epoch = state.epoch;
    text = difference(state, other);
    if (text.empty()) return text;
  }
  return text;
}

StoreRig::StoreRig(std::uint64_t seed, SimDisk::Options disk)
    : lies_(disk.lying_syncs > 0), random_(seed), disk_(random_(), disk), maker_(random_) {
  SimDisk::seed_sqlite(static_cast<std::uint32_t>(random_()));
  options_.dir = "/sluice";
  options_.quota_bytes = 1 << 20;
  options_.dead_letters_max = kDeadLetters_max;
  // Some disks see old segments deleted, some a full database.
  if (chance(0.3)) options_.raw_share = 0.03;
  if (chance(0.2)) {
    maker_.make_large();
    acked_share_ = 0.05;
  }
  options_.machine_id = "machine-a";
  options_.files = &disk_;
  options_.random = [this] { return store_random_; };
}

StoreRig::~StoreRig() { store_.reset(); }

Result<StoreState> StoreRig::open() {
  SLUICE_ASSERT(!store_);
  store_random_ = random_();
  auto opened = Store::open(options_, clock_);
  if (!opened.ok()) return opened.status();
  store_ = *std::move(opened);
  damaged_ = false;
  raw_bytes_ = 0;
  store_->set_on_durable([this](const CommitGroup& group) {
    released_ = true;
    StoreState after = expected_;
    const std::vector<std::int64_t> seqs = apply_group(after, group, group_random_);
    for (std::size_t i = 0; i < seqs.size(); ++i) EXPECT_EQ(group.outbox[i].seq, seqs[i]);
  });
  auto state = read_state(*store_);
  if (!state.ok()) store_.reset();
  return state;
}

std::vector<StoreState> StoreRig::possible() const {
  std::vector<StoreState> states = ghosts_;
  states.push_back(expected_);
  if (!acks_.empty()) {
    states.push_back(expected_);
    apply_acks(states.back(), std::vector(acks_.begin(), acks_.end()));
  }
  if (group_) {
    states.push_back(states.back());
    apply_group(states.back(), *group_, group_random_);
  }
  if (gap_acks_ != 0) {
    states.push_back(expected_);
    apply_gap_acks(states.back(), gap_acks_);
  }
  return states;
}

void StoreRig::accept(StoreState state) {
  if (difference(state, expected_).empty())
    ghosts_ = possible();
  else
    ghosts_.clear();
  expected_ = std::move(state);
  group_.reset();
  acks_.clear();
  gap_acks_ = 0;
}

void StoreRig::step() {
  while (!disk_.down() && !::testing::Test::HasFailure()) {
    released_ = false;
    if (!store_->step()) return;
    note_step();
  }
}

/// Learns from the store what is durable, as the daemon does, and checks that it says it right.
void StoreRig::note_step() {
  const std::vector<std::int64_t> acks(acks_.begin(), acks_.end());
  if (released_) {
    ASSERT_TRUE(group_.has_value()) << "released twice";
    apply_acks(expected_, acks);
    if (group_->epoch_end) ++epoch_ends_;
    apply_group(expected_, *group_, group_random_);
    if (lies_) believe_ledger();
    history_.add(expected_);
    acks_.clear();
    group_.reset();
    settled();
    ++commits_;
  } else if (disk_.down()) {
    return;  // the next open shows what became of it
  } else if (!acks.empty() && store_->durable_ledger() != expected_.ledger) {
    apply_acks(expected_, acks);
    acks_.clear();
    settled();
  }
  note_stats();
  if (lies_) believe_ledger();
  ASSERT_EQ(store_->durable_ledger(), expected_.ledger);
  ASSERT_EQ(store_->next_seq(), expected_.next_seq);
  ASSERT_EQ(store_->epoch(), expected_.epoch);
}

/// On a disk that lies a row may be there for a scan and not for its ack. The store counts what it
/// found.
void StoreRig::believe_ledger() {
  const bool checkpoint = expected_.log.empty();
  expected_.ledger = store_->durable_ledger();
  if (checkpoint && released_) expected_.checkpoint_ledger = expected_.ledger;
}

void StoreRig::note_stats() {
  const StoreStats stats = store_->stats();
  if (stats.raw_bytes < raw_bytes_) ++trims_;
  raw_bytes_ = stats.raw_bytes;
  if (stats.last_error.rfind("resource_exhausted", 0) == 0) ++full_;
  if (stats.last_error.rfind("data_loss", 0) == 0) damaged_ = true;
}

void StoreRig::submit() {
  if (!group_) {
    group_ = maker_.next(expected_);
    group_random_ = store_random_ = random_();
    CommitGroup group = *group_;
    ASSERT_TRUE(store_->try_submit(group));
  }
  step();
}

void StoreRig::finish() {
  for (int tries = 0; group_ && !disk_.down() && !damaged_ && !::testing::Test::HasFailure();
       ++tries) {
    ASSERT_LT(tries, 1000) << "stuck: " << store_->stats().last_error;
    // The quota is full of rows that wait: the cloud is the only way out.
    if (tries % 10 == 9) acknowledge_some(1);
    if (const auto at_ns = store_->next_step_ns()) {
      clock_.advance(std::max<std::int64_t>(*at_ns - clock_.boottime_ns(), 0));
    }
    step();
  }
}

void StoreRig::acknowledge_some(double share) {
  std::vector<std::int64_t> seqs = {INT64_MAX, -1};
  for (const auto& [seq, row] : expected_.outbox) {
    if (!chance(share)) continue;
    seqs.push_back(seq);
    acks_.insert(seq);
  }
  store_->acknowledge(seqs);
}

void StoreRig::acknowledge_gaps() {
  const auto rows = store_->read_gaps(0, 1 + random_() % 3);
  if (!rows.ok() || rows->empty()) return;
  if (store_->acknowledge_gaps(rows->back().seq).ok()) {
    apply_gap_acks(expected_, rows->size());
    settled();
  } else {
    gap_acks_ = rows->size();
  }
}

/// A commit is on flash: it took the place in the log of all that was cut short before.
void StoreRig::settled() {
  ghosts_.clear();
  gap_acks_ = 0;
}

void StoreRig::compare_reads() {
  const auto rows = read_outbox(*store_);
  if (!rows.ok()) return;  // the disk
  EXPECT_EQ(*rows, expected_.outbox);
}

void StoreRig::work() {
  const auto what = random_() % 100;
  if (what < 60)
    submit();
  else if (what < 75)
    acknowledge_some(acked_share_);
  else if (what < 80)
    acknowledge_gaps();
  else if (what < 86)
    compare_reads();
  else
    clock_.advance(static_cast<std::int64_t>(random_() % 400) * kMillisecond);
  step();
  if (group_) finish();
}

bool StoreRig::close() {
  if (store_) {
    released_ = false;
    store_->stop();
    note_step();
    store_.reset();
  }
  for (const StoreState& state : possible()) history_.add(state);
  if (!disk_.down()) return false;
  disk_.bring_up();
  return true;
}

}  // namespace sluice
