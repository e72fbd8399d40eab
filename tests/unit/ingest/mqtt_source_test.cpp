#include "ingest/mqtt_source.h"

#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <map>
#include <utility>

#include "unit/ingest/mosquitto.h"
#include "unit/ingest/wire.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

SourceOptions options_for(const Mosquitto& broker, const std::string& host = "127.0.0.1") {
  SourceOptions options;
  options.name = "plant";
  options.url = broker.url(host);
  options.client_id = "node-1";
  options.filters = {{"a/#", 1}};
  options.backoff_min = milliseconds(1);
  options.backoff_max = milliseconds(50);
  return options;
}

/// Sources and one consumer, for which what concerns subscriptions is as good as committed.
struct Bench {
  /// `subscribed`: what the log says about the first broker's session.
  explicit Bench(std::vector<SourceOptions> options, std::vector<TopicFilter> subscribed = {})
      : known(std::move(subscribed)), sources(std::move(options), clock) {
    sources.set_subscribed(0, known);
    EXPECT_TRUE(sources.start().ok());
  }
  void wait_connected(std::size_t source = 0) {
    EXPECT_TRUE(wire::eventually([&] {
      while (pump(milliseconds(0))) {
      }
      return sources.stats(source).connected;
    })) << sources.stats(source).last_error;
  }
  /// The next message; boundaries are skipped.
  IngestEvent next(milliseconds patience = wire::kPatience) {
    while (messages.empty() && pump(patience)) {
    }
    if (messages.empty()) {
      ADD_FAILURE() << "no message came";
      return {};
    }
    IngestEvent event = std::move(messages.front());
    messages.pop_front();
    return event;
  }
  bool pump(milliseconds patience) {
    std::vector<IngestEvent> out;
    if (sources.take(out, 1, patience) == 0) return false;
    if (out[0].kind == IngestEvent::Kind::message) messages.push_back(std::move(out[0]));
    if (out[0].kind == IngestEvent::Kind::broker_dropped) drops.push_back(std::move(out[0]));
    if (out[0].kind != IngestEvent::Kind::subscribed) return true;
    if (out[0].position.source == 0) known = out[0].filters;
    sources.release(out[0].position);
    return true;
  }
  /// Does something and waits for bytes to leave for the broker.
  template <typename Action>
  void wait_sent(Action action) {
    const std::uint64_t before = sources.stats(0).bytes_sent;
    action();
    EXPECT_TRUE(wire::eventually([&] { return sources.stats(0).bytes_sent > before; }));
  }
  bool error_says(const std::string& text) {
    const bool said = wire::eventually(
        [&] { return sources.stats(0).last_error.find(text) != std::string::npos; });
    EXPECT_TRUE(said) << "wanted: " << text << "; last_error: " << sources.stats(0).last_error;
    return said;
  }

  SystemClock clock;
  std::deque<IngestEvent> messages;
  std::vector<IngestEvent> drops;
  std::vector<TopicFilter> known;
  MqttSources sources;
};

void deliver_again_only_unreleased(MqttVersion version) {
  Mosquitto broker;
  SourceOptions options = options_for(broker);
  options.version = version;
  wire::PlainClient publisher(broker.port(), "publisher");
  std::uint16_t id_of_two = 0;
  {
    Bench bench({options});
    bench.wait_connected();
    const std::uint64_t sent_before = bench.sources.stats(0).bytes_sent;
    for (const char* payload : {"0", "1"}) {
      publisher.publish("a/b", payload, 1);
      const IngestEvent event = bench.next();
      EXPECT_EQ(event.payload, payload);
      EXPECT_FALSE(event.dup);
      bench.sources.release(event.position);
    }
    constexpr std::uint64_t kTwoPubacks = 8;
    ASSERT_TRUE(wire::eventually(
        [&] { return bench.sources.stats(0).bytes_sent >= sent_before + kTwoPubacks; }));
    for (const char* payload : {"2", "3"}) publisher.publish("a/b", payload, 1);
    id_of_two = bench.next().packet_id;
    bench.next();
    EXPECT_EQ(bench.sources.stats(0).unacknowledged, 2u);
  }
  Bench bench({options});
  const IngestEvent two = bench.next();
  EXPECT_EQ(two.payload, "2");
  EXPECT_TRUE(two.dup);
  EXPECT_EQ(two.packet_id, id_of_two);
  const IngestEvent three = bench.next();
  EXPECT_EQ(three.payload, "3");
  EXPECT_TRUE(three.dup);
  bench.sources.release(three.position);
  bench.wait_connected();
  publisher.publish("a/b", "4", 1);
  EXPECT_EQ(bench.next().payload, "4");
}

