#include "ingest/mqtt_session.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <set>

#include "unit/ingest/mosquitto.h"
#include "unit/ingest/wire.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

SourceOptions options_for(const wire::ScriptedBroker& broker) {
  SourceOptions options;
  options.name = "plant";
  options.url = broker.url();
  options.client_id = "node-1";
  options.filters = {{"a/#", 1}};
  options.backoff_min = milliseconds(1);
  options.backoff_max = milliseconds(20);
  return options;
}

/// A session against a scripted broker.
struct Bench {
  explicit Bench(SourceOptions options) : Bench(options, ring_bounds(options), {}) {}
  /// `known`: what the log says about the broker's session.
  Bench(SourceOptions options, EventRing::Bounds bounds, std::vector<TopicFilter> known)
      : ring({bounds}), session(0, std::move(options), clock, ring) {
    session.set_subscribed(std::move(known));
    session.start();
  }
  /// The next event of any kind; a message of empty topic when none comes.
  IngestEvent take_any() {
    std::vector<IngestEvent> out;
    EXPECT_EQ(ring.take(out, 1, wire::kPatience), 1u) << "no event came";
    return out.empty() ? IngestEvent() : out.front();
  }
  /// The next one that is not about subscriptions; those are as good as committed.
  IngestEvent take() {
    while (passed_over.empty()) pass_over();
    IngestEvent event = std::move(passed_over.front());
    passed_over.pop_front();
    return event;
  }
  /// Lets the next SUBSCRIBE leave.
  void allow_subscribe() {
    while (pass_over() == 0) {
    }
  }
  wire::Packet grant(const wire::ScriptedBroker& broker, wire::Link& link, int code = 1) {
    allow_subscribe();
    return broker.grant(link, code);
  }
  /// Takes one event; the ticket that was released, if any.
  std::uint64_t pass_over() {
    IngestEvent event = take_any();
    if (event.kind != IngestEvent::Kind::subscribed) {
      passed_over.push_back(std::move(event));
      return 0;
    }
    subscribed = event.filters;
    release(event);
    return event.position.ticket;
  }
  void release(const IngestEvent& event) {
    if (event.position.ticket == 0) return;
    session.release(event.position.connection, event.position.ticket);
  }
  bool error_says(const std::string& text) {
    const bool said = wire::eventually(
        [&] { return session.stats().last_error.find(text) != std::string::npos; });
    EXPECT_TRUE(said) << "last_error: " << session.stats().last_error;
    return said;
  }

  SystemClock clock;
  std::deque<IngestEvent> passed_over;
  std::vector<TopicFilter> subscribed;  ///< as the last event said
  EventRing ring;
  MqttSession session;
};

std::string message(unsigned id, const std::string& payload, bool dup = false, bool v5 = true) {
  return wire::publish({"a/b", payload, id, 1, dup, false}, v5);
}

// Paho C++ 1.2 loses these when connect_options are copied, and then loses messages silently.
TEST(MqttSession, SendsSessionExpiryReceiveMaximumAndPacketSizeInConnect) {
  wire::ScriptedBroker broker;
  SourceOptions options = options_for(broker);
  options.session_expiry_s = 0x01020304;
  options.receive_maximum = 777;
  options.payload_bytes_max = 100'000;
  options.keep_alive_s = 120;
  options.user = "node";
  options.password = "secret";
  Bench bench(options);
  auto link = broker.accept();
  const auto connect = wire::parse_connect(link.expect(wire::kConnect));
  EXPECT_EQ(connect.level, 5);
  EXPECT_EQ(connect.flags & 0x02, 0) << "clean start";
  EXPECT_EQ(connect.flags & 0x04, 0) << "will";
  EXPECT_EQ(connect.properties.at(17), 0x01020304u);
  EXPECT_EQ(connect.properties.at(33), 777u);
  EXPECT_EQ(connect.properties.at(39), 4u << 20);
  EXPECT_EQ(connect.keep_alive, 120u);
  EXPECT_EQ(connect.client_id, "node-1");
  EXPECT_EQ(connect.user, "node");
  EXPECT_EQ(connect.password, "secret");
}

// A secret may be put there after the daemon has started, and be replaced later.
TEST(MqttSession, ReadsThePasswordAtEveryAttempt) {
  const TempFolder folder;
  wire::ScriptedBroker broker;
  SourceOptions options = options_for(broker);
  options.user = "node";
  options.password_file = folder.file("secret");
  Bench bench(options);
  ASSERT_TRUE(
      bench.error_says("mqtt.password_file: cannot read a password from " + options.password_file));
  for (const std::string password : {"first", "second"}) {
    write_file(options.password_file, password + "\n");
    auto link = broker.accept();
    EXPECT_EQ(wire::parse_connect(link.expect(wire::kConnect)).password, password);
  }
}

