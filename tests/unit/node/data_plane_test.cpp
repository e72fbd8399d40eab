#include "node/data_plane.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/clock.h"
#include "fakes/fake_clock.h"
#include "fakes/scripted_messages.h"
#include "node/compose.h"
#include "schema/config_reader.h"
#include "unit/ingest/mosquitto.h"
#include "unit/store/scratch.h"

namespace sluice {
namespace {

v1::Config config(const std::string& node) {
  const LoadResult loaded = load_config_text("node: {name: " + node + R"(}
sources:
  - name: plant
    mqtt: {url: "tcp://127.0.0.1:1883", topics: [{pattern: "a/#"}]}
pipelines:
  - {name: p, windows: [{tumbling: 10s}]}
)",
                                             "test.yaml", {});
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.to_string();
  return loaded.config;
}

/// One start of a node with its state in `dir`; what the broker may have subscribed is returned
/// as it is at the start. Then a session begins and subscribes `filter`, if there is one.
std::vector<TopicFilter> run_once(const std::string& dir, const v1::Config& config,
                                  const std::string& filter) {
  SystemClock clock;
  ScriptedMessages messages;
  StoreOptions store = compose_store(config);
  store.dir = dir;
  store.machine_id = "0123456789abcdef0123456789abcdef";
  auto plane = DataPlane::open(config, clock, store, compose_engine(config));
  EXPECT_TRUE(plane.ok()) << plane.status().to_string();
  EXPECT_TRUE((*plane)->recover(messages).ok());
  Engine& engine = (*plane)->engine();
  std::vector<TopicFilter> subscribed = engine.subscribed(0);
  (*plane)->store().set_on_durable([&](const CommitGroup&) { engine.poke(); });
  (*plane)->store().start();
  engine.start();
  for (const auto kind : {IngestEvent::Kind::connected, IngestEvent::Kind::subscribed}) {
    IngestEvent event;
    event.kind = kind;
    event.filters = {{filter, 1}};
    if (!filter.empty()) messages.push(std::move(event));
  }
  while (!messages.empty()) std::this_thread::yield();
  engine.stop();
  (*plane)->store().stop();
  return subscribed;
}

// The node's name is in the default client id, so another name is another session at the broker.
TEST(DataPlane, FindsTheSessionOfItsNameAgainAfterItWasRenamedForOneStart) {
  TempFolder folder;
  const std::string dir = folder.file("state");
  const v1::Config first = config("gw1");
  const v1::Config second = config("gw2");
  EXPECT_TRUE(run_once(dir, first, "a/#").empty());
  EXPECT_TRUE(run_once(dir, second, "b/#").empty());
  EXPECT_EQ(run_once(dir, first, ""), (std::vector<TopicFilter>{{"a/#", 1}}));
  EXPECT_EQ(run_once(dir, second, ""), (std::vector<TopicFilter>{{"b/#", 1}}));
}

v1::Config config_of(const std::string& dir, std::uint32_t series_max) {
  LoadResult loaded = load_config_text(R"(
node: {name: n, run_dir: /run}
storage: {dir: /var, quota: 8MiB}
sources:
  - name: plant
    mqtt: {url: "tcp://127.0.0.1:1883", topics: [{pattern: "a/{device}"}]}
    decode: {time: /t, time_format: ms, fields: [{pointer: /v}]}
pipelines:
  - name: p
    stages: [{plugin: scale, config: {factor: 2, unit: x}}]
    windows: [{tumbling: 1h}]
)",
                                       "test.yaml", {});
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.to_string();
  loaded.config.mutable_storage()->set_dir(dir);
  loaded.config.mutable_plugins()->set_dir(SLUICE_PLUGIN_DIR);
  loaded.config.mutable_limits()->set_series_max(series_max);
  return loaded.config;
}

/// A node without broker and hub; destroyed as if it was killed.
struct NodeRun {
  NodeRun(const storage::ScratchDir& dir, std::uint32_t series_max)
      : config(config_of(dir.path(), series_max)) {
    auto opened = DataPlane::open(config, clock, storage::options_for(dir), compose_engine(config));
    EXPECT_TRUE(opened.ok()) << opened.status().to_string();
    plane = *std::move(opened);
    const Status recovered = plane->recover(messages);
    EXPECT_TRUE(recovered.ok()) << recovered.to_string();
    plane->store().start_stepped();
    plane->engine().begin();
    commit();
  }
  void message(const std::string& device) {
    IngestEvent event;
    event.topic = "a/" + device;
    event.payload = R"({"t":1700000000000,"v":1})";
    event.boottime_ns = clock.boottime_ns();
    messages.push(event);
    plane->engine().step();
  }
  void commit() {
    for (int i = 0; i < 4; ++i) {
      clock.advance(1'000'000'000);
      plane->engine().step();
      plane->store().step();
    }
  }
  std::uint64_t windows_open() { return plane->engine().view().pipelines.at(0).windows_open; }

  v1::Config config;
  FakeClock clock;
  ScriptedMessages messages;
  std::unique_ptr<DataPlane> plane;
};

// What the stage made of a full table is in the ledger and with the broker: a replay must not find
// room where there was none, nor none where there was.
TEST(DataPlane, ReplaysWithTheCapacityThatTheRunHad) {
  const storage::ScratchDir dir;
  for (const std::uint32_t series_max : {3u, 100u, 2u}) {
    std::uint64_t windows = 0;
    {
      NodeRun run(dir, series_max);
      for (const char* device : {"d0", "d1", "d2"}) run.message(device);
      run.commit();
      windows = run.windows_open();
      EXPECT_EQ(windows, series_max == 3 ? 1u : 3u);
    }
    NodeRun again(dir, series_max == 3 ? 100 : series_max == 100 ? 2 : 50);
    EXPECT_EQ(again.windows_open(), windows) << "series_max was " << series_max;
  }
}

}  // namespace
}  // namespace sluice
