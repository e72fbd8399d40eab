#include "ingest/paho_client.h"

#include <gtest/gtest.h>

#include <optional>

#include <atomic>

#include "base/thread.h"
#include "ingest/ack_gate.h"
#include "ingest/dial.h"
#include "unit/ingest/wire.h"

namespace sluice {
namespace {

/// A client on its way to a scripted broker.
struct Bench {
  explicit Bench(PahoClient::Hooks hooks = {}, PahoOptions options = {}) {
    const BrokerAddress address = *parse_broker_url(broker.url());
    auto socket = dial(address, wire::kPatience, WakeFd());
    EXPECT_TRUE(socket.ok());
    gate = std::move(*AckGate::open(std::move(*socket), {1000, 1 << 20}));
    options.broker = address;
    options.proxy = gate->address();
    options.client_id = "client";
    client = std::move(*PahoClient::create(std::move(options), std::move(hooks)));
  }
  /// connect() on this thread while the broker answers on another.
  Status connect() {
    Thread greeter("greeter", [this] { link.emplace(broker.welcome()); });
    Status status = client->connect();
    greeter.join();
    return status;
  }

  wire::ScriptedBroker broker;
  std::unique_ptr<AckGate> gate;
  std::unique_ptr<PahoClient> client;
  std::optional<wire::Link> link;
};

TEST(PahoClient, RefusesAClientIdThatIsNotUtf8) {
  PahoOptions options;
  options.broker = {false, "127.0.0.1", 1883};
  options.client_id = "\xFF\xFE";
  const auto client = PahoClient::create(options, {});
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.status().code(), StatusCode::invalid_argument);
}

TEST(PahoClient, EndsEveryWaitWhenItIsInterrupted) {
  Bench bench;
  // Outlives the waits: a connection that ends would be another reason to return.
  std::optional<decltype(bench.broker.accept())> link;
  Thread interrupter("interrupter", [&] {
    link.emplace(bench.broker.accept());
    link->expect(wire::kConnect);
    bench.client->interrupt();
  });
  EXPECT_EQ(bench.client->connect().code(), StatusCode::cancelled);
  interrupter.join();
  EXPECT_EQ(bench.client->wait_lost().code(), StatusCode::cancelled);
}

TEST(PahoClient, ReturnsFromWaitLostWhenTheBrokerHangsUp) {
  Bench bench;
  ASSERT_TRUE(bench.connect().ok());
  bench.link->close();
  EXPECT_EQ(bench.client->wait_lost().code(), StatusCode::unavailable);
}

TEST(PahoClient, FailsARequestOnALostConnection) {
  Bench bench;
  ASSERT_TRUE(bench.connect().ok());
  bench.link->close();
  ASSERT_FALSE(bench.client->wait_lost().ok());
  std::vector<RefusedFilter> refused;
  EXPECT_FALSE(bench.client->subscribe({{"a", 1}}, refused).ok());
  EXPECT_FALSE(bench.client->publish_retained("a", "b").ok());
}

TEST(PahoClient, PublishesRetainedAtQos1AndWaitsForTheAnswer) {
  Bench bench;
  ASSERT_TRUE(bench.connect().ok());
  Thread answerer("answerer", [&] {
    const auto packet = bench.link->expect(wire::kPublish);
    const auto sent = wire::parse_publish(packet, true);
    EXPECT_EQ(sent.payload, "up");
    EXPECT_EQ(sent.qos, 1);
    EXPECT_TRUE(sent.retain);
    bench.link->send(wire::packet(wire::kPuback, 0, wire::u16(sent.packet_id)));
  });
  EXPECT_TRUE(bench.client->publish_retained("health", "up").ok());
  answerer.join();
}

TEST(PahoClient, SaysGoodbyeWithALastMessageEvenWhenInterrupted) {
  Bench bench;
  ASSERT_TRUE(bench.connect().ok());
  bench.client->interrupt();
  Thread answerer("answerer", [&] {
    const auto sent = wire::parse_publish(bench.link->expect(wire::kPublish), true);
    EXPECT_EQ(sent.payload, "down");
    bench.link->send(wire::packet(wire::kPuback, 0, wire::u16(sent.packet_id)));
    bench.link->expect(wire::kDisconnect);
  });
  bench.client->farewell("health", "down", wire::kPatience);
  answerer.join();
}

TEST(PahoClient, RunsNoHookAfterItsDestruction) {
  for (int round = 0; round < 5; ++round) {
    std::atomic<int> received{0};
    std::atomic<bool> destroyed{false};
    PahoClient::Hooks hooks;
    hooks.message = [&](const ReceivedMessage&) {
      EXPECT_FALSE(destroyed);
      ++received;
    };
    Bench bench(std::move(hooks));
    ASSERT_TRUE(bench.connect().ok());
    std::atomic<bool> stop{false};
    Thread flood("flood", [&] {
      const std::string bytes = wire::publish({"a/b", "x", 1, 1, false, false}, true);
      while (!stop && wire::send_all(bench.link->fd(), bytes)) {
      }
    });
    EXPECT_TRUE(wire::eventually([&] { return received > 50; }));
    bench.client.reset();
    destroyed = true;
    bench.gate.reset();
    stop = true;
  }
}

TEST(PahoClient, IsDestroyedInAnyStateOfTheConnection) {
  { Bench before_connect; }
  {
    Bench waiting_for_connack;
    waiting_for_connack.client->interrupt();
    EXPECT_FALSE(waiting_for_connack.client->connect().ok());
  }
  {
    Bench connected;
    EXPECT_TRUE(connected.connect().ok());
  }
}

}  // namespace
}  // namespace sluice