TEST(MqttSession, SendsTheSamePropertiesOnEveryReconnect) {
  wire::ScriptedBroker broker;
  Bench bench(options_for(broker));
  for (int attempt = 0; attempt < 3; ++attempt) {
    auto link = broker.accept();
    const auto connect = wire::parse_connect(link.expect(wire::kConnect));
    EXPECT_EQ(connect.properties.size(), 3u);
    EXPECT_EQ(connect.properties.at(17), 7u * 24 * 3600);
  }
}

TEST(MqttSession, AsksForAPersistentSessionInMqtt311) {
  wire::ScriptedBroker broker(false);
  SourceOptions options = options_for(broker);
  options.version = MqttVersion::v3_1_1;
  Bench bench(options);
  auto link = broker.accept();
  const auto connect = wire::parse_connect(link.expect(wire::kConnect));
  EXPECT_EQ(connect.level, 4);
  EXPECT_EQ(connect.flags, 0) << "clean session, will, user and password are all off";
  link.send(broker.connack(true));
  bench.grant(broker, link);
  link.send(message(5, "old", true, false));
  EXPECT_TRUE(bench.take().session_present);
  const IngestEvent event = bench.take();
  EXPECT_EQ(event.packet_id, 5);
  EXPECT_TRUE(event.dup);
  bench.release(event);
  EXPECT_EQ(wire::read_u16(link.expect(wire::kPuback).body, 0), 5u);
}

TEST(MqttSession, SubscribesEachFilterWithItsQosAndRetainedOnlyWhenNew) {
  wire::ScriptedBroker broker;
  SourceOptions options = options_for(broker);
  options.filters = {{"a/#", 1}, {"b/+", 0}};
  Bench bench(options, ring_bounds(options), {{"gone/#", 1}});
  auto link = broker.welcome(true);
  bench.allow_subscribe();
  const auto leave = link.expect(wire::kUnsubscribe);
  EXPECT_EQ(leave.body.substr(3), wire::text("gone/#"));
  link.send(wire::packet(wire::kUnsuback, 0, leave.body.substr(0, 2) + std::string("\0\0", 2)));
  std::set<std::string> asked;
  for (int i = 0; i < 2; ++i) asked.insert(broker.grant(link).body.substr(3));
  // Options byte: retain handling in bits 4-5, retain as published in 3, QoS in 0-1.
  EXPECT_EQ(asked, (std::set<std::string>{wire::text("a/#") + '\x11', wire::text("b/+") + '\x10'}));
  EXPECT_TRUE(wire::eventually([&] { return bench.session.stats().connected; }));
}

// A crash after the SUBSCRIBE must not leave a filter that nobody remembers.
TEST(MqttSession, LetsNoSubscribeLeaveBeforeItsFiltersAreOnFlash) {
  wire::ScriptedBroker broker;
  Bench bench(options_for(broker), ring_bounds(options_for(broker)), {{"gone/#", 1}});
  auto link = broker.welcome(true);
  EXPECT_EQ(bench.take_any().kind, IngestEvent::Kind::connected);
  const IngestEvent intent = bench.take_any();
  EXPECT_EQ(intent.kind, IngestEvent::Kind::subscribed);
  EXPECT_EQ(intent.filters,
            (std::vector<TopicFilter>{{"gone/#", kUnsettledQos}, {"a/#", kUnsettledQos}}));
  EXPECT_TRUE(wire::is_quiet(link.fd(), milliseconds(300)));
  bench.release(intent);
  const auto leave = link.expect(wire::kUnsubscribe);
  link.send(wire::packet(wire::kUnsuback, 0, leave.body.substr(0, 2) + std::string("\0\0", 2)));
  broker.grant(link);
  const IngestEvent settled = bench.take_any();
  EXPECT_EQ(settled.filters, (std::vector<TopicFilter>{{"a/#", 1}}));
  EXPECT_EQ(settled.position.ticket, 0u);
}

