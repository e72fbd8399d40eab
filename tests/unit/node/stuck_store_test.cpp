#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>

#include "fakes/memory_commits.h"
#include "fakes/plain_parts.h"
#include "ingest/mqtt_source.h"
#include "pipeline/engine.h"
#include "unit/ingest/mosquitto.h"
#include "unit/ingest/wire.h"

// A full or broken disk, seen from the broker: the real gate, Paho and mosquitto, the real engine,
// and a store that takes nothing for a while. Nothing may be acknowledged, lost or counted twice,
// what is held must stay bounded, and all goes on by itself.

namespace sluice {
namespace {

using std::chrono::milliseconds;

constexpr const char* kSourceNames[] = {"plant", "second"};

/// Reads the number that a payload begins with as an event time.
class NumberDecoder final : public Decoder {
 public:
  NumberDecoder(SeriesTable& series, TopicTable& topics) : series_(series), topics_(topics) {}
  DecodeResult decode(const IngestEvent& message, ReadingBatch& out) override {
    const std::string source = kSourceNames[message.position.source];
    Reading reading;
    reading.topic = topics_.intern({source, message.topic});
    reading.series = series_.intern({"v", "", {{"source", source}, {"topic", message.topic}}});
    reading.event_time_ns = std::atoll(message.payload.c_str());
    out.append(reading);
    return {};
  }

 private:
  SeriesTable& series_;
  TopicTable& topics_;
};

/// Commits go into memory, or nowhere; acknowledgements leave as the node lets them.
class StuckStore final : public CommitSink {
 public:
  bool try_submit(CommitGroup& group) override {
    const std::vector<AckPosition> acks = group.acks;
    if (!commits.try_submit(group)) return false;
    for (const AckPosition& position : acks) sources->release(position);
    return true;
  }
  std::optional<std::int64_t> behind_since_ns() const override { return {}; }
  MemoryCommits commits;
  MqttSources* sources = nullptr;
};

struct Node {
  explicit Node(const std::vector<SourceOptions>& options) : sources(options, clock) {
    std::vector<SourceSpec> specs;
    for (const SourceOptions& source : options) {
      specs.push_back({source.name, false, source.in_flight_window()});
    }
    store.sources = &sources;
    EngineOptions engine_options;
    engine_options.commit_interval_ns = 5'000'000;
    engine = std::make_unique<Engine>(
        engine_options, specs, std::vector<PipelineSpec>(),
        Engine::Rooms{sources, decoder, store, encoder, series, topics, clock});
    engine->start();
    EXPECT_TRUE(sources.start().ok());
  }
  ~Node() {
    sources.pause();
    engine->stop();
    sources.stop();
  }
  bool connected(std::size_t source = 0) {
    return wire::eventually([&] { return sources.stats(source).connected; });
  }
  /// How often each number of a source's topic was stored.
  std::map<std::int64_t, int> stored(std::uint32_t source, const std::string& topic) const {
    std::map<std::int64_t, int> numbers;
    for (const CommitGroup& group : store.commits.groups()) {
      for (const LogEntry& entry : group.segment.entries) {
        const auto* batch = std::get_if<BatchEntry>(&entry);
        if (batch == nullptr) continue;
        for (std::size_t i = 0; i < batch->readings.size(); ++i) {
          const Reading reading = batch->readings.at(i);
          const Topic& from = topics.at(reading.topic);
          if (from.topic == topic && from.source == kSourceNames[source]) {
            ++numbers[reading.event_time_ns];
          }
        }
      }
    }
    return numbers;
  }
  std::int64_t term(Term term, const std::string& owner = "plant/qos1") const {
    return store.commits.ledger().get(LedgerKind::messages, owner, term);
  }
  void expect_each_once(std::uint32_t source, const std::string& topic, int count) {
    const auto numbers = stored(source, topic);
    EXPECT_EQ(numbers.size(), static_cast<std::size_t>(count)) << "lost";
    for (const auto& [number, times] : numbers) ASSERT_EQ(times, 1) << number << " of " << topic;
  }

  SystemClock clock;
  SeriesTable series{100};
  TopicTable topics{100};
  NumberDecoder decoder{series, topics};
  BlockKeeper encoder;
  MqttSources sources;
  StuckStore store;
  std::unique_ptr<Engine> engine;
};

struct Variant {
  MqttVersion version;
  bool tls;
};

class StuckStoreTest : public ::testing::TestWithParam<Variant> {
 protected:
  StuckStoreTest() : broker_(broker_config(), GetParam().tls) {}

  /// Beside the listener under test a plain one, for what publishes.
  std::string broker_config() {
    { const UniqueFd probe = wire::listen_on_loopback(&plain_port_); }
    std::string config = "allow_anonymous true\n";
    if (GetParam().tls) {
      config += "cafile @/ca.pem\ncertfile @/server.pem\nkeyfile @/server.key\n";
    }
    return config + "listener " + std::to_string(plain_port_) + " 127.0.0.1\n";
  }
  SourceOptions options() {
    SourceOptions options;
    options.name = "plant";
    options.url = broker_.url(GetParam().tls ? "localhost" : "127.0.0.1");
    if (GetParam().tls) options.tls.ca_file = broker_.folder().file("ca.pem");
    options.version = GetParam().version;
    options.client_id = "node-1";
    options.filters = {{"a/#", 1}};
    options.receive_maximum = 100;
    options.keep_alive_s = 1;
    options.backoff_min = milliseconds(1);
    options.backoff_max = milliseconds(50);
    return options;
  }

