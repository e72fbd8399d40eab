#include "pipeline/state_scan.h"

#include <gtest/gtest.h>

#include <thread>

#include "fakes/fake_clock.h"
#include "fakes/memory_commits.h"
#include "fakes/plain_parts.h"
#include "fakes/scripted_messages.h"
#include "pipeline/engine.h"
#include "unit/pipeline/plant.h"

namespace sluice {
namespace {

/// Series 1 … 200 of one topic, in minutes with a histogram; as many readings as the number of the
/// series has tens.
struct Hall {
  Hall() {
    PipelineSpec spec;
    spec.name = "p";
    spec.windows = {WindowSpec::tumbling(60 * kSecond)};
    spec.windows[0].extras.histogram = HistogramOptions{};
    specs.push_back(std::move(spec));
    pipelines = std::make_unique<PipelineSet>(std::move(specs), series, topics, builder, clock);
    pipelines->catch_up(false);
    for (int i = 0; i < 200; ++i) {
      series.intern({i % 2 == 0 ? "even" : "odd", "", {{"n", std::to_string(i)}}});
    }
    const TopicId topic = topics.intern({"plant", "a"});
    BatchEntry batch;
    for (SeriesId id = 1; id <= 200; ++id) {
      for (SeriesId i = 0; i < id / 10; ++i) {
        batch.readings.append({id, topic, kSecond * i, Value::of(1.0 + i), Quality::good});
      }
    }
    pipelines->process(batch);
  }

  SeriesTable series{1000};
  TopicTable topics{10};
  BlockKeeper encoder;
  FakeClock clock;
  CommitBuilder builder{series, topics, encoder};
  std::vector<PipelineSpec> specs;
  std::unique_ptr<PipelineSet> pipelines;
};

TEST(StateScan, SumsAllAndNamesTheLargest) {
  Hall hall;
  StateScan scan("", 3);
  EXPECT_TRUE(scan.step(*hall.pipelines, hall.series, [] { return false; }));
  const StateView view = scan.take();
  ASSERT_EQ(view.pipelines.size(), 1u);
  EXPECT_EQ(view.pipelines[0].pipeline, "p");
  EXPECT_EQ(view.pipelines[0].series, 191u) << "of the first nine came nothing";
  EXPECT_EQ(view.pipelines[0].state.windows_open, 191u);
  EXPECT_GT(view.pipelines[0].state.bytes.histogram, 191 * sizeof(ExponentialHistogram));
  EXPECT_EQ(view.pipelines[0].state.bytes.distinct, 0u);
  ASSERT_EQ(view.largest.size(), 3u);
  EXPECT_GE(view.largest[0].state.bytes.total(), view.largest[1].state.bytes.total());
  StateScan whole("", 1000);
  whole.step(*hall.pipelines, hall.series, [] { return false; });
  const StateView all = whole.take();
  ASSERT_EQ(all.largest.size(), 191u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(view.largest[i].series, all.largest[i].series);
  EXPECT_GT(view.largest[0].series, 100u) << "those before have few readings";
}

TEST(StateScan, GoesOnWhereItStoodAndSeesTheSame) {
  Hall hall;
  StateScan at_once("", 1000);
  at_once.step(*hall.pipelines, hall.series, [] { return false; });
  StateScan in_steps("", 1000);
  int steps = 1;
  while (!in_steps.step(*hall.pipelines, hall.series, [] { return true; })) ++steps;
  EXPECT_EQ(steps, 4) << "64 series each";
  const StateView a = at_once.take();
  const StateView b = in_steps.take();
  EXPECT_EQ(a.pipelines[0].state.bytes.total(), b.pipelines[0].state.bytes.total());
  ASSERT_EQ(a.largest.size(), b.largest.size());
  for (std::size_t i = 0; i < a.largest.size(); ++i) {
    EXPECT_EQ(a.largest[i].series, b.largest[i].series) << i;
  }
}

// From another thread, as the admin socket does.
TEST(StateScan, IsWhatTheEngineAnswersBesideItsWork) {
  ScriptedMessages messages;
  SeriesTable series{1000};
  TopicTable topics{1000};
  TextDecoder decoder{series, topics};
  MemoryCommits commits;
  BlockKeeper encoder;
  SystemClock clock;
  std::vector<PipelineSpec> specs(1);
  specs[0].name = "p";
  specs[0].windows = {WindowSpec::tumbling(60 * kSecond)};
  Engine engine(EngineOptions(), {SourceSpec{"plant"}}, std::move(specs),
                Engine::Rooms{messages, decoder, commits, encoder, series, topics, clock});
  EXPECT_FALSE(engine.look_at_state("", 10, std::chrono::milliseconds(20)).ok())
      << "there is no thread to look";
  engine.start();
  for (int i = 0; i < 500; ++i) {
    IngestEvent event;
    event.topic = "t/" + std::to_string(i);
    event.payload = "1000000000 1";
    event.boottime_ns = clock.boottime_ns();
    messages.push(std::move(event));
  }
  while (!messages.empty()) std::this_thread::yield();
  std::uint64_t open = 0;
  for (int i = 0; i < 1000 && open < 500; ++i) {
    const auto view = engine.look_at_state("", 10, std::chrono::milliseconds(10'000));
    ASSERT_TRUE(view.ok()) << view.status().to_string();
    ASSERT_EQ(view->pipelines.size(), series.size() > 0 ? 1u : 0u);
    open = view->pipelines[0].state.windows_open;
  }
  EXPECT_EQ(open, 500u);
  engine.stop();
  EXPECT_FALSE(engine.look_at_state("", 10, std::chrono::milliseconds(10'000)).ok());
}

TEST(StateScan, LooksAtOneMeasurementOnly) {
  Hall hall;
  StateScan scan("odd", 1000);
  scan.step(*hall.pipelines, hall.series, [] { return false; });
  for (const SeriesState& held : scan.take().largest) EXPECT_EQ(held.series % 2, 0u);
}

}  // namespace
}  // namespace sluice