TEST(MqttSources, GetsExactlyTheUnreleasedMessagesAgain) {
  deliver_again_only_unreleased(MqttVersion::v5);
}

TEST(MqttSources, GetsExactlyTheUnreleasedMessagesAgainInMqtt311) {
  deliver_again_only_unreleased(MqttVersion::v3_1_1);
}

TEST(MqttSources, ReceivesWhatWasPublishedWhileItWasAway) {
  Mosquitto broker;
  { Bench(std::vector{options_for(broker)}).wait_connected(); }
  wire::PlainClient publisher(broker.port(), "publisher");
  publisher.publish("a/b", "missed", 1);
  Bench bench({options_for(broker)});
  std::vector<IngestEvent> out;
  ASSERT_EQ(bench.sources.take(out, 1, wire::kPatience), 1u);
  EXPECT_EQ(out[0].kind, IngestEvent::Kind::connected);
  EXPECT_TRUE(out[0].session_present);
  EXPECT_EQ(bench.next().payload, "missed");
}

TEST(MqttSources, ComesBackAfterTheBrokerWasKilledAndStarted) {
  Mosquitto broker;
  Bench bench({options_for(broker)});
  bench.wait_connected();
  for (int round = 0; round < 3; ++round) {
    broker.kill();
    ASSERT_TRUE(wire::eventually([&] { return !bench.sources.stats(0).connected; }));
    bench.error_says("refused");
    broker.start_again();
    bench.wait_connected();
    wire::PlainClient publisher(broker.port(), "publisher");
    publisher.publish("a/b", std::to_string(round), 1);
    EXPECT_EQ(bench.next().payload, std::to_string(round));
  }
  EXPECT_EQ(bench.sources.stats(0).connects, 4u);
}

TEST(MqttSources, TakesQos0WithoutATicket) {
  Mosquitto broker;
  SourceOptions options = options_for(broker);
  options.filters = {{"a/#", 0}};
  Bench bench({options});
  bench.wait_connected();
  wire::PlainClient publisher(broker.port(), "publisher");
  publisher.publish("a/b", "x", 1);
  const IngestEvent event = bench.next();
  EXPECT_EQ(event.qos, 0);
  EXPECT_EQ(event.position.ticket, 0u);
  EXPECT_EQ(bench.sources.stats(0).unacknowledged, 0u);
  bench.sources.release(event.position);
}

TEST(MqttSources, PassesTheRetainFlagOnceForANewSubscription) {
  Mosquitto broker;
  wire::PlainClient publisher(broker.port(), "publisher");
  publisher.publish("a/b", "kept", 1, true);
  {
    Bench bench({options_for(broker)});
    const IngestEvent event = bench.next();
    EXPECT_EQ(event.payload, "kept");
    EXPECT_TRUE(event.retain);
    bench.sources.release(event.position);
    bench.wait_connected();
    publisher.publish("a/b", "live", 1, true);
    const IngestEvent live = bench.next();
    EXPECT_FALSE(live.retain);
    bench.sources.release(live.position);
  }
  Bench bench({options_for(broker)});
  bench.wait_connected();
  publisher.publish("a/b", "after", 1);
  EXPECT_EQ(bench.next().payload, "after") << "a retained message came again";
}

