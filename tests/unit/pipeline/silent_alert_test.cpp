#include <gtest/gtest.h>

#include <map>
#include <random>

#include "fakes/fake_clock.h"
#include "fakes/memory_commits.h"
#include "fakes/plain_parts.h"
#include "fakes/scripted_messages.h"
#include "pipeline/engine.h"
#include "plugin_host/plugin_stage.h"
#include "window_bench.h"

namespace sluice {
namespace {

/// Keeps a copy of the events that a stage tells while the engine runs, not of those of a replay.
class Overhearing final : public Stage {
 public:
  Overhearing(std::unique_ptr<Stage> stage, const bool& listens, std::vector<Event>& events)
      : stage_(std::move(stage)), listens_(listens), events_(events) {}
  const std::string& name() const override { return stage_->name(); }
  const std::vector<std::string>& rules() const override { return stage_->rules(); }
  bool ordered() const override { return stage_->ordered(); }
  bool wants_time() const override { return stage_->wants_time(); }
  Status process(const ReadingBatch& in, StageOutput& out) override {
    return overhear(stage_->process(in, out), out);
  }
  Status on_time(std::int64_t watermark_ns, StageOutput& out) override {
    return overhear(stage_->on_time(watermark_ns, out), out);
  }
  Result<std::string> snapshot() override { return stage_->snapshot(); }
  Status restore(std::string_view bytes) override { return stage_->restore(bytes); }

 private:
  Status overhear(Status status, const StageOutput& out) {
    if (listens_) events_.insert(events_.end(), out.events.begin(), out.events.end());
    return status;
  }
  std::unique_ptr<Stage> stage_;
  const bool& listens_;
  std::vector<Event>& events_;
};

/// Waits for nothing: time passes only where a test says so.
class Impatient final : public MessageSource {
 public:
  void push(IngestEvent event) { messages_.push(std::move(event)); }
  std::size_t take(std::vector<IngestEvent>& out, std::size_t count_max,
                   std::chrono::milliseconds) override {
    return messages_.take(out, count_max, std::chrono::milliseconds(0));
  }
  void release(const AckPosition&) override {}
  std::uint64_t take_dropped_qos0(std::uint32_t) override { return 0; }

 private:
  ScriptedMessages messages_;
};

/// An engine with the real plugin `alert`, a broker, and devices that report on topics of their
/// own. Times in seconds; event time is boot time.
struct Site {
  SeriesTable series{100};
  TopicTable topics{100};
  Impatient messages;
  TextDecoder decoder{series, topics};
  MemoryCommits commits;
  BlockKeeper encoder;
  FakeClock clock;
  std::unique_ptr<Engine> engine;
  std::vector<Event> events;
  bool listens = false;
  std::uint64_t ticket = 0;

