// What a node without a battery clock does with readings that have no time of their own: the whole
// engine, a clock that boots in 1970 and jumps, a kernel that is synced at times, and reboots.

#include <gtest/gtest.h>

#include <chrono>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/log.h"
#include "fakes/fake_clock.h"
#include "fakes/memory_commits.h"
#include "fakes/plain_parts.h"
#include "pipeline/engine.h"

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kSize = 10 * kSecond;
constexpr std::int64_t kYear = 365 * 86'400 * kSecond;
constexpr std::int64_t kBuilt = 1'600'000'000 * kSecond;
const SourceSpec kSource{.name = "plant", .arrival_stamped = true};

/// Messages that wait for nobody: time passes only where a test says so.
class Ring final : public MessageSource {
 public:
  void push(IngestEvent event) { events_.push_back(std::move(event)); }
  std::size_t take(std::vector<IngestEvent>& out, std::size_t, std::chrono::milliseconds) override {
    std::move(events_.begin(), events_.end(), std::back_inserter(out));
    return std::exchange(events_, {}).size();
  }
  void release(const AckPosition&) override {}
  std::uint64_t take_dropped_qos0(std::uint32_t) override { return 0; }

 private:
  std::vector<IngestEvent> events_;
};

/// A gateway, and a hub that keeps what it committed.
class Gateway {
 public:
  explicit Gateway(std::uint64_t seed = 1) : random_(seed) { reboot(); }

  // --- the world ---
  void pass(std::int64_t ns) {
    true_ns_ += ns;
    clock_.advance(ns);
  }
  void set_wall(std::int64_t ns) { clock_.jump_wall(ns - clock_.wall_ns()); }
  /// The time server is back: the clock is right but for `wrong_ns`, which the kernel bounds.
  void sync(std::int64_t wrong_ns = 0) {
    set_wall(true_ns_ + wrong_ns);
    kernel_ = {true, std::abs(wrong_ns) + 1'000'000};
  }
  void sync_wrong(std::int64_t wrong_ns) {
    set_wall(true_ns_ + wrong_ns);
    kernel_ = {true, 1'000'000};
  }
  void lose_sync() { kernel_ = {}; }
  void hub_says(std::int64_t round_trip_ns) {
    const std::int64_t sent = clock_.boottime_ns();
    const std::int64_t at = std::uniform_int_distribution<std::int64_t>(0, round_trip_ns)(random_);
    const std::int64_t told = true_ns_ + at;
    pass(round_trip_ns);
    trust_->heard(told, sent, clock_.boottime_ns());
  }
  void reboot() {
    kernel_ = {};
    clock_.reboot();
    set_wall(3 * kSecond);
    pass(kSecond);
    ++boots_;
    restart();
  }
  /// kill -9 after the last commit.
  void restart() {
    start(true);
    engine_->begin();
  }
  void start(bool with_pipeline) {
    trust_ = std::make_unique<ClockTrust>(
        clock_, [this] { return kernel_; }, kBuilt, "boot" + std::to_string(boots_));
    std::vector<PipelineSpec> specs;
    PipelineSpec spec;
    spec.name = "p";
    spec.hash = 1;
    spec.windows = {WindowSpec::tumbling(kSize)};
    spec.parked = parked_;
    if (parked_.empty()) spec.stages.push_back(std::make_unique<DropNegative>(ordered_));
    specs.push_back(std::move(spec));
    EngineOptions options;
    options.commit_interval_ns = 0;
    options.checkpoint_readings = 20;
    engine_ = std::make_unique<Engine>(options, std::vector<SourceSpec>{kSource}, std::move(specs),
                                       Engine::Rooms{messages_, decoder_, commits_, encoder_,
                                                     series_, topics_, clock_, trust_.get()});
    ASSERT_TRUE(engine_->restore(commits_.checkpoint()).ok());
    for (const Segment& segment : commits_.segments_after_checkpoint()) {
      ASSERT_TRUE(engine_->replay(segment).ok());
    }
    if (!with_pipeline) engine_->adopt({kSource}, {}, "none", commits_.ledger(), 1'000'000);
  }
  /// The pipeline's plugin goes, or comes back; what it misses meanwhile waits.
  void park(bool on) {
    step();
    parked_ = on ? "no plugin" : "";
    restart();
    step();
  }
  void set_ordered() {
    ordered_ = true;
    restart();
  }