TEST(MqttSession, TellsTheBrokersDropCounterFromMessages) {
  wire::ScriptedBroker broker;
  SourceOptions options = options_for(broker);
  options.watch_broker_drops = true;
  Bench bench(options);
  const auto counter = [](const std::string& value) {
    return wire::publish({"$SYS/broker/publish/messages/dropped", value, 0, 0, false, true}, true);
  };
  auto link =
      broker.welcome(false, counter("7") + counter("x") + counter("12") + message(1, "end"));
  EXPECT_EQ(bench.take().kind, IngestEvent::Kind::connected);
  for (const std::uint64_t value : {7u, 12u}) {
    const IngestEvent event = bench.take();
    EXPECT_EQ(event.kind, IngestEvent::Kind::broker_dropped);
    EXPECT_EQ(event.dropped, value);
  }
  EXPECT_EQ(bench.take().payload, "end");
}

TEST(MqttSession, PutsTheBoundaryBeforeMessagesThatCameTogetherWithConnack) {
  wire::ScriptedBroker broker;
  Bench bench(options_for(broker), ring_bounds(options_for(broker)), {{"a/#", 1}});
  std::string backlog;
  for (unsigned id = 1; id <= 50; ++id) backlog += message(id, std::to_string(id), true);
  auto link = broker.welcome(true, backlog);
  const IngestEvent boundary = bench.take();
  EXPECT_EQ(boundary.kind, IngestEvent::Kind::connected);
  EXPECT_TRUE(boundary.session_present);
  EXPECT_EQ(boundary.position.connection, 1u);
  EXPECT_EQ(boundary.position.ticket, 0u);
  for (unsigned id = 1; id <= 50; ++id) {
    const IngestEvent event = bench.take();
    ASSERT_EQ(event.payload, std::to_string(id));
    ASSERT_EQ(event.packet_id, id);
    ASSERT_EQ(event.position.ticket, id);
    ASSERT_TRUE(event.dup);
  }
}

TEST(MqttSession, CopiesTopicPayloadQosAndFlags) {
  wire::ScriptedBroker broker;
  Bench bench(options_for(broker));
  const std::string binary("\0\xFF{\n", 4);
  auto link = broker.welcome(false, wire::publish({"a/x", binary, 9, 1, false, true}, true) +
                                        wire::publish({"a/y", "", 0, 0, false, false}, true));
  EXPECT_FALSE(bench.take().session_present);
  const IngestEvent first = bench.take();
  EXPECT_EQ(first.topic, "a/x");
  EXPECT_EQ(first.payload, binary);
  EXPECT_EQ(first.qos, 1);
  EXPECT_TRUE(first.retain);
  EXPECT_FALSE(first.dup);
  EXPECT_GT(first.boottime_ns, 0);
  EXPECT_GT(first.wall_ns, 0);
  const IngestEvent second = bench.take();
  EXPECT_EQ(second.topic, "a/y");
  EXPECT_EQ(second.payload, "");
  EXPECT_EQ(second.qos, 0);
  EXPECT_EQ(second.packet_id, 0);
  EXPECT_EQ(second.position.ticket, 0u);
}

TEST(MqttSession, SendsNoPubackBeforeTheMessageIsReleased) {
  wire::ScriptedBroker broker;
  Bench bench(options_for(broker));
  auto link = broker.welcome();
  bench.grant(broker, link);
  bench.take();
  link.send(message(11, "one") + message(12, "two") + message(13, "three"));
  const IngestEvent one = bench.take();
  bench.take();
  const IngestEvent three = bench.take();
  EXPECT_TRUE(wire::is_quiet(link.fd(), milliseconds(500)));
  EXPECT_EQ(bench.session.stats().unacknowledged, 3u);
  bench.release(one);
  // The gate may have read this PUBACK together with the later ones, and then holds all of them.
  unsigned next_id = 11;
  if (!wire::is_quiet(link.fd())) {
    EXPECT_EQ(wire::read_u16(link.expect(wire::kPuback).body, 0), next_id++);
    EXPECT_TRUE(wire::is_quiet(link.fd()));
  }
  bench.release(three);
  while (next_id <= 13) {
    ASSERT_EQ(wire::read_u16(link.expect(wire::kPuback).body, 0), next_id++);
  }
  EXPECT_EQ(bench.session.stats().unacknowledged, 0u);
}