  void start() {
    auto alert = make_stage({PLUGIN_DIR, "alert", "",
                             R"({"when":"value > 80","for_s":120,"no_data_after_s":300})", "p",
                             "stages[0]", series});
    ASSERT_TRUE(alert.ok()) << alert.status().to_string();
    std::vector<PipelineSpec> specs(1);
    specs[0].name = "p";
    specs[0].hash = 1;
    specs[0].idle_timeout_ns = 30 * kSecond;
    specs[0].stages.push_back(std::make_unique<Overhearing>(*std::move(alert), listens, events));
    EngineOptions options;
    options.commit_interval_ns = kSecond;
    options.checkpoint_readings = 10;
    engine = std::make_unique<Engine>(
        options, std::vector<SourceSpec>{{"plant", false, 1000}}, std::move(specs),
        Engine::Rooms{messages, decoder, commits, encoder, series, topics, clock});
    ASSERT_TRUE(engine->restore(commits.checkpoint()).ok());
    for (const Segment& segment : commits.segments_after_checkpoint()) {
      ASSERT_TRUE(engine->replay(segment).ok());
    }
    engine->begin();
    listens = true;
    connection(IngestEvent::Kind::connected);
  }
  /// kill -9 and a new start.
  void kill() {
    listens = false;
    commits.refuse(true);
    engine.reset();
    commits.refuse(false);
    start();
  }
  void connection(IngestEvent::Kind kind) {
    IngestEvent event;
    event.kind = kind;
    event.session_present = true;
    event.boottime_ns = clock.boottime_ns();
    messages.push(event);
  }
  std::int64_t now() const { return clock.boottime_ns() / kSecond; }
  void report(const std::string& device, double value) {
    IngestEvent event;
    event.topic = device;
    event.payload = std::to_string(clock.boottime_ns()) + " " + std::to_string(value);
    event.qos = 1;
    event.packet_id = static_cast<std::uint16_t>(++ticket % 65'535 + 1);
    event.boottime_ns = clock.boottime_ns();
    event.position = {0, 1, ticket};
    messages.push(event);
  }
  void pass(std::int64_t seconds) {
    for (std::int64_t s = 0; s < seconds; ++s) {
      clock.advance(kSecond);
      engine->step();
      engine->step();
    }
  }
  /// `130 begin alert a` of each event, in order, since the last time.
  std::vector<std::string> said() {
    std::vector<std::string> out;
    for (const Event& e : std::exchange(events, {})) {
      out.push_back(std::to_string(e.event_time_ns / kSecond) +
                    (e.phase == EventPhase::begin ? " begin " : " end ") + e.name + " " +
                    series.at(e.series).labels.at(0).second);
    }
    return out;
  }
  std::size_t ticks() const {
    std::size_t count = 0;
    for (const CommitGroup& group : commits.groups()) {
      for (const LogEntry& entry : group.segment.entries) {
        count += std::holds_alternative<TickEntry>(entry) ? 1 : 0;
      }
    }
    return count;
  }
};

using Said = std::vector<std::string>;

TEST(SilentAlert, ADeviceThatFallsSilentAmongOthersIsToldByTheirTime) {
  Site site;
  site.start();
  site.pass(9);
  site.report("a", 20);
  for (int i = 0; i < 40; ++i) {
    site.report("b", 20);
    site.pass(10);
  }
  EXPECT_EQ(site.said(), (Said{"310 begin alert_no_data a"}));
  EXPECT_EQ(site.ticks(), 0u);
  site.report("a", 20);
  site.report("b", 20);
  site.pass(20);
  site.report("b", 20);
  site.pass(1);
  EXPECT_EQ(site.said(), (Said{"410 end alert_no_data a"}));
}

TEST(SilentAlert, WhenAllAreSilentTheClockTellsAtTheCostOfAFewRows) {
  Site site;
  site.start();
  site.pass(9);
  site.report("a", 90);
  site.report("b", 20);
  site.pass(150);
  EXPECT_EQ(site.said(), (Said{"130 begin alert a"}));
  site.pass(200);
  EXPECT_EQ(site.said(), (Said{"310 begin alert_no_data a", "310 begin alert_no_data b"}));
  site.pass(14'400);
  EXPECT_EQ(site.said(), Said());
  EXPECT_LT(site.ticks(), 80u) << "four hours of silence";
  site.report("a", 20);
  site.pass(2);
  EXPECT_EQ(site.said(), (Said{"14760 end alert_no_data a", "14760 end alert a"}));
}

TEST(SilentAlert, AnOutageOfTheBrokerIsNoSilence) {
  Site site;
  site.start();
  site.pass(9);
  site.report("a", 20);
  site.pass(5);
  site.connection(IngestEvent::Kind::disconnected);
  site.pass(10'000);
  EXPECT_EQ(site.said(), Said());
  site.connection(IngestEvent::Kind::connected);
  site.pass(330);
  EXPECT_EQ(site.said(), (Said{"310 begin alert_no_data a"}));
}

// What is told of each device when the engine is killed again and again is what is told when it is
// not: each event once, of the same time. A new start counts silence anew, so it may tell later.
TEST(SilentAlert, TellsTheSameWhenKilledInBetween) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  const auto run = [seed](bool with_kills) {
    std::mt19937 random(seed);
    Site site;
    site.start();
    for (int round = 0; round < 60; ++round) {
      for (const char* device : {"a", "b", "c"}) {
        if (random() % 2 == 0) site.report(device, random() % 3 == 0 ? 90 : 20);
      }
      site.pass(static_cast<std::int64_t>(random() % 4 == 0 ? random() % 900 : random() % 90));
      site.pass(2);  // what was told is committed
      if (with_kills) site.kill();
    }
    site.pass(1'000);
    std::map<char, Said> by_device;
    for (const std::string& text : site.said()) by_device[text.back()].push_back(text);
    return by_device;
  };
  const auto calm = run(false);
  EXPECT_EQ(calm.size(), 3u);
  for (const auto& [device, said] : calm) EXPECT_GT(said.size(), 10u) << device;
  EXPECT_EQ(run(true), calm);
}

}  // namespace
}  // namespace sluice