  // --- the devices ---
  void read() {
    IngestEvent event;
    event.topic = "t" + std::to_string(published_.size() % 2);
    event.payload = "0 " + std::to_string(published_.size());
    event.qos = 0;
    event.boottime_ns = clock_.boottime_ns();
    event.wall_ns = clock_.wall_ns();
    messages_.push(event);
    published_.push_back(true_ns_);
  }
  void step() { engine_->step(); }
  void read_and_step() {
    read();
    step();
  }
  /// The group that is made now never becomes durable; its messages come again.
  void die_before_the_commit(std::size_t readings) {
    step();
    const std::size_t first = published_.size();
    for (std::size_t i = 0; i < readings; ++i) read();
    commits_.refuse(true);
    step();
    commits_.refuse(false);
    published_.resize(first);
    restart();
    for (std::size_t i = 0; i < readings; ++i) read();
    step();
  }
  /// Everything that is open closes: its pipeline is gone from the config.
  void end() {
    step();
    start(false);
    engine_->begin();
    step();
  }

  // --- the hub ---
  struct Held {
    std::uint64_t readings = 0;
    std::uint64_t panes = 0;
    std::uint64_t unsynced = 0;  ///< panes that nobody can label
    std::uint64_t in_boot_time = 0;
  };
  /// `exact`: the time that was known was always right.
  Held look(bool exact) {
    using Key = std::tuple<std::uint64_t, SeriesId, std::int64_t, std::int64_t, std::string>;
    std::map<Key, Pane> panes;
    std::map<std::string, TimeCorrection> corrections;
    for (const CommitGroup& group : commits_.groups()) {
      for (const OutboxRow& row : group.outbox) {
        const std::size_t number = std::stoul(row.bytes.substr(row.bytes.find(' ') + 1)) - 1;
        if (row.bytes.starts_with("correction")) {
          const TimeCorrection& c = encoder_.corrections[number];
          TimeCorrection& known = corrections[c.boot_id];
          if (known.boot_id.empty() || c.boottime_ns > known.boottime_ns) known = c;
          continue;
        }
        const SummaryBlock& block = encoder_.blocks[number];
        for (const Pane& pane : block.panes) {
          EXPECT_EQ(pane.boot ? pane.boot->boot_id : "", block.boot_id);
          const Key key{block.spec_hash, pane.window.key, pane.window.start_ns, pane.window.end_ns,
                        block.boot_id};
          const auto [at, fresh] = panes.emplace(key, pane);
          EXPECT_TRUE(fresh || at->second.revision != pane.revision) << "one pane hides another";
          if (!fresh && at->second.revision < pane.revision) at->second = pane;
        }
      }
    }
    Held held;
    for (const auto& [key, pane] : panes) {
      held.readings += pane.content.moments.count;
      ++held.panes;
      EXPECT_EQ(pane.window.end_ns - pane.window.start_ns, kSize);
      EXPECT_EQ(pane.window.start_ns % kSize, 0);
      const std::string& boot = std::get<4>(key);
      held.in_boot_time += boot.empty() ? 0 : 1;
      if (!boot.empty() && !corrections.contains(boot)) {
        ++held.unsynced;
        continue;
      }
      const TimeCorrection none{};
      const TimeCorrection& c = boot.empty() ? none : corrections.at(boot);
      if (exact) {
        look_at(pane.content.moments.first, pane.content.moments.first_time_ns, c);
        look_at(pane.content.moments.last, pane.content.moments.last_time_ns, c);
      }
    }
    const Ledger ledger = commits_.ledger();
    EXPECT_EQ(ledger.difference(), 0);
    EXPECT_EQ(ledger.get(LedgerKind::readings, "p", Term::late), 0);
    return held;
  }
  std::size_t published() const { return published_.size(); }
  std::mt19937_64& random() { return random_; }
  Engine& engine() { return *engine_; }
  const FakeClock& clock() const { return clock_; }

