#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock_trust.h"
#include "fakes/fake_clock.h"
#include "fakes/scripted_messages.h"
#include "node/compose.h"
#include "node/data_plane.h"
#include "node/rehearsal.h"
#include "node/rehearsal_process.h"
#include "schema/config_reader.h"
#include "store/segment_codec.h"
#include "unit/store/scratch.h"

namespace sluice {

inline constexpr std::int64_t kSecond = 1'000'000'000;

/// A config of one source, `plant`, topics a/{device}, with `pipelines` as YAML has them.
inline v1::Config plant_config(const std::string& pipelines, const std::string& more = "") {
  LoadResult loaded = load_config_text(R"(
node: {name: n, run_dir: /run}
storage: {dir: /var, quota: 64MiB}
plugins: {dir: ")" SLUICE_PLUGIN_DIR R"("}
sources:
  - name: plant
    mqtt: {url: "tcp://127.0.0.1:1883", topics: [{pattern: "a/{device}"}]}
    decode: {time: /t, time_format: ms, fields: [{pointer: /v}]}
pipelines: )" + pipelines + "\n" + more,
                                       "test.yaml", {});
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.to_string();
  return loaded.config;
}

/// A node without broker and hub that is fed by hand; what it commits is kept as recorded.
class Recording {
 public:
  explicit Recording(const v1::Config& config, std::uint64_t quota_bytes = 64u << 20)
      : config_(config) {
    StoreOptions options = storage::options_for(dir_);
    options.quota_bytes = quota_bytes;
    auto opened = DataPlane::open(config_, clock, options, compose_engine(config_), &trust_);
    EXPECT_TRUE(opened.ok()) << opened.status().to_string();
    plane_ = *std::move(opened);
    const Status recovered = plane_->recover(messages_);
    EXPECT_TRUE(recovered.ok()) << recovered.to_string();
    messages_.waits = false;
    plane_->store().set_on_durable(
        [this](const CommitGroup& group) { segments_.push_back(group.segment); });
    plane_->store().start_stepped();
    plane_->engine().begin();
    event(IngestEvent::Kind::connected);
  }

  void event(IngestEvent::Kind kind) {
    IngestEvent event;
    event.kind = kind;
    push(std::move(event));
  }
  /// `time_ms` since 2023-11-14; the reading is processed with what came since the last step.
  void message(const std::string& device, std::int64_t time_ms, double value) {
    IngestEvent event;
    event.topic = "a/" + device;
    event.payload = R"({"t":)" + std::to_string(1'700'000'000'000 + time_ms) + R"(,"v":)" +
                    std::to_string(value) + "}";
    push(std::move(event));
  }
  void step() { plane_->engine().step(); }
  /// In turns of 100 ms, as the daemon has them.
  void pass(std::int64_t ns) {
    for (; ns > 0; ns -= kSecond / 10) {
      clock.advance(kSecond / 10);
      plane_->engine().step();
      while (plane_->store().step()) {
      }
    }
  }
  /// Everything is committed.
  void end() {
    pass(2 * kSecond);
    plane_->engine().stop();
    plane_->store().stop();
  }
  void synced(bool on) { synced_ = on; }

  DataPlane& plane() { return *plane_; }
  const std::vector<Segment>& segments() const { return segments_; }
  FakeClock clock;

 private:
  void push(IngestEvent event) {
    event.boottime_ns = clock.boottime_ns();
    event.wall_ns = clock.wall_ns();
    messages_.push(std::move(event));
  }

  const storage::ScratchDir dir_;
  const v1::Config config_;
  ScriptedMessages messages_;
  bool synced_ = true;
  ClockTrust trust_{clock, [this] { return KernelSync{synced_, 1'000'000}; }, 0};
  std::unique_ptr<DataPlane> plane_;
  std::vector<Segment> segments_;
};

/// A rehearsal has what the machine's other work leaves of the processor; here it has all the time.
inline RehearsalLimits patient() {
  RehearsalLimits limits;
  limits.piece_wall_ns = limits.report_wall_ns = 600 * kSecond;
  return limits;
}

/// What the recording was made of, as a rehearsal of another config begins.
inline void define_all(Rehearsal& rehearsal, DataPlane& plane) {
  for (std::uint32_t id = 1; id <= plane.series().size(); ++id) {
    const Status s = rehearsal.define_series(id, plane.series().encoded(id));
    EXPECT_TRUE(s.ok()) << s.to_string();
  }
  for (std::uint32_t id = 1; id <= plane.topics().size(); ++id) {
    const Status s = rehearsal.define_topic(id, plane.topics().encoded(id));
    EXPECT_TRUE(s.ok()) << s.to_string();
  }
}

inline v1::RehearsalReport rehearse(const v1::Config& config, Recording& recording) {
  Rehearsal rehearsal(config, {"plant"});
  define_all(rehearsal, recording.plane());
  for (const Segment& segment : recording.segments()) {
    const Status s = rehearsal.take(segment);
    EXPECT_TRUE(s.ok()) << s.to_string();
  }
  return rehearsal.finish();
}

}  // namespace sluice
