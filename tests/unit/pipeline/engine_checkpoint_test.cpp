#include "pipeline/engine.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <tuple>
#include <utility>

#include "engine_rig.h"
#include "fakes/fake_clock.h"
#include "fakes/memory_commits.h"
#include "fakes/plain_parts.h"
#include "fakes/scripted_messages.h"
#include "plant.h"

namespace sluice {
namespace {

/// As DropNegative; saves its state unless told not to.
class Mute final : public Stage {
 public:
  explicit Mute(const bool& mute) : mute_(mute) {}
  const std::string& name() const override { return stage_.name(); }
  const std::vector<std::string>& rules() const override { return stage_.rules(); }
  bool ordered() const override { return false; }
  Status process(const ReadingBatch& in, StageOutput& out) override {
    return stage_.process(in, out);
  }
  Status on_time(std::int64_t, StageOutput&) override { return {}; }
  Result<std::string> snapshot() override {
    return mute_ ? Result<std::string>(unavailable("out of ink")) : stage_.snapshot();
  }
  Status restore(std::string_view bytes) override { return stage_.restore(bytes); }

 private:
  const bool& mute_;
  DropNegative stage_{false};
};

/// Fails for a negative reading, and says that this is what it failed by.
class Choking final : public Stage {
 public:
  const std::string& name() const override { return stage_.name(); }
  const std::vector<std::string>& rules() const override { return stage_.rules(); }
  bool ordered() const override { return true; }
  Status process(const ReadingBatch& in, StageOutput& out) override {
    if (in.at(0).value.as_double() >= 0) return stage_.process(in, out);
    out.fatal_input = "v -1";
    return internal_error("choked");
  }
  Status on_time(std::int64_t, StageOutput&) override { return {}; }
  Result<std::string> snapshot() override { return stage_.snapshot(); }
  Status restore(std::string_view bytes) override { return stage_.restore(bytes); }

 private:
  DropNegative stage_{true};
};

/// Waits for nothing.
class Impatient final : public MessageSource {
 public:
  void push(IngestEvent event) { messages_.push(std::move(event)); }
  bool empty() const { return messages_.empty(); }
  std::size_t take(std::vector<IngestEvent>& out, std::size_t count_max,
                   std::chrono::milliseconds) override {
    return messages_.take(out, count_max, std::chrono::milliseconds(0));
  }
  void release(const AckPosition&) override {}
  std::uint64_t take_dropped_qos0(std::uint32_t) override { return 0; }