// What an operator took out two configs ago must not be delivered for ever: the node was down when
// the first change came, and knows only what it once asked for.
TEST(MqttSources, UnsubscribesWhatAnyEarlierConfigHad) {
  Mosquitto broker;
  SourceOptions options = options_for(broker);
  std::vector<TopicFilter> known;
  for (const char* filter : {"old/#", "a/#"}) {
    options.filters = {{filter, 1}, {"stays", 1}};
    Bench bench({options}, known);
    // The second time the node goes down before the broker has answered.
    if (std::string(filter) == "old/#") bench.wait_connected();
    while (bench.known.size() < options.filters.size()) ASSERT_TRUE(bench.pump(wire::kPatience));
    known = bench.known;
  }
  options.filters = {{"new/#", 1}};
  Bench bench({options}, known);
  bench.wait_connected();
  wire::PlainClient publisher(broker.port(), "publisher");
  for (const char* topic : {"old/x", "a/x", "stays", "new/x"}) publisher.publish(topic, topic, 1);
  EXPECT_EQ(bench.next().payload, "new/x");
  while (bench.pump(milliseconds(50))) {
  }
  EXPECT_EQ(bench.known, options.filters);
}

// MQTT 3.1.1 sends retained messages again with every SUBSCRIBE, and each start has one.
TEST(MqttSources, TellsARetainedMessageFromItsRepetitionAtARestartInMqtt311) {
  Mosquitto broker;
  wire::PlainClient publisher(broker.port(), "publisher");
  publisher.publish("a/b", "kept", 1, true);
  SourceOptions options = options_for(broker);
  options.version = MqttVersion::v3_1_1;
  std::vector<TopicFilter> known;
  for (int start = 0; start < 3; ++start) {
    // A filter that is new at the last start has a retained message of its own.
    if (start == 2) {
      publisher.publish("new", "first", 1, true);
      options.filters.push_back({"new", 1});
    }
    Bench bench({options}, known);
    bench.wait_connected();
    std::map<std::string, bool> again;
    while (again.size() < options.filters.size()) {
      const IngestEvent kept = bench.next();
      ASSERT_TRUE(kept.retain);
      again[kept.payload] = kept.retained_again;
      bench.wait_sent([&] { bench.sources.release(kept.position); });
    }
    EXPECT_EQ(again.at("kept"), start > 0);
    if (start == 2) {
      EXPECT_FALSE(again.at("first"));
    }
    // A second client of our id makes the broker end our connection.
    wire::Link usurper(wire::connect_to_loopback(broker.port()));
    usurper.send(wire::packet(
        wire::kConnect, 0,
        wire::text("MQTT") + std::string("\x04\x00", 2) + wire::u16(0) + wire::text("node-1")));
    EXPECT_TRUE(wire::eventually([&] { return bench.sources.stats(0).connects >= 2; }));
    bench.wait_connected();
    publisher.publish("a/b", "live", 1);
    const IngestEvent live = bench.next();
    EXPECT_EQ(live.payload, "live") << "a reconnect has asked again, start " << start;
    EXPECT_FALSE(live.retain);
    bench.wait_sent([&] { bench.sources.release(live.position); });
    known = bench.known;
  }
}

// The broker lost its sessions; we connected anew, so that it has one again, and ended before we
// had subscribed and before our log knew of it.
TEST(MqttSources, IsNotDeafInASessionThatHasNoneOfTheFiltersOfTheLog) {
  for (const MqttVersion version : {MqttVersion::v3_1_1, MqttVersion::v5}) {
    Mosquitto broker;
    SourceOptions options = options_for(broker);
    options.version = version;
    const std::string level(1, version == MqttVersion::v5 ? '\x05' : '\x04');
    // MQTT 5: the session expires after 255 s.
    const std::string properties =
        version == MqttVersion::v5 ? std::string("\x05\x11\0\0\0\xFF", 6) : "";
    {
      wire::Link link(wire::connect_to_loopback(broker.port()));
      link.send(wire::packet(wire::kConnect, 0,
                             wire::text("MQTT") + level + std::string(1, '\0') + wire::u16(0) +
                                 properties + wire::text("node-1")));
      link.expect(wire::kConnack);
    }
    Bench bench({options}, {{"a/#", 1}});
    bench.wait_connected();
    wire::PlainClient publisher(broker.port(), "publisher");
    publisher.publish("a/b", "heard", 1);
    EXPECT_EQ(bench.next().payload, "heard");
  }
}