TEST(MqttSession, IgnoresAReleaseOfAnEarlierConnection) {
  wire::ScriptedBroker broker;
  Bench bench(options_for(broker));
  IngestEvent stale;
  {
    auto link = broker.welcome();
    bench.grant(broker, link);
    bench.take();
    link.send(message(1, "one"));
    stale = bench.take();
  }
  auto link = broker.welcome(true);
  const IngestEvent end = bench.take();
  EXPECT_EQ(end.kind, IngestEvent::Kind::disconnected);
  EXPECT_EQ(end.position.connection, 1u);
  const IngestEvent boundary = bench.take();
  EXPECT_EQ(boundary.kind, IngestEvent::Kind::connected);
  EXPECT_EQ(boundary.position.connection, 2u);
  link.send(message(1, "one", true));
  const IngestEvent again = bench.take();
  EXPECT_TRUE(again.dup);
  bench.release(stale);
  EXPECT_TRUE(wire::is_quiet(link.fd()));
  bench.release(again);
  EXPECT_EQ(wire::read_u16(link.expect(wire::kPuback).body, 0), 1u);
}

// A session with a backlog: SUBSCRIBE waits behind acknowledgements that wait for a commit, longer
// here than any answer of a broker may take.
TEST(MqttSession, DoesNotBlameTheBrokerForASubscribeThatTheGateHoldsBack) {
  wire::ScriptedBroker broker;
  SourceOptions options = options_for(broker);
  options.connect_timeout = milliseconds(50);
  Bench bench(options);
  auto link = broker.welcome(true, message(1, "old", true));
  for (int i = 0; i < 2; ++i) bench.take_any();
  const IngestEvent old = bench.take_any();
  EXPECT_TRUE(wire::is_quiet(link.fd(), milliseconds(500)));
  bench.release(old);
  std::set<int> types;
  for (int i = 0; i < 2; ++i) {
    if (const auto packet = link.read()) types.insert(packet->type);
  }
  EXPECT_EQ(types, (std::set<int>{wire::kPuback, wire::kSubscribe}));
  EXPECT_EQ(bench.session.stats().connects, 1u);
}

TEST(MqttSession, GivesUpTheConnectionInsteadOfLosingAMessageWhenTheQueueIsFull) {
  wire::ScriptedBroker broker;
  Bench bench(options_for(broker), {4, 1 << 20}, {{"a/#", 1}});
  auto link = broker.welcome(true);
  broker.grant(link);
  std::string flood;
  for (unsigned id = 1; id <= 20; ++id) flood += message(id, std::to_string(id));
  link.send(flood);
  EXPECT_TRUE(wire::is_at_end(link.fd())) << "a PUBACK left, or the connection stands";
  EXPECT_EQ(bench.session.stats().overflows, 1u);
  // Until there is room, not even a boundary is taken, and no message without it.
  auto refused = broker.welcome(true, message(1, "1", true));
  EXPECT_TRUE(wire::is_at_end(refused.fd()));
  bench.error_says("queue is full");
  EXPECT_EQ(bench.take().kind, IngestEvent::Kind::connected);
  for (const char* payload : {"1", "2", "3"}) EXPECT_EQ(bench.take().payload, payload);
  EXPECT_EQ(bench.take().kind, IngestEvent::Kind::disconnected) << "it had room all the same";
  EXPECT_EQ(bench.ring.size(), 0u) << "what followed the overflow must come again in order";
}

TEST(MqttSession, DropsAndCountsQos0WhenTheQueueIsFull) {
  wire::ScriptedBroker broker;
  Bench bench(options_for(broker), {8, 1 << 20}, {{"a/#", 1}});
  auto link = broker.welcome(true);
  broker.grant(link);
  std::string flood;
  for (int i = 0; i < 10; ++i) flood += wire::publish({"a/b", "x", 0, 0, false, false}, true);
  link.send(flood);
  // The boundary and three messages are half of the share.
  ASSERT_TRUE(wire::eventually([&] { return bench.session.stats().dropped_qos0 == 7; }));
  EXPECT_EQ(bench.session.take_dropped_qos0(), 7u);
  EXPECT_EQ(bench.session.take_dropped_qos0(), 0u);
  EXPECT_EQ(bench.session.stats().messages_received, 3u);
  EXPECT_TRUE(bench.session.stats().connected);
}