 private:
  void look_at(double reading, std::int64_t label_ns, const TimeCorrection& correction) {
    const std::int64_t truth_ns = published_.at(static_cast<std::size_t>(reading));
    const std::int64_t error_ns =
        correction.boot_id.empty() ? kErrorNs : correction.error_ns + kErrorNs;
    EXPECT_LE(std::abs(label_ns + correction.offset_ns - truth_ns), error_ns)
        << "reading " << reading << " of " << correction.boot_id;
  }
  /// What `sync` and `hub_says` of these tests are wrong by at most, and the drift's bound.
  static constexpr std::int64_t kErrorNs = 2 * kSecond;

  std::mt19937_64 random_;
  std::int64_t true_ns_ = 1'700'000'000 * kSecond;
  FakeClock clock_;
  KernelSync kernel_;
  int boots_ = 0;
  bool ordered_ = false;
  std::string parked_;
  std::unique_ptr<ClockTrust> trust_;
  SeriesTable series_{100};
  TopicTable topics_{100};
  Ring messages_;
  TextDecoder decoder_{series_, topics_};
  MemoryCommits commits_;
  BlockKeeper encoder_;
  std::unique_ptr<Engine> engine_;
  std::vector<std::int64_t> published_;  ///< when each reading was made; its value is its place
};

TEST(BootTime, AReadingBeforeTheTimeIsKnownIsLabelledAfterwards) {
  Gateway node;
  for (int i = 0; i < 30; ++i) {
    node.read_and_step();
    node.pass(kSecond);
  }
  node.sync();
  for (int i = 0; i < 30; ++i) {
    node.read_and_step();
    node.pass(kSecond);
  }
  node.end();
  const auto held = node.look(true);
  EXPECT_EQ(held.readings, 60u);
  EXPECT_EQ(held.unsynced, 0u);
  EXPECT_GE(held.in_boot_time, 3u);
  EXPECT_LT(held.in_boot_time, held.panes);
}

TEST(BootTime, WhatNobodyEverLabelsStaysOfItsBoot) {
  Gateway node;
  node.read_and_step();
  node.reboot();
  node.read_and_step();
  node.sync();
  node.read_and_step();
  node.end();
  const auto held = node.look(true);
  EXPECT_EQ(held.readings, 3u);
  EXPECT_EQ(held.unsynced, 1u) << "the first boot's";
}

TEST(BootTime, TheHubsTimeIsEnough) {
  Gateway node;
  for (int i = 0; i < 15; ++i) node.read_and_step(), node.pass(kSecond);
  node.hub_says(kSecond);
  for (int i = 0; i < 15; ++i) node.read_and_step(), node.pass(kSecond);
  node.end();
  const auto held = node.look(true);
  EXPECT_EQ(held.readings, 30u);
  EXPECT_EQ(held.unsynced, 0u);
}

TEST(BootTime, LosingTheTimeServerAmidAWindowChangesNothing) {
  Gateway node;
  node.sync();
  node.read_and_step();
  node.lose_sync();
  node.set_wall(0);
  node.pass(kSecond);
  node.read_and_step();
  node.restart();
  node.read_and_step();
  node.end();
  const auto held = node.look(true);
  EXPECT_EQ(held.readings, 3u);
  EXPECT_EQ(held.in_boot_time, 0u) << "what was known in this boot still is, also after a restart";
}

