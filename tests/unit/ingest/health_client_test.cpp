#include "ingest/health_client.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ingest/fd.h"
#include "unit/ingest/mosquitto.h"
#include "unit/ingest/wire.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

constexpr char kTopic[] = "te/pump-7/status/health";

SourceOptions options_for(const std::string& url) {
  SourceOptions options;
  options.name = "plant";
  options.url = url;
  options.client_id = "node-1";
  options.filters = {{"a/#", 1}};
  options.health_topic_prefix = "te";
  options.node = "pump-7";
  options.backoff_min = milliseconds(1);
  options.backoff_max = milliseconds(50);
  return options;
}

/// A cable between client and broker that can be pulled.
class Cable {
 public:
  explicit Cable(std::uint16_t broker_port)
      : listener_(wire::listen_on_loopback(&port_)),
        thread_("cable", [this, broker_port] { run(broker_port); }) {}
  ~Cable() {
    cut();
    thread_.join();
  }
  std::string url() const { return "mqtt://127.0.0.1:" + std::to_string(port_); }
  /// Both ends see the connection break; there is no other one.
  void cut() { cut_.signal(); }

 private:
  void run(std::uint16_t broker_port) {
    pollfd wait[2] = {{listener_.get(), POLLIN, 0}, {cut_.get(), POLLIN, 0}};
    ::poll(wait, 2, -1);
    if (wait[1].revents != 0) return;
    const UniqueFd client(::accept(listener_.get(), nullptr, nullptr));
    const UniqueFd broker = wire::connect_to_loopback(broker_port);
    listener_.reset();
    while (true) {
      pollfd fds[3] = {
          {client.get(), POLLIN, 0}, {broker.get(), POLLIN, 0}, {cut_.get(), POLLIN, 0}};
      ::poll(fds, 3, -1);
      if (fds[2].revents != 0) return;
      if (fds[0].revents != 0 && !copy(client.get(), broker.get())) return;
      if (fds[1].revents != 0 && !copy(broker.get(), client.get())) return;
    }
  }
  static bool copy(int from, int to) {
    char chunk[4096];
    const ssize_t got = ::recv(from, chunk, sizeof chunk, 0);
    return got > 0 && wire::send_all(to, {chunk, static_cast<std::size_t>(got)});
  }

  std::uint16_t port_ = 0;
  UniqueFd listener_;
  WakeFd cut_;
  Thread thread_;
};

bool says(const wire::Publish& message, const std::string& status) {
  return message.topic == kTopic &&
         message.payload.find("\"status\":\"" + status + "\"") != std::string::npos &&
         message.payload.find("\"pid\":" + std::to_string(::getpid())) != std::string::npos;
}

TEST(HealthClient, PublishesRetainedUpAndAtACleanStopDown) {
  for (const MqttVersion version : {MqttVersion::v5, MqttVersion::v3_1_1}) {
    Mosquitto broker;
    SystemClock clock;
    SourceOptions options = options_for(broker.url());
    options.version = version;
    HealthClient client(options, clock);
    wire::PlainClient watcher(broker.port(), "watcher");
    watcher.subscribe(kTopic);
    client.start();
    EXPECT_TRUE(says(watcher.next(), "up"));
    wire::PlainClient late(broker.port(), "late");
    late.subscribe(kTopic);
    const auto kept = late.next();
    EXPECT_TRUE(kept.retain);
    EXPECT_TRUE(says(kept, "up")) << kept.payload;
    EXPECT_NE(kept.payload.find("\"time\":"), std::string::npos) << kept.payload;
    client.stop();
    const auto down = watcher.next();
    EXPECT_TRUE(says(down, "down")) << down.payload;
    EXPECT_NE(down.payload.find("\"time\":"), std::string::npos) << "that was the will";
    EXPECT_EQ(watcher.next(wire::kQuiet).topic, "") << "the will came after a clean stop";
  }
}

TEST(HealthClient, LeavesARetainedLastWillWhenItsConnectionBreaks) {
  Mosquitto broker;
  SystemClock clock;
  Cable cable(broker.port());
  HealthClient client(options_for(cable.url()), clock);
  wire::PlainClient watcher(broker.port(), "watcher");
  watcher.subscribe(kTopic);
  client.start();
  EXPECT_TRUE(says(watcher.next(), "up"));
  cable.cut();
  EXPECT_TRUE(says(watcher.next(), "down"));
  wire::PlainClient late(broker.port(), "late");
  late.subscribe(kTopic);
  const auto kept = late.next();
  EXPECT_TRUE(kept.retain);
  EXPECT_TRUE(says(kept, "down"));
}

TEST(HealthClient, SaysUpAgainAfterTheBrokerCameBack) {
  Mosquitto broker;
  SystemClock clock;
  HealthClient client(options_for(broker.url()), clock);
  client.start();
  for (int round = 0; round < 2; ++round) {
    wire::PlainClient watcher(broker.port(), "watcher");
    watcher.subscribe(kTopic);
    EXPECT_TRUE(says(watcher.next(), "up"));
    broker.kill();
    broker.start_again();
  }
}

TEST(HealthClient, HasASessionOfItsOwnThatTheBrokerForgets) {
  wire::ScriptedBroker broker;
  SystemClock clock;
  HealthClient client(options_for(broker.url()), clock);
  client.start();
  auto link = broker.accept();
  const auto connect = wire::parse_connect(link.expect(wire::kConnect));
  EXPECT_EQ(connect.client_id, "node-1:health");
  EXPECT_EQ(connect.flags & 0x02, 0x02) << "clean start";
  EXPECT_EQ(connect.properties.at(17), 0u);
  EXPECT_EQ(connect.flags & 0x3C, 0x2C) << "will, QoS 1, retained";
  EXPECT_EQ(connect.will_topic, kTopic);
}

TEST(HealthClient, StopsWhenTheBrokerIsSilent) {
  wire::ScriptedBroker broker;
  SystemClock clock;
  SourceOptions options = options_for(broker.url());
  options.connect_timeout = std::chrono::minutes(10);
  HealthClient client(options, clock);
  client.start();
  auto link = broker.welcome();
  EXPECT_EQ(int{link.expect(wire::kPublish).type}, int{wire::kPublish});
  client.stop();  // no PUBACK ever comes
}

}  // namespace
}  // namespace sluice
