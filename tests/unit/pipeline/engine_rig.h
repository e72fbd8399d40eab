#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fakes/fake_clock.h"
#include "fakes/memory_commits.h"
#include "fakes/plain_parts.h"
#include "fakes/scripted_messages.h"
#include "pipeline/engine.h"
#include "window_bench.h"

namespace sluice {

/// As TextDecoder, but every topic feeds one series.
class OneSeriesDecoder final : public Decoder {
 public:
  OneSeriesDecoder(SeriesTable& series, TopicTable& topics) : series_(series), topics_(topics) {}
  DecodeResult decode(const IngestEvent& message, ReadingBatch& out) override {
    char* end = nullptr;
    const long long time = std::strtoll(message.payload.c_str(), &end, 10);
    Reading reading;
    reading.topic = topics_.intern({"plant", message.topic});
    reading.series = series_.intern({"v", "", {}});
    reading.event_time_ns = time * kSecond;
    reading.value = Value::of(std::strtod(end + 1, nullptr));
    out.append(reading);
    return {};
  }

 private:
  SeriesTable& series_;
  TopicTable& topics_;
};

/// An engine that is stepped by hand over a store in memory, which a kill leaves as it is.
struct EngineRig {
  SeriesTable series{1000};
  TopicTable topics{1000};
  ScriptedMessages messages;
  OneSeriesDecoder decoder{series, topics};
  MemoryCommits commits;
  BlockKeeper encoder;
  FakeClock clock;
  std::unique_ptr<Engine> engine;
  std::uint16_t id = 0;

  void start(std::vector<PipelineSpec> specs, bool awaits_cloud,
             std::vector<SourceSpec> sources = {{"plant", false, 100}},
             const std::function<void(Engine&)>& adopt = {}) {
    EngineOptions options;
    options.commit_interval_ns = kSecond;
    options.config = "config";
    options.awaits_cloud = awaits_cloud;
    engine = std::make_unique<Engine>(
        options, std::move(sources), std::move(specs),
        Engine::Rooms{messages, decoder, commits, encoder, series, topics, clock});
    ASSERT_TRUE(engine->restore(commits.checkpoint()).ok());
    for (const Segment& segment : commits.segments_after_checkpoint()) {
      ASSERT_TRUE(engine->replay(segment).ok());
    }
    if (adopt) adopt(*engine);
    engine->begin();
  }
  void kill() {
    commits.refuse(true);
    engine.reset();
    commits.refuse(false);
  }
  void message(const std::string& topic, const std::string& payload) {
    IngestEvent event;
    event.topic = topic;
    event.payload = payload;
    event.qos = 1;
    event.packet_id = ++id;
    event.boottime_ns = clock.boottime_ns();
    event.position = {0, 1, id};
    messages.push(event);
    engine->step();
  }
  void commit() {
    for (int i = 0; i < 4; ++i) {
      clock.advance(kSecond / 2);
      engine->step();
    }
  }
  std::vector<Pane> panes(const std::string& bytes) const {
    return encoder.blocks[std::stoul(bytes.substr(6)) - 1].panes;
  }
};

}  // namespace sluice
