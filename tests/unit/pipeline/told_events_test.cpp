#include "pipeline/told_events.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>

#include "fakes/fake_clock.h"
#include "fakes/memory_commits.h"
#include "fakes/plain_parts.h"
#include "fakes/scripted_messages.h"
#include "pipeline/engine.h"
#include "plant.h"

namespace sluice {
namespace {

ToldEvent told(const std::string& pipeline, std::size_t message_bytes = 4) {
  ToldEvent told;
  told.event.name = "hot";
  told.event.message.assign(message_bytes, 'x');
  told.pipeline = pipeline;
  return told;
}

TEST(ToldEvents, PastTheirCountTheyExpireUntilTheNextGroup) {
  ToldEvents events;
  Ledger ledger;
  for (std::size_t i = 0; i < ToldEvents::kCountMax; ++i) events.add(told("a"), ledger);
  EXPECT_EQ(events.expired(), 0u);
  events.add(told("b"), ledger);
  events.add(told("a"), ledger);
  EXPECT_EQ(events.expired(), 2u);
  EXPECT_EQ(ledger.get(LedgerKind::events, "a", Term::waiting), 2'000);
  EXPECT_EQ(ledger.get(LedgerKind::events, "a", Term::expired), 1);
  EXPECT_EQ(ledger.get(LedgerKind::events, "b", Term::expired), 1);
  EXPECT_EQ(ledger.difference(), 0);
  EXPECT_EQ(events.take().size(), ToldEvents::kCountMax);
  events.add(told("b"), ledger);
  EXPECT_EQ(events.expired(), 0u);
  EXPECT_EQ(events.take().size(), 1u);
}

TEST(ToldEvents, PastTheirBytesOnlySmallOnesHaveRoom) {
  ToldEvents events;
  Ledger ledger;
  const std::size_t large = ToldEvents::kBytesMax / 2 - 200;
  events.add(told("a", large), ledger);
  events.add(told("a", large), ledger);
  events.add(told("a", 1000), ledger);
  EXPECT_EQ(events.expired(), 1u);
  events.add(told("a"), ledger);
  EXPECT_EQ(events.take().size(), 3u);
  EXPECT_EQ(ledger.difference(), 0);
}

/// Tells of each reading, `copies` times; fails for a negative one, and tells that all the same.
class Teller final : public Stage {
 public:
  explicit Teller(bool ordered, int copies = 1) : ordered_(ordered), copies_(copies) {}
  const std::string& name() const override { return name_; }
  const std::vector<std::string>& rules() const override { return rules_; }
  bool ordered() const override { return ordered_; }
  Status process(const ReadingBatch& in, StageOutput& out) override {
    bool fails = false;
    for (std::size_t row = 0; row < in.size(); ++row) {
      fails = fails || in.at(row).value.as_double() < 0;
      for (int i = 0; i < copies_; ++i) tell(in.at(row), out);
    }
    if (fails) return internal_error("below zero");
    out.verdicts.assign(in.size(), Verdict::pass);
    return {};
  }
  bool wants_time() const override { return false; }
  Status on_time(std::int64_t, StageOutput&) override { return {}; }
  Result<std::string> snapshot() override { return std::to_string(seen_); }
  Status restore(std::string_view bytes) override {
    seen_ = std::stoull(std::string(bytes));
    return {};
  }

 private:
  /// The number says how often it was told something, in all its lives: a replay that told anew, or
  /// less, would show.
  void tell(const Reading& reading, StageOutput& out) {
    Event event;
    event.series = reading.series;
    event.topic = reading.topic;
    event.event_time_ns = reading.event_time_ns;
    event.severity = Severity::warn;
    event.name = "seen";
    event.message = "number " + std::to_string(++seen_);
    out.events.push_back(std::move(event));
  }

  const bool ordered_;
  const int copies_;
  const std::string name_ = "teller";
  const std::vector<std::string> rules_;
  std::uint64_t seen_ = 0;
};

PipelineSpec spec_of(std::unique_ptr<Stage> stage, std::int64_t max_out_of_order_ns = 0) {
  PipelineSpec spec;
  spec.name = "p";
  spec.hash = 1;
  spec.windows = {WindowSpec::tumbling(10 * kSecond)};
  spec.max_out_of_order_ns = max_out_of_order_ns;
  spec.stages.push_back(std::move(stage));
  return spec;
}

/// A node whose engine is killed at any moment; its commits outlive it.
class KilledNode {
 public:
  explicit KilledNode(bool ordered, int copies = 1) : ordered_(ordered), copies_(copies) {
    messages_.waits = false;
  }

  void start(std::size_t checkpoint_readings = 1'000'000) {
    EngineOptions options;
    options.commit_interval_ns = kSecond;
    options.checkpoint_readings = checkpoint_readings;
    options.batch_messages_max = 3;
    options.config = "config";
    std::vector<PipelineSpec> specs;
    specs.push_back(
        spec_of(std::make_unique<Teller>(ordered_, copies_), ordered_ ? 2 * kSecond : 0));
    engine_ = std::make_unique<Engine>(
        options, std::vector<SourceSpec>{{"plant", false, 100}}, std::move(specs),
        Engine::Rooms{messages_, decoder_, commits, encoder_, series_, topics_, clock_});
    ASSERT_TRUE(engine_->restore(commits.checkpoint()).ok());
    for (const Segment& segment : commits.segments_after_checkpoint()) {
      ASSERT_TRUE(engine_->replay(segment).ok());
    }
    engine_->begin();
    IngestEvent connected;
    connected.kind = IngestEvent::Kind::connected;
    connected.session_present = !commits.groups().empty();
    messages_.push(connected);
    engine_->step();
  }
  /// What is not durable by now never was; its messages the broker sends again.
  void kill() {
    commits.refuse(true);
    engine_.reset();
    commits.refuse(false);
  }
  void message(std::int64_t number, double value = 1) {
    IngestEvent event;
    event.topic = "a";
    event.payload = std::to_string(number * kSecond) + " " + std::to_string(value);
    event.qos = 1;
    event.packet_id = static_cast<std::uint16_t>(number + 1);
    event.boottime_ns = clock_.boottime_ns();
    event.position = {0, 1, event.packet_id};
    messages_.push(event);
    engine_->step();
  }
  void commit() {
    for (int i = 0; i < 4; ++i) {
      clock_.advance(kSecond / 2);
      engine_->step();
    }
  }
  std::int64_t durable_messages() const {
    return commits.ledger().get(LedgerKind::messages, "plant/qos1", Term::decoded);
  }
  std::vector<ToldEvent> events() const {
    std::vector<ToldEvent> all;
    for (const CommitGroup& group : commits.groups()) {
      all.insert(all.end(), group.events.begin(), group.events.end());
    }
    return all;
  }
  const Engine& engine() const { return *engine_; }

  MemoryCommits commits;

 private:
  const bool ordered_;
  const int copies_;
  SeriesTable series_{1000};
  TopicTable topics_{1000};
  ScriptedMessages messages_;
  TextDecoder decoder_{series_, topics_};
  BlockKeeper encoder_;
  FakeClock clock_;
  std::unique_ptr<Engine> engine_;
};

TEST(EngineEvents, GoWithTheGroupOfTheReadingsThatTheyAreOf) {
  KilledNode node(false);
  node.start();
  node.message(0);
  node.commit();
  node.message(1);
  node.message(2, -1);
  node.commit();
  for (const CommitGroup& group : node.commits.groups()) {
    const Ledger& delta = group.segment.ledger;
    const auto messages = delta.get(LedgerKind::messages, "plant/qos1", Term::decoded);
    EXPECT_EQ(static_cast<std::int64_t>(group.events.size()), messages);
    EXPECT_EQ(delta.get(LedgerKind::events, "p", Term::waiting), messages);
  }
  const std::vector<ToldEvent> events = node.events();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[2].event.message, "number 3") << "a failed call tells too";
  EXPECT_EQ(events[0].pipeline, "p");
  EXPECT_EQ(events[0].stage, "teller");
  EXPECT_EQ(events[0].boot_id, "");
  EXPECT_EQ(node.commits.ledger().difference(), 0);
  const auto recent = node.engine().recent_events().list("p", 2);
  ASSERT_EQ(recent.size(), 2u);
  EXPECT_EQ(recent[0].what, events[2]);
}

// A thousand copies of each reading, so the third message of a group finds it full.
TEST(EngineEvents, AStormIsCountedAndNamedInTheGroupThatItFills) {
  KilledNode node(false, 1'000);
  node.start();
  for (int i = 0; i < 3; ++i) node.message(i);
  node.commit();
  node.message(3);
  node.commit();
  EXPECT_EQ(node.events().size(), 3'000u);
  const Ledger ledger = node.commits.ledger();
  EXPECT_EQ(ledger.get(LedgerKind::events, "p", Term::told), 4'000);
  EXPECT_EQ(ledger.get(LedgerKind::events, "p", Term::expired), 1'000);
  EXPECT_EQ(ledger.difference(), 0);
  std::vector<Gap> gaps;
  for (const CommitGroup& group : node.commits.groups()) {
    gaps.insert(gaps.end(), group.gaps.begin(), group.gaps.end());
  }
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(gaps[0].kind, LedgerKind::events);
  EXPECT_EQ(gaps[0].owner, "p");
  EXPECT_EQ(gaps[0].cause, "event_storm");
  EXPECT_EQ(gaps[0].count, 1'000u);
}

/// Feeds 200 readings, killed at random moments, with and without a checkpoint behind it. What was
/// not durable the broker sends again.
void tell_each_once_though_killed(bool ordered, std::uint64_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed) + (ordered ? " ordered" : " unordered"));
  constexpr std::int64_t kMessages = 200;
  std::mt19937_64 random(seed);
  KilledNode node(ordered);
  while (node.durable_messages() < kMessages) {
    node.start(20 + random() % 40);
    std::int64_t next = node.durable_messages();
    for (std::uint64_t left = random() % 30; left > 0 && next < kMessages; --left) {
      node.message(next++);
      if (random() % 4 == 0) node.commit();
    }
    if (next == kMessages) node.commit();
    node.kill();
  }
  node.start();
  node.kill();
  std::map<std::int64_t, int> by_time;
  std::uint64_t number = 0;
  for (const ToldEvent& told : node.events()) {
    ++by_time[told.event.event_time_ns];
    EXPECT_EQ(told.event.message, "number " + std::to_string(++number));
  }
  // The reorder buffer keeps the last two seconds.
  EXPECT_GE(by_time.size(), static_cast<std::size_t>(kMessages - (ordered ? 3 : 0)));
  for (const auto& [time_ns, times] : by_time) EXPECT_EQ(times, 1) << time_ns;
  EXPECT_EQ(node.commits.ledger().difference(), 0);
}

TEST(EngineEvents, AReplayTellsNothingAgainAndNothingIsLostByAKill) {
  std::random_device device;
  for (int i = 0; i < 4; ++i) {
    tell_each_once_though_killed(false, device());
    tell_each_once_though_killed(true, device());
  }
}

// A reading stamped with the time since boot: the event says of which boot, while that lasts.
TEST(EngineEvents, InBootTimeNameTheBoot) {
  Plant plant;
  Pipeline pipeline(spec_of(std::make_unique<Teller>(false)), plant.series, plant.topics);
  ToldEvents events;
  PipelineEffects effects{plant.ledger, plant.closed};
  effects.events = &events;
  pipeline.catch_up(effects);
  pipeline.set_boot(std::make_shared<const BootStretch>(BootStretch{"boot-a", 0}), 1, effects);
  BatchEntry batch = plant.batch({{1, 1}});
  batch.readings.topic[0] |= kBootTopic;
  std::vector<bool> routed(1);
  pipeline.process(batch, routed, effects);
  pipeline.process(plant.batch({{1'700'000'000, 1}}), routed, effects);
  pipeline.set_boot(nullptr, 2, effects);
  pipeline.process(batch, routed, effects);
  const std::vector<ToldEvent> told = events.take();
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].boot_id, "boot-a");
  EXPECT_EQ(told[1].boot_id, "") << "a device that knows the time";
  EXPECT_EQ(told[2].boot_id, "") << "that boot is over";
  EXPECT_TRUE(in_boot_time(told[2].event.topic));
}

}  // namespace
}  // namespace sluice