  std::uint16_t plain_port_ = 0;
  Mosquitto broker_;
};

// Five times what a group holds comes while nothing can be stored, for longer than keep-alive.
TEST_P(StuckStoreTest, HoldsBackEverythingStaysBoundedAndGoesOnByItself) {
  constexpr int kCount = 6'000;
  constexpr int kPayloadBytes = 200;
  SourceOptions with_qos0 = options();
  with_qos0.filters.push_back({"flood", 0});
  Node node({with_qos0});
  ASSERT_TRUE(node.connected());
  wire::PlainClient(plain_port_, "first").flood("a/first", 50, kPayloadBytes);
  ASSERT_TRUE(wire::eventually([&] { return node.term(Term::decoded) == 50; }));
  node.store.commits.refuse(true);
  const auto groups = node.store.commits.groups().size();
  Thread flood("flood",
               [&] { wire::PlainClient(plain_port_, "main").flood("a/b", kCount, kPayloadBytes); });
  wire::PlainClient qos0(plain_port_, "qos0");
  for (int i = 0; i < 2 * kCount; ++i) qos0.publish("flood", "x", 0);
  flood.join();
  // Keep-alive has passed: pings wait behind acknowledgements, so the connection ends and begins.
  EXPECT_TRUE(wire::eventually([&] { return node.sources.stats(0).connects >= 3; }));
  const EventRing::Bounds bounds = ring_bounds(with_qos0);
  EXPECT_LE(node.sources.queue_depth(), bounds.events_max);
  EXPECT_EQ(node.store.commits.groups().size(), groups);
  node.store.commits.refuse(false);
  EXPECT_TRUE(wire::eventually([&] { return node.term(Term::decoded) >= kCount + 50; }));
  EXPECT_TRUE(wire::eventually([&] { return node.sources.stats(0).unacknowledged == 0; }));
  node.expect_each_once(0, "a/first", 50);
  node.expect_each_once(0, "a/b", kCount);
  EXPECT_EQ(node.term(Term::redelivery_doubt), 0);
  EXPECT_GT(node.term(Term::duplicate), 0) << "there was no redelivery to sort out";
  EXPECT_EQ(node.store.commits.ledger().difference(), 0);
  EXPECT_EQ(node.term(Term::broker_loss), 0);
}

// One message at a time, and the broker dies and comes back, with what it kept, in the middle.
TEST_P(StuckStoreTest, OutlastsARestartOfTheBrokerWithTheSmallestWindow) {
  constexpr int kCount = 200;
  Mosquitto keeping(broker_config() +
                        "persistence true\npersistence_location @/\n"
                        "autosave_interval 1\nautosave_on_changes true\n",
                    GetParam().tls);
  SourceOptions smallest = options();
  smallest.url = keeping.url(GetParam().tls ? "localhost" : "127.0.0.1");
  if (GetParam().tls) smallest.tls.ca_file = keeping.folder().file("ca.pem");
  smallest.receive_maximum = smallest.broker_inflight = 1;
  smallest.queue_bytes_max = 1;
  Node node({smallest});
  ASSERT_TRUE(node.connected());
  node.store.commits.refuse(true);
  wire::PlainClient(plain_port_, "main").flood("a/b", kCount, 20);
  // Killed only once its file has the last message: before, the loss would be the broker's.
  wire::PlainClient other(plain_port_, "other");
  ASSERT_TRUE(wire::eventually([&] {
    other.publish("elsewhere", "x", 1, true);
    std::ifstream file(keeping.folder().file("mosquitto.db"), std::ios::binary);
    const std::string saved((std::istreambuf_iterator<char>(file)), {});
    return saved.find(std::to_string(kCount - 1) + "   ") != std::string::npos;
  }));
  keeping.kill();
  ASSERT_TRUE(wire::eventually([&] { return !node.sources.stats(0).connected; }));
  keeping.start_again();
  EXPECT_TRUE(wire::eventually([&] { return node.sources.stats(0).connects >= 2; }));
  node.store.commits.refuse(false);
  EXPECT_TRUE(wire::eventually([&] { return node.term(Term::decoded) >= kCount; }));
  node.expect_each_once(0, "a/b", kCount);
  EXPECT_EQ(node.store.commits.ledger().difference(), 0);
}

TEST_P(StuckStoreTest, CountsForEachOfTwoSourcesOnOneBrokerByItself) {
  constexpr int kCount = 1'000;
  SourceOptions second = options();
  second.name = "second";
  second.client_id = "node-2";
  Node node({options(), second});
  ASSERT_TRUE(node.connected(0) && node.connected(1));
  node.store.commits.refuse(true);
  wire::PlainClient(plain_port_, "main").flood("a/b", kCount, 50);
  EXPECT_TRUE(wire::eventually(
      [&] { return node.sources.stats(0).connects >= 2 && node.sources.stats(1).connects >= 2; }));
  node.store.commits.refuse(false);
  EXPECT_TRUE(wire::eventually([&] {
    return node.term(Term::decoded) >= kCount && node.term(Term::decoded, "second/qos1") >= kCount;
  }));
  for (const std::uint32_t source : {0u, 1u}) node.expect_each_once(source, "a/b", kCount);
  EXPECT_EQ(node.store.commits.ledger().difference(), 0);
}

std::string name_of(const ::testing::TestParamInfo<Variant>& variant) {
  return std::string(variant.param.version == MqttVersion::v5 ? "Mqtt5" : "Mqtt311") +
         (variant.param.tls ? "Tls" : "Tcp");
}

INSTANTIATE_TEST_SUITE_P(Links, StuckStoreTest,
                         ::testing::Values(Variant{MqttVersion::v5, false},
                                           Variant{MqttVersion::v5, true},
                                           Variant{MqttVersion::v3_1_1, false},
                                           Variant{MqttVersion::v3_1_1, true}),
                         name_of);

}  // namespace
}  // namespace sluice