TEST(MqttSession, CutsAnOverlongPayloadToOneByteMoreThanAllowed) {
  wire::ScriptedBroker broker;
  SourceOptions options = options_for(broker);
  options.payload_bytes_max = 10;
  Bench bench(options);
  auto link = broker.welcome(false, message(1, std::string(10, 'x')) +
                                        message(2, std::string(300'000, 'x')) + message(3, "end"));
  bench.take();
  EXPECT_EQ(bench.take().payload.size(), 10u);
  EXPECT_EQ(bench.take().payload.size(), 11u);
  EXPECT_EQ(bench.take().payload, "end");
}

// A 3.1.1 broker sends what a publisher gave it, 256 MiB if need be; it must not reach memory, nor
// be delivered for ever.
TEST(MqttSession, ReceivesTheBeginOfAnOverlongMessageInMqtt311AndAcknowledgesIt) {
  wire::ScriptedBroker broker(false);
  SourceOptions options = options_for(broker);
  options.version = MqttVersion::v3_1_1;
  options.payload_bytes_max = 10;
  Bench bench(options);
  auto link = broker.welcome(false);
  bench.take();
  bench.grant(broker, link);
  link.send(message(1, std::string(8'000'000, 'x'), false, false));
  const IngestEvent cut = bench.take();
  EXPECT_EQ(cut.topic, "a/b");
  EXPECT_EQ(cut.payload.size(), 11u);
  bench.release(cut);
  EXPECT_EQ(link.expect(wire::kPuback).body, std::string("\0\1", 2));
  link.send(message(2, "end", false, false));
  EXPECT_EQ(bench.take().payload, "end");
  EXPECT_GT(bench.session.stats().bytes_received, 8'000'000u) << "the rest came, and went nowhere";
}

TEST(MqttSession, StaysConnectedWhenOneOfItsFiltersIsRefusedAndSaysWhich) {
  wire::ScriptedBroker broker;
  SourceOptions options = options_for(broker);
  options.filters = {{"a/#", 1}, {"forbidden", 1}};
  Bench bench(options);
  auto link = broker.welcome();
  bench.allow_subscribe();
  for (int i = 0; i < 2; ++i) {
    const auto asked = link.expect(wire::kSubscribe);
    const char code = asked.body.find("forbidden") != std::string::npos ? '\x87' : '\x01';
    link.send(wire::packet(wire::kSuback, 0, asked.body.substr(0, 2) + '\0' + code));
  }
  bench.error_says("'forbidden': Not authorized");
  EXPECT_TRUE(wire::eventually([&] { return bench.session.stats().connected; }));
}

TEST(MqttSession, NoticesARefusedSubscriptionInMqtt311) {
  wire::ScriptedBroker broker(false);
  SourceOptions options = options_for(broker);
  options.version = MqttVersion::v3_1_1;
  Bench bench(options);
  auto link = broker.welcome();
  bench.grant(broker, link, 0x80);
  bench.error_says("refused the subscription to 'a/#'");
}

TEST(MqttSession, WarnsWhenTheBrokerGrantsLessThanQos1) {
  wire::ScriptedBroker broker;
  Bench bench(options_for(broker));
  auto link = broker.welcome();
  bench.grant(broker, link, 0);
  bench.error_says("granted only QoS 0 for 'a/#'");
}

TEST(MqttSession, KeepsTryingAfterARefusalAndSaysWhy) {
  wire::ScriptedBroker broker;
  Bench bench(options_for(broker));
  for (int attempt = 0; attempt < 3; ++attempt) {
    auto link = broker.accept();
    link.expect(wire::kConnect);
    link.send(broker.connack(false, 0x86));
    EXPECT_TRUE(bench.error_says("refused the connection: Bad User Name or Password"));
  }
  auto link = broker.welcome();
  bench.grant(broker, link);
  EXPECT_TRUE(wire::eventually([&] { return bench.session.stats().connected; }));
  EXPECT_EQ(bench.session.stats().connects, 1u);
}

TEST(MqttSession, SaysWhyInMqtt311Too) {
  wire::ScriptedBroker broker(false);
  SourceOptions options = options_for(broker);
  options.version = MqttVersion::v3_1_1;
  Bench bench(options);
  auto link = broker.accept();
  link.expect(wire::kConnect);
  link.send(broker.connack(false, 5));
  bench.error_says("refused the connection: not authorized");
}

TEST(MqttSession, PassesOnTheBrokersReasonForEndingTheConnection) {
  wire::ScriptedBroker broker;
  Bench bench(options_for(broker));
  auto link = broker.welcome();
  bench.grant(broker, link);
  link.send(wire::packet(wire::kDisconnect, 0, std::string("\x8E\0", 2)));
  bench.error_says("Session taken over");
}

TEST(MqttSession, TriesAgainWhenTheBrokerNeverAnswersConnect) {
  wire::ScriptedBroker broker;
  SourceOptions options = options_for(broker);
  options.connect_timeout = milliseconds(100);
  Bench bench(options);
  auto silent = broker.accept();
  silent.expect(wire::kConnect);
  auto link = broker.welcome();
  EXPECT_NE(bench.session.stats().last_error, "");
  EXPECT_GT(bench.session.stats().last_error_boottime_ns, 0) << "kept, with its time";
}

TEST(MqttSession, SaysThatTheBrokerHungUpOnConnect) {
  wire::ScriptedBroker broker;
  Bench bench(options_for(broker));
  {
    auto link = broker.accept();
    link.expect(wire::kConnect);
  }
  bench.error_says("the broker closed the connection");
}

TEST(MqttSession, TriesAgainWhenTheBrokerTalksRubbish) {
  wire::ScriptedBroker broker;
  Bench bench(options_for(broker));
  for (const std::string& rubbish :
       {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string(1000, '\xFF'),
        std::string(1000, '\0'), wire::packet(wire::kConnack, 0, "")}) {
    auto link = broker.accept();
    link.expect(wire::kConnect);
    link.send(rubbish);
    link.close();
  }
  bench.error_says("no MQTT session with the broker");
  auto link = broker.welcome();
  bench.grant(broker, link);
  EXPECT_TRUE(wire::eventually([&] { return bench.session.stats().connected; }));
}

TEST(MqttSession, DoesNotHeedProxyVariablesOfTheEnvironment) {
  ::setenv("http_proxy", "http://127.0.0.1:9", 1);
  ::setenv("https_proxy", "http://127.0.0.1:9", 1);
  wire::ScriptedBroker broker;
  Bench bench(options_for(broker));
  auto link = broker.welcome();
  bench.grant(broker, link);
  EXPECT_TRUE(wire::eventually([&] { return bench.session.stats().connected; }));
  ::unsetenv("http_proxy");
  ::unsetenv("https_proxy");
}

TEST(MqttSession, TakesInNothingWhilePausedButLetsAcknowledgementsLeave) {
  wire::ScriptedBroker broker;
  Bench bench(options_for(broker));
  auto link = broker.welcome();
  bench.grant(broker, link);
  bench.take();
  link.send(message(1, "before"));
  const IngestEvent before = bench.take();
  bench.session.pause();
  wire::is_quiet(link.fd(), milliseconds(50));
  link.send(message(2, "after"));
  std::vector<IngestEvent> none;
  EXPECT_EQ(bench.ring.take(none, 1, wire::kQuiet), 0u);
  bench.release(before);
  EXPECT_EQ(wire::read_u16(link.expect(wire::kPuback).body, 0), 1u);
  bench.session.stop();
  EXPECT_EQ(int{link.expect(wire::kDisconnect).type}, int{wire::kDisconnect});
  EXPECT_TRUE(wire::is_at_end(link.fd()));
}

TEST(MqttSession, ReportsAFullWindow) {
  wire::ScriptedBroker broker;
  SourceOptions options = options_for(broker);
  options.receive_maximum = 2;
  Bench bench(options);
  auto link = broker.welcome(false, message(1, "1"));
  bench.take();
  const IngestEvent one = bench.take();
  EXPECT_FALSE(bench.session.window_full());
  link.send(message(2, "2"));
  bench.take();
  EXPECT_TRUE(bench.session.window_full());
  bench.release(one);
  EXPECT_FALSE(bench.session.window_full());
}

// The test program's time limit is the assertion: the waits below are hours.
TEST(MqttSession, StopsAtOnceWhileItBacksOffOrWaitsForTheBroker) {
  wire::ScriptedBroker broker;
  SourceOptions options = options_for(broker);
  options.connect_timeout = std::chrono::minutes(10);
  options.backoff_min = options.backoff_max = std::chrono::hours(10);
  {
    Bench waiting(options);
    auto link = broker.accept();
    link.expect(wire::kConnect);
  }
  Bench backing_off(options);
  broker.accept().close();
  wire::eventually([&] { return !backing_off.session.stats().last_error.empty(); });
}

TEST(MqttSession, CountsWhatItReceivedOverAllConnections) {
  wire::ScriptedBroker broker;
  Bench bench(options_for(broker));
  const std::string one = message(1, "one");
  const std::size_t expected = 2 * (one.size() + broker.connack(false).size());
  for (const bool session_present : {false, true}) {
    auto link = broker.welcome(session_present, one);
    for (int i = 0; i < 2; ++i) bench.take();
  }
  EXPECT_EQ(bench.session.stats().connects, 2u);
  EXPECT_TRUE(wire::eventually([&] { return bench.session.stats().messages_received == 2; }));
  EXPECT_EQ(bench.session.stats().bytes_received, expected);
}

}  // namespace
}  // namespace sluice