TEST(MqttSources, TakesOverAChangedQosOfAFilter) {
  Mosquitto broker;
  SourceOptions options = options_for(broker);
  options.filters = {{"a/#", 0}};
  std::vector<TopicFilter> known;
  {
    Bench bench({options});
    bench.wait_connected();
    while (bench.pump(milliseconds(50))) {
    }
    known = bench.known;
  }
  options.filters = {{"a/#", 1}};
  Bench bench({options}, known);
  bench.wait_connected();
  wire::PlainClient publisher(broker.port(), "publisher");
  publisher.publish("a/b", "x", 1);
  EXPECT_EQ(bench.next().qos, 1);
}

// max_queued_messages 1: of what is published to a client that is away, the broker keeps one.
TEST(MqttSources, SeesTheBrokersDropCounterRise) {
  Mosquitto broker("allow_anonymous true\nsys_interval 1\nmax_queued_messages 1\n");
  SourceOptions away = options_for(broker);
  away.client_id = "away";
  { Bench(std::vector{away}).wait_connected(); }
  SourceOptions options = options_for(broker);
  options.filters = {{"other", 1}};
  options.watch_broker_drops = true;
  Bench bench({options});
  bench.wait_connected();
  wire::PlainClient publisher(broker.port(), "publisher");
  EXPECT_TRUE(wire::eventually([&] {
    publisher.publish("a/b", "for the one that is away", 1);
    bench.pump(milliseconds(0));
    return bench.drops.size() >= 3;
  }));
  for (std::size_t i = 1; i < bench.drops.size(); ++i) {
    EXPECT_GT(bench.drops[i].dropped, bench.drops[i - 1].dropped);
  }
  EXPECT_TRUE(bench.messages.empty());
}

TEST(MqttSources, StaysBoundedUnderAFloodThatNobodyReleasesAndThenLosesNothing) {
  constexpr int kCount = 20'000;
  Mosquitto broker;
  SourceOptions options = options_for(broker);
  options.receive_maximum = 100;
  Bench bench({options});
  bench.wait_connected();
  wire::PlainClient(broker.port(), "publisher").flood("a/b", kCount, 200);
  // All are at the broker now; what has not come by itself, the gate keeps out.
  std::size_t depth = 0;
  int unchanged = 0;
  ASSERT_TRUE(wire::eventually([&] {
    const std::size_t before = std::exchange(depth, bench.sources.queue_depth());
    unchanged = before == depth && bench.sources.window_full() ? unchanged + 1 : 0;
    return unchanged == 40;
  }));
  EXPECT_LT(depth, 4000u) << "1,024 and what three socket buffers hold";
  EXPECT_EQ(bench.sources.stats(0).overflows, 0u);
  for (int i = 0; i < kCount; ++i) {
    const IngestEvent event = bench.next();
    ASSERT_EQ(std::stoi(event.payload), i);
    if (i % 50 == 49) bench.sources.release(event.position);
  }
  EXPECT_EQ(bench.sources.stats(0).overflows, 0u);
  EXPECT_EQ(bench.sources.stats(0).connects, 1u);
}

// The broker takes the connection over and over again, at any point of the stream.
TEST(MqttSources, LosesNothingAndKeepsTheOrderOverManyReconnects) {
  constexpr int kCount = 5'000;
  Mosquitto broker("allow_anonymous true\npersistence false\nmax_inflight_messages 50\n");
  Bench bench({options_for(broker)});
  bench.wait_connected();
  Thread flood("flood",
               [&] { wire::PlainClient(broker.port(), "publisher").flood("a/b", kCount, 50); });
  std::vector<bool> seen(kCount, false);
  int next_new = 0;
  int taken = 0;
  while (next_new < kCount) {
    const IngestEvent event = bench.next();
    const int number = std::stoi(event.payload);
    if (!seen[static_cast<std::size_t>(number)]) {
      ASSERT_EQ(number, next_new) << "a message was skipped";
      seen[static_cast<std::size_t>(number)] = true;
      ++next_new;
    } else {
      ASSERT_TRUE(event.dup) << number;
    }
    if (++taken % 20 == 0) bench.sources.release(event.position);
    if (taken % 700 == 0 && taken <= 3500) {
      // A second client of our id makes the broker end our connection.
      wire::Link usurper(wire::connect_to_loopback(broker.port()));
      // Clean session off: the session, with its unacknowledged messages, is taken over.
      usurper.send(wire::packet(
          wire::kConnect, 0,
          wire::text("MQTT") + std::string("\x04\x00", 2) + wire::u16(0) + wire::text("node-1")));
      EXPECT_TRUE(usurper.read().has_value());
    }
  }
  flood.join();
  EXPECT_GT(bench.sources.stats(0).connects, 2u);
}