 private:
  ScriptedMessages messages_;
};

/// Every topic feeds a series of its own.
struct ManySeries {
  SeriesTable series{20'000};
  TopicTable topics{20'000};
  Impatient messages;
  TextDecoder decoder{series, topics};
  MemoryCommits commits;
  BlockKeeper encoder;
  FakeClock clock;
  std::unique_ptr<Engine> engine;
  std::uint64_t ticket = 0;

  void start() {
    std::vector<PipelineSpec> specs(1);
    specs[0].name = "p";
    specs[0].hash = 1;
    specs[0].windows = {WindowSpec::tumbling(10 * kSecond)};
    specs[0].idle_timeout_ns = 5 * kSecond;
    EngineOptions options;
    options.commit_interval_ns = kSecond;
    options.checkpoint_readings = 700;
    engine = std::make_unique<Engine>(
        options, std::vector<SourceSpec>{{"plant", false, 100'000}}, std::move(specs),
        Engine::Rooms{messages, decoder, commits, encoder, series, topics, clock});
    ASSERT_TRUE(engine->restore(commits.checkpoint()).ok());
    for (const Segment& segment : commits.segments_after_checkpoint()) {
      ASSERT_TRUE(engine->replay(segment).ok());
    }
    engine->begin();
    IngestEvent connected;
    connected.kind = IngestEvent::Kind::connected;
    connected.session_present = true;
    connected.boottime_ns = clock.boottime_ns();
    messages.push(connected);
  }
  void kill() {
    commits.refuse(true);
    engine.reset();
    commits.refuse(false);
  }
  void turn() {
    clock.advance(kSecond);
    engine->step();
    engine->step();
  }
  void message(std::size_t number, std::int64_t time_s) {
    IngestEvent event;
    event.topic = "t/" + std::to_string(number);
    event.payload = std::to_string(time_s * kSecond) + " " + std::to_string(number % 100);
    event.qos = 1;
    event.packet_id = static_cast<std::uint16_t>(++ticket % 65'535 + 1);
    event.boottime_ns = clock.boottime_ns();
    event.position = {0, 1, ticket};
    messages.push(event);
  }
  /// By series and start: revision, count and sum of the last pane.
  using Panes =
      std::map<std::pair<SeriesId, std::int64_t>, std::tuple<std::uint32_t, std::uint64_t, double>>;
  Panes panes() const {
    Panes all;
    for (const CommitGroup& group : commits.groups()) {
      for (const OutboxRow& row : group.outbox) {
        for (const Pane& pane : encoder.blocks[std::stoul(row.bytes.substr(6)) - 1].panes) {
          const Moments& m = pane.content.moments;
          EXPECT_TRUE(all.emplace(std::pair(pane.window.key, pane.window.start_ns),
                                  std::tuple(pane.revision, m.count, m.total()))
                          .second)
              << "closed twice";
        }
      }
    }
    return all;
  }
};

// One reading of each series, then nothing until all are idle and their windows closed by the
// clock; then all again, some of them with a time that is over.
ManySeries::Panes panes_of_many(std::uint64_t seed, bool with_kills) {
  constexpr std::size_t kMany = 1'500;
  ManySeries rig;
  rig.start();
  std::mt19937_64 random(seed);
  const auto perhaps_kill = [&] {
    if (random() % 3 != 0 || !with_kills) return;
    while (!rig.messages.empty()) rig.turn();
    rig.turn();  // what came is committed
    rig.kill();
    rig.start();
  };
  for (std::int64_t round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < kMany; ++i) {
      const bool is_old = round > 0 && random() % 10 == 0;
      rig.message(i, 1'000 + 100 * round - (is_old ? 100 : 0));
      if (i % 200 == 199) perhaps_kill();
    }
    while (!rig.messages.empty()) rig.turn();
    for (int i = 0; i < 30; ++i) rig.turn();
  }
  const Ledger ledger = rig.commits.ledger();
  EXPECT_EQ(ledger.get(LedgerKind::readings, "p", Term::in), static_cast<std::int64_t>(3 * kMany));
  EXPECT_EQ(ledger.difference(), 0);
  return rig.panes();
}

TEST(EngineCheckpoint, ManySeriesThatWereIdleComeToTheSameWhenKilledInBetween) {
  for (const std::uint64_t seed : {1, 2}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto calm = panes_of_many(seed, false);
    EXPECT_GT(calm.size(), 4'000u);
    EXPECT_LT(calm.size(), 4'500u) << "old readings are late";
    EXPECT_EQ(calm, panes_of_many(seed, true));
  }
}

// What drains out of a reorder buffer when the epoch ends corrects a window that was closed.
TEST(EngineCheckpoint, WhatDrainsAtTheEndOfAnEpochIsNotCountedInBothEpochs) {
  EngineRig rig;
  const auto specs = [] {
    PipelineSpec spec;
    spec.name = "p";
    spec.hash = 1;
    spec.windows = {WindowSpec::tumbling(10 * kSecond)};
    spec.windows[0].allowed_lateness_ns = 3600 * kSecond;
    spec.max_out_of_order_ns = 5 * kSecond;
    spec.stages.push_back(std::make_unique<DropNegative>(true));
    std::vector<PipelineSpec> all;
    all.push_back(std::move(spec));
    return all;
  };
  rig.start(specs(), true);
  rig.message("a", "1 1");
  rig.message("a", "16 1");  // closes [0, 10) with 1
  rig.commit();
  rig.kill();
  const std::size_t groups_before = rig.commits.groups().size();
  rig.start(specs(), true);
  rig.message("d", "4 1");  // another topic of the series
  rig.message("d", "9 1");  // lets go of 4: corrects [0, 10)
  rig.message("c", "3 1");  // waits
  rig.commit();
  rig.engine->end_epoch("epoch", 0);
  rig.commit();
  rig.message("a", "100 1");
  rig.commit();
  // What the store makes of the rows when they go over to the new epoch.
  std::vector<Pane> old_epoch;
  std::vector<Pane> new_epoch;
  const auto groups = rig.commits.groups();
  bool ended = false;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    ended = ended || groups[i].epoch_end.has_value();
    for (const OutboxRow& row : groups[i].outbox) {
      const auto add = [&](std::vector<Pane>& to, const std::string& bytes) {
        for (const Pane& pane : rig.panes(bytes)) to.push_back(pane);
      };
      if (i < groups_before || row.of_ended_epoch) {
        add(old_epoch, row.bytes);
      } else if (!ended && row.split) {
        add(old_epoch, row.split->before);
        if (row.split->since_panes > 0) add(new_epoch, row.split->since);
      } else {
        add(new_epoch, row.bytes);
      }
    }
  }
  ASSERT_TRUE(ended);
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
  // 1, 4, 9, 3 in [0, 10) and 16 in [10, 20); 100 waits.
  EXPECT_EQ(readings_at_hub({old_epoch, new_epoch}), 5u);
}

// What waits to be put in order goes through the stages when the epoch ends; one of them fails.
TEST(EngineCheckpoint, TheInputThatAStageFailedByIsKeptAlsoAtTheEndOfAnEpoch) {
  EngineRig rig;
  PipelineSpec spec;
  spec.name = "p";
  spec.hash = 1;
  spec.windows = {WindowSpec::tumbling(10 * kSecond)};
  spec.max_out_of_order_ns = 5 * kSecond;
  spec.stages.push_back(std::make_unique<Choking>());
  std::vector<PipelineSpec> specs;
  specs.push_back(std::move(spec));
  rig.start(std::move(specs), false);
  rig.message("a", "1 -1");  // waits
  rig.commit();
  rig.engine->end_epoch("epoch", 0);
  rig.commit();
  std::vector<DeadLetter> letters;
  for (const CommitGroup& group : rig.commits.groups()) {
    letters.insert(letters.end(), group.dead_letters.begin(), group.dead_letters.end());
  }
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].payload_head, "v -1");
  EXPECT_EQ(letters[0].reason, "stage_failed");
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
}

// While one pipeline's stage cannot save its state, another one comes back from its park.
TEST(EngineCheckpoint, APipelineCatchesUpOnceThoughAnotherCannotSaveItsState) {
  EngineRig rig;
  bool mute = false;
  const bool never = false;
  const auto specs = [&](bool parked) {
    std::vector<PipelineSpec> all;
    for (const char* name : {"p", "q"}) {
      PipelineSpec spec;
      spec.name = name;
      spec.hash = 1;
      spec.windows = {WindowSpec::tumbling(10 * kSecond)};
      if (spec.name == "p" && parked) {
        spec.parked = "no plugin";
      } else {
        spec.stages.push_back(std::make_unique<Mute>(spec.name == "q" ? mute : never));
      }
      all.push_back(std::move(spec));
    }
    return all;
  };
  rig.start(specs(true), false);
  rig.commit();
  for (int t = 1; t < 25; ++t) rig.message("a", std::to_string(t) + " 1");
  rig.commit();
  rig.kill();
  const auto pending = [&] {
    return rig.commits.ledger().get(LedgerKind::readings, "p", Term::pending);
  };
  ASSERT_EQ(pending(), 24);
  mute = true;
  for (int i = 0; i < 2; ++i) {
    rig.start(specs(false), false);
    rig.message("a", std::to_string(25 + i) + " 1");
    rig.commit();
    rig.kill();
    EXPECT_EQ(pending(), 0);
  }
  EXPECT_EQ(rig.commits.ledger().get(LedgerKind::readings, "p", Term::aggregated), 26);
  std::map<std::int64_t, int> made;
  for (const SummaryBlock& block : rig.encoder.blocks) {
    if (block.pipeline != "p") continue;
    for (const Pane& pane : block.panes) {
      EXPECT_EQ(++made[pane.window.start_ns], 1)
          << pane.content.moments.count << " readings, again";
    }
  }
}

// The epoch ends while one pipeline's stage cannot save its state: the checkpoint that belongs
// to the end cannot be made, so nothing is taken in any more, for no pipeline.
TEST(EngineCheckpoint, AnEpochEndsThoughAStageCannotSaveItsState) {
  EngineRig rig;
  bool mute = false;
  std::vector<PipelineSpec> specs;
  for (const char* name : {"p", "q"}) {
    PipelineSpec spec;
    spec.name = name;
    spec.windows = {WindowSpec::tumbling(10 * kSecond)};
    if (spec.name == "q") spec.stages.push_back(std::make_unique<Mute>(mute));
    specs.push_back(std::move(spec));
  }
  rig.start(std::move(specs), false);
  rig.message("a", "1 1");
  rig.commit();
  const auto decoded = [&] {
    return rig.commits.ledger().get(LedgerKind::messages, "plant/qos1", Term::decoded);
  };
  ASSERT_EQ(decoded(), 1);
  mute = true;
  rig.engine->end_epoch("epoch", 0);
  rig.message("a", "2 1");
  for (int i = 0; i < 10; ++i) rig.commit();
  EXPECT_EQ(decoded(), 2) << "the node takes nothing in any more";
}

}  // namespace
}  // namespace sluice