// The order of a topic begins anew with boot time, also where a stage needs it.
TEST(BootTime, AStageThatNeedsOrderGetsIt) {
  Gateway node;
  node.set_ordered();
  for (int boot = 0; boot < 3; ++boot) {
    for (int i = 0; i < 25; ++i) node.read_and_step(), node.pass(kSecond);
    if (boot != 1) node.sync();
    for (int i = 0; i < 25; ++i) node.read_and_step(), node.pass(kSecond);
    node.reboot();
  }
  node.end();
  EXPECT_EQ(node.look(true).readings, 150u);
}

TEST(BootTime, AClockThatWas50YearsAheadLosesNothingWhenItIsPutRight) {
  Gateway node;
  node.sync_wrong(50 * kYear);
  for (int i = 0; i < 30; ++i) node.read_and_step(), node.pass(kSecond);
  node.sync();
  for (int i = 0; i < 30; ++i) node.read_and_step(), node.pass(kSecond);
  node.reboot();
  node.sync();
  for (int i = 0; i < 30; ++i) node.read_and_step(), node.pass(kSecond);
  node.end();
  const auto held = node.look(false);
  EXPECT_EQ(held.readings, 90u);
  EXPECT_EQ(held.unsynced, 0u) << "in boot time, with the right label";
}

TEST(BootTime, AnHourBackEndsInEventTimeAgain) {
  Gateway node;
  node.sync_wrong(3'600 * kSecond);
  node.read_and_step();
  node.sync();
  node.pass(kSecond);
  node.read_and_step();
  EXPECT_TRUE(node.engine().view().in_boot_time);
  node.pass(3'700 * kSecond);
  node.step();
  node.read_and_step();
  EXPECT_FALSE(node.engine().view().in_boot_time);
  node.end();
  EXPECT_EQ(node.look(false).readings, 3u);
}

TEST(BootTime, SurvivesFiveHundredJumps) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Gateway node(seed);
  const auto pick = [&](std::int64_t below) {
    return std::uniform_int_distribution<std::int64_t>(0, below - 1)(node.random());
  };
  for (int i = 0; i < 500; ++i) {
    const std::int64_t by =
        (pick(2) == 0 ? -1 : 1) * pick(pick(4) == 0 ? 50 * kYear : 7'200 * kSecond);
    if (pick(3) != 0) {
      node.lose_sync();
      node.set_wall(std::max<std::int64_t>(0, node.clock().wall_ns() + by));
    } else {
      node.sync_wrong(by);
    }
    for (std::int64_t n = pick(4); n > 0; --n) {
      node.read_and_step();
      node.pass(pick(8 * kSecond));
    }
  }
  node.end();
  EXPECT_EQ(node.look(false).readings, node.published());
}

// Boots, syncs, hubs, kills, whatever order: every reading is in one pane, and where the time
// became known, within the bound of its error.
TEST(BootTime, HoldsEveryReadingOnceWhateverHappens) {
  const std::uint64_t seed = std::random_device{}();
  for (std::uint64_t history = 0; history < 60; ++history) {
    SCOPED_TRACE("seed " + std::to_string(seed + history));
    Gateway node(seed + history);
    const auto pick = [&](std::int64_t below) {
      return std::uniform_int_distribution<std::int64_t>(0, below - 1)(node.random());
    };
    for (int i = 0; i < 120; ++i) {
      switch (pick(16)) {
        case 8: node.park(true); break;
        case 9: node.park(false); break;
        case 0: node.step(), node.reboot(); break;
        case 1: node.step(), node.restart(); break;
        case 2: node.sync(pick(400'000'000) - 200'000'000); break;
        case 3: node.lose_sync(); break;
        case 4: node.lose_sync(), node.set_wall(pick(100 * kYear)); break;
        case 5: node.hub_says(pick(2 * kSecond)); break;
        case 6: node.die_before_the_commit(static_cast<std::size_t>(pick(4))); break;
        case 7: node.sync(), node.die_before_the_commit(1); break;
        default:
          node.read();
          if (pick(3) != 0) node.step();
          node.pass(pick(6 * kSecond));
      }
    }
    node.park(false);
    node.end();
    EXPECT_EQ(node.look(true).readings, node.published());
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace sluice