TEST(MqttSources, KeepsTwoBrokersApart) {
  Mosquitto first, second;
  SourceOptions b = options_for(second);
  b.name = "second";
  b.version = MqttVersion::v3_1_1;
  Bench bench({options_for(first), b});
  bench.wait_connected(0);
  bench.wait_connected(1);
  wire::PlainClient at_first(first.port(), "publisher");
  wire::PlainClient at_second(second.port(), "publisher");
  std::map<std::uint32_t, IngestEvent> last;
  for (int i = 0; i < 5; ++i) {
    at_first.publish("a/0", std::to_string(i), 1);
    at_second.publish("a/1", std::to_string(i), 1);
  }
  for (int i = 0; i < 10; ++i) {
    const IngestEvent event = bench.next();
    EXPECT_EQ(event.topic, "a/" + std::to_string(event.position.source));
    last[event.position.source] = event;
  }
  bench.sources.release(last.at(1).position);
  EXPECT_EQ(bench.sources.stats(0).unacknowledged, 5u);
  EXPECT_EQ(bench.sources.stats(1).unacknowledged, 0u);
  // The death of one broker does not touch the other.
  first.kill();
  ASSERT_TRUE(wire::eventually([&] { return !bench.sources.stats(0).connected; }));
  at_second.publish("a/1", "still here", 1);
  EXPECT_EQ(bench.next().payload, "still here");
  EXPECT_EQ(bench.sources.stats(1).connects, 1u);
}

TEST(MqttSources, SaysThatThePasswordIsWrongAndKeepsTrying) {
  Mosquitto broker("allow_anonymous true\n");
  write_file(broker.folder().file("passwords"), "");
  run_command("mosquitto_passwd -b " + broker.folder().file("passwords") + " node right");
  Mosquitto guarded("allow_anonymous false\npassword_file " + broker.folder().file("passwords") +
                    "\n");
  for (const MqttVersion version : {MqttVersion::v5, MqttVersion::v3_1_1}) {
    SourceOptions options = options_for(guarded);
    options.version = version;
    options.user = "node";
    options.password = "wrong";
    {
      Bench bench({options});
      bench.error_says("the broker refused the connection: ");
      EXPECT_FALSE(bench.sources.stats(0).connected);
    }
    options.password = "right";
    Bench bench({options});
    bench.wait_connected();
  }
}

// MQTT 5 allows it; brokers that take tokens use it.
TEST(MqttSources, SendsAPasswordWithoutAUserInMqtt5) {
  Mosquitto broker;
  SourceOptions options = options_for(broker);
  options.password = "token";
  Bench bench({options});
  bench.wait_connected();
}

TEST(MqttSources, RefusesToStartWithOptionsThatCouldNotWork) {
  SystemClock clock;
  SourceOptions options;
  options.name = "plant";
  options.url = "mqtt://127.0.0.1";
  options.client_id = "node-1";
  options.filters = {{"a", 1}};
  SourceOptions nameless = options;
  nameless.client_id.clear();
  MqttSources bad({options, nameless}, clock);
  EXPECT_EQ(bad.start().code(), StatusCode::invalid_argument);
  SourceOptions twin = options;
  twin.name = "twin";
  MqttSources twins({options, twin}, clock);
  const Status status = twins.start();
  EXPECT_EQ(status.code(), StatusCode::invalid_argument);
  EXPECT_NE(status.message().find("'twin'"), std::string::npos) << status.message();
  SourceOptions health = twin;
  health.client_id = "node-1:health";
  options.health_topic_prefix = "sluice";
  EXPECT_EQ(MqttSources({options, health}, clock).start().code(), StatusCode::invalid_argument);
  EXPECT_EQ(MqttSources({health, options}, clock).start().code(), StatusCode::invalid_argument);
}

