#include "node/data_plane.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/clock.h"
#include "fakes/scripted_messages.h"
#include "node/compose.h"
#include "schema/config_reader.h"
#include "unit/ingest/mosquitto.h"

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

}  // namespace
}  // namespace sluice