class MqttSourcesTls : public ::testing::Test {
 protected:
  MqttSourcesTls()
      : broker_(
            "allow_anonymous true\ncafile @/ca.pem\ncertfile @/server.pem\nkeyfile @/server.key\n"
            "require_certificate true\n",
            true) {}
  SourceOptions good() {
    SourceOptions options = options_for(broker_, "localhost");
    options.tls = {file("ca.pem"), file("client.pem"), file("client.key")};
    return options;
  }
  std::string file(const std::string& name) { return broker_.folder().file(name); }
  void publish(const std::string& payload) {
    run_command("mosquitto_pub -h localhost -p " + std::to_string(broker_.port()) + " --cafile " +
                file("ca.pem") + " --cert " + file("client.pem") + " --key " + file("client.key") +
                " -q 1 -t a/b -m " + payload);
  }
  Mosquitto broker_;
};

TEST_F(MqttSourcesTls, ConnectsWithAClientCertificateAndHoldsBackAcknowledgements) {
  for (const MqttVersion version : {MqttVersion::v5, MqttVersion::v3_1_1}) {
    SourceOptions options = good();
    options.version = version;
    options.client_id = version == MqttVersion::v5 ? "five" : "three";
    {
      Bench bench({options});
      bench.wait_connected();
      publish("first");
      const IngestEvent first = bench.next();
      EXPECT_FALSE(first.dup);
      EXPECT_EQ(bench.sources.stats(0).unacknowledged, 1u);
    }
    {
      Bench bench({options});
      const IngestEvent first = bench.next();
      EXPECT_EQ(first.payload, "first");
      EXPECT_TRUE(first.dup);
      bench.wait_sent([&] { bench.sources.release(first.position); });
    }
    Bench bench({options});
    bench.wait_connected();
    publish("second");
    EXPECT_EQ(bench.next().payload, "second");
  }
}

TEST_F(MqttSourcesTls, RefusesABrokerOfAnotherAuthority) {
  SourceOptions options = good();
  options.tls.ca_file = file("other_ca.pem");
  Bench bench({options});
  bench.error_says("TLS with the broker failed: certificate verify failed; the broker's");
  bench.error_says(options.tls.ca_file);
  EXPECT_EQ(bench.sources.stats(0).connects, 0u);
}

TEST_F(MqttSourcesTls, RefusesACertificateForAnotherHost) {
  SourceOptions options = good();
  options.url = broker_.url("127.0.0.1");
  Bench bench({options});
  bench.error_says("127.0.0.1");
  bench.error_says("certificate");
  EXPECT_EQ(bench.sources.stats(0).connects, 0u);
}

TEST_F(MqttSourcesTls, SaysThatACertificateFileIsMissing) {
  SourceOptions options = good();
  options.tls.ca_file = file("no_such.pem");
  Bench bench({options});
  bench.error_says("mqtt.tls.ca_file: cannot read " + options.tls.ca_file + ": No such file");
  EXPECT_EQ(bench.sources.stats(0).connects, 0u);
}

// The daemon does not end over it: once the right file is there, it connects.
TEST_F(MqttSourcesTls, NamesAKeyOfAnotherCertificateAndGoesOnWhenItFits) {
  SourceOptions options = good();
  options.tls.key_file = file("renewed.key");
  std::filesystem::copy(file("server.key"), options.tls.key_file);
  Bench bench({options});
  bench.error_says("mqtt.tls.key_file: " + options.tls.key_file +
                   " is not the key of the first certificate in " + options.tls.cert_file);
  EXPECT_EQ(bench.sources.stats(0).connects, 0u);
  std::filesystem::copy(file("client.key"), options.tls.key_file,
                        std::filesystem::copy_options::overwrite_existing);
  bench.wait_connected();
}

TEST_F(MqttSourcesTls, DoesNotGetInWithoutAClientCertificate) {
  SourceOptions options = good();
  options.tls.cert_file.clear();
  options.tls.key_file.clear();
  Bench bench({options});
  bench.error_says("client certificate");
  EXPECT_FALSE(bench.sources.stats(0).connected);
}

}  // namespace
}  // namespace sluice
