#include "pipeline/intake.h"

#include <gtest/gtest.h>

#include "fakes/plain_parts.h"

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

/// An Intake whose log is kept, so that another can be brought to the same state.
struct Bench {
  explicit Bench(std::vector<SourceSpec> sources = {{"plant"}})
      : builder(series, topics, encoder), intake(std::move(sources), decoder, builder) {}

  void event(IngestEvent::Kind kind, std::int64_t wall_ns, bool session_present = false) {
    IngestEvent event;
    event.kind = kind;
    event.session_present = session_present;
    event.wall_ns = wall_ns;
    intake.take_event(event);
  }
  void message(std::uint16_t id, std::int64_t wall_ns, bool dup = false) {
    IngestEvent event;
    event.topic = "a";
    event.payload = "1000000000 5";
    event.qos = 1;
    event.packet_id = id;
    event.dup = dup;
    event.wall_ns = wall_ns;
    event.position = {0, 1, id};
    intake.take(event);
    builder.add_entry(intake.flush(), 0);
  }
  void subscribed(std::vector<TopicFilter> filters, std::uint64_t ticket) {
    IngestEvent event;
    event.kind = IngestEvent::Kind::subscribed;
    event.filters = std::move(filters);
    event.position = {0, 1, ticket};
    intake.take_event(event);
  }
  void drop_counter(std::uint64_t value, std::int64_t wall_ns) {
    IngestEvent event;
    event.kind = IngestEvent::Kind::broker_dropped;
    event.dropped = value;
    event.wall_ns = wall_ns;
    intake.take_event(event);
  }
  void replay(const Segment& segment) {
    for (const LogEntry& entry : segment.entries) {
      std::visit(
          [&](const auto& e) {
            using Entry = std::decay_t<decltype(e)>;
            if constexpr (std::is_same_v<Entry, ConnectedEntry> ||
                          std::is_same_v<Entry, SubscribedEntry> ||
                          std::is_same_v<Entry, BrokerDropsEntry> ||
                          std::is_same_v<Entry, BatchEntry>) {
              intake.replay(e);
            }
          },
          entry);
    }
  }
  std::vector<CheckpointPart> snapshot() const {
    std::vector<CheckpointPart> parts;
    intake.snapshot(parts);
    return parts;
  }

  SeriesTable series{10};
  TopicTable topics{10};
  TextDecoder decoder{series, topics};
  BlockKeeper encoder;
  CommitBuilder builder;
  Intake intake;
};

TEST(Intake, CountsRetainedMessagesOnceOrNotAtAll) {
  for (const bool accept : {false, true}) {
    SourceSpec source{"plant"};
    source.accept_retained = accept;
    Bench bench({source});
    IngestEvent event;
    event.topic = "a";
    event.payload = "1000000000 5";
    event.qos = 1;
    event.retain = true;
    for (const bool again : {false, true}) {
      event.packet_id = event.position.ticket = again ? 2 : 1;
      event.retained_again = again;
      bench.intake.take(event);
    }
    const Ledger& ledger = bench.builder.ledger();
    EXPECT_EQ(ledger.get(LedgerKind::messages, "plant/qos1", Term::decoded), accept ? 1 : 0);
    EXPECT_EQ(ledger.get(LedgerKind::messages, "plant/qos1", Term::rejected), accept ? 1 : 2);
  }
}

TEST(Intake, ReportsALostSessionAsAGapFromTheLastMessageOn) {
  Bench bench;
  bench.event(IngestEvent::Kind::connected, 1 * kSecond, false);
  bench.message(1, 5 * kSecond);
  EXPECT_TRUE(bench.builder.seal().gaps.empty()) << "the first session is no loss";
  bench.event(IngestEvent::Kind::connected, 7 * kSecond, true);
  EXPECT_TRUE(bench.builder.seal().gaps.empty());
  bench.event(IngestEvent::Kind::connected, 9 * kSecond, false);
  const CommitGroup group = bench.builder.seal();
  ASSERT_EQ(group.gaps.size(), 1u);
  EXPECT_EQ(group.gaps[0], (Gap{LedgerKind::messages, "plant", "suspected_broker_loss", 5 * kSecond,
                                9 * kSecond, 0}));
  EXPECT_EQ(group.segment.ledger.get(LedgerKind::messages, "plant/qos1", Term::broker_loss), 1);
  EXPECT_EQ(group.segment.ledger.difference(), 0);
}

TEST(Intake, KnowsAfterARestartWhenTheLastMessageCame) {
  Bench bench;
  bench.event(IngestEvent::Kind::connected, 1 * kSecond, false);
  bench.message(1, 5 * kSecond);
  const auto checkpoint = bench.snapshot();
  bench.builder.seal();
  bench.message(2, 6 * kSecond);
  const Segment after = bench.builder.seal().segment;
  Bench next;
  ASSERT_TRUE(next.intake.restore(checkpoint).ok());
  next.replay(after);
  // The wall clock was set back meanwhile; a gap does not end before it begins.
  next.event(IngestEvent::Kind::connected, 3 * kSecond, false);
  EXPECT_EQ(next.builder.seal().gaps.at(0).from_ns, 3 * kSecond);
  Bench other;
  ASSERT_TRUE(other.intake.restore(checkpoint).ok());
  other.replay(after);
  other.event(IngestEvent::Kind::connected, 8 * kSecond, false);
  EXPECT_EQ(other.builder.seal().gaps.at(0).from_ns, 6 * kSecond);
}

TEST(Intake, ReportsWhatTheBrokerSaysItDropped) {
  Bench bench;
  bench.event(IngestEvent::Kind::connected, 1 * kSecond, false);
  bench.drop_counter(100, 2 * kSecond);
  EXPECT_TRUE(bench.builder.seal().gaps.empty()) << "of the time before us";
  bench.drop_counter(100, 3 * kSecond);
  bench.drop_counter(112, 4 * kSecond);
  const CommitGroup group = bench.builder.seal();
  ASSERT_EQ(group.gaps.size(), 1u);
  EXPECT_EQ(group.gaps[0], (Gap{LedgerKind::messages, "plant", "suspected_broker_loss", 3 * kSecond,
                                4 * kSecond, 12}));
  EXPECT_EQ(group.segment.ledger.get(LedgerKind::messages, "plant/qos1", Term::broker_loss), 12);
  EXPECT_EQ(group.segment.ledger.difference(), 0);
}

TEST(Intake, ReportsAllThatABrokerDroppedSinceItRestarted) {
  Bench bench;
  bench.event(IngestEvent::Kind::connected, 1 * kSecond, false);
  bench.drop_counter(100, 2 * kSecond);
  bench.event(IngestEvent::Kind::connected, 3 * kSecond, true);
  bench.drop_counter(0, 4 * kSecond);
  EXPECT_TRUE(bench.builder.seal().gaps.empty());
  bench.event(IngestEvent::Kind::connected, 5 * kSecond, true);
  bench.drop_counter(7, 6 * kSecond);
  EXPECT_EQ(bench.builder.seal().gaps.at(0).count, 7u);
  bench.drop_counter(5, 7 * kSecond);
  EXPECT_EQ(bench.builder.seal().gaps.at(0).count, 5u);
  bench.event(IngestEvent::Kind::connected, 8 * kSecond, false);
  EXPECT_EQ(bench.builder.seal().gaps.at(0).count, 0u) << "the session is lost";
  bench.drop_counter(50, 9 * kSecond);
  EXPECT_TRUE(bench.builder.seal().gaps.empty()) << "of the time before this session";
}

// Killed at any moment, it compares with the last value that is on flash.
TEST(Intake, NoticesAfterARestartWhatTheBrokerDroppedMeanwhile) {
  Bench bench;
  bench.event(IngestEvent::Kind::connected, 1 * kSecond, false);
  const auto before = bench.snapshot();
  bench.drop_counter(3, 2 * kSecond);
  const Segment segment = bench.builder.seal().segment;
  Bench replayed;
  ASSERT_TRUE(replayed.intake.restore(before).ok());
  replayed.replay(segment);
  Bench restored;
  ASSERT_TRUE(restored.intake.restore(bench.snapshot()).ok());
  for (Bench* next : {&replayed, &restored}) {
    next->event(IngestEvent::Kind::connected, 8 * kSecond, true);
    next->drop_counter(1903, 9 * kSecond);
    EXPECT_EQ(next->builder.seal().gaps.at(0),
              (Gap{LedgerKind::messages, "plant", "suspected_broker_loss", 2 * kSecond, 9 * kSecond,
                   1900}));
  }
}

TEST(Intake, RemembersSubscriptionsOverRestartsAndConfigsUntilTheSessionIsLost) {
  const std::vector<TopicFilter> filters = {{"a/#", 1}, {"b", kUnsettledQos}};
  Bench bench;
  bench.event(IngestEvent::Kind::connected, 1, false);
  const auto checkpoint = bench.snapshot();
  bench.subscribed(filters, 1);
  EXPECT_TRUE(bench.builder.urgent()) << "a SUBSCRIBE waits for this commit";
  const CommitGroup group = bench.builder.seal();
  EXPECT_FALSE(bench.builder.urgent());
  EXPECT_EQ(group.acks.at(0).ticket, 1u);
  Bench replayed;
  ASSERT_TRUE(replayed.intake.restore(checkpoint).ok());
  replayed.replay(group.segment);
  EXPECT_EQ(replayed.intake.subscribed(0), filters);
  Bench restored;
  ASSERT_TRUE(restored.intake.restore(bench.snapshot()).ok());
  EXPECT_EQ(restored.intake.subscribed(0), filters);
  restored.intake.adopt({{"other"}, {"plant"}}, {});
  EXPECT_TRUE(restored.intake.subscribed(0).empty());
  EXPECT_EQ(restored.intake.subscribed(1), filters);
  bench.event(IngestEvent::Kind::connected, 2, true);
  EXPECT_EQ(bench.intake.subscribed(0), filters);
  bench.event(IngestEvent::Kind::connected, 3, false);
  EXPECT_TRUE(bench.intake.subscribed(0).empty());
}

SourceSpec reads(std::string name, std::string client_id, std::string broker = "b:1883") {
  SourceSpec source{std::move(name)};
  source.session = {std::move(broker), std::move(client_id)};
  return source;
}

/// Has stored message 7 with event time, subscribed a/#, and then lost its connection.
void store_one(Bench& bench) {
  bench.event(IngestEvent::Kind::connected, 1 * kSecond, false);
  bench.subscribed({{"a/#", 1}}, 1);
  bench.message(7, 2 * kSecond);
  bench.builder.seal();
}

/// How message 7 counts when the broker sends it again to source 0.
std::int64_t comes_again(Bench& bench, const std::string& source, Term term) {
  bench.event(IngestEvent::Kind::connected, 8 * kSecond, true);
  bench.message(7, 9 * kSecond, true);
  return bench.builder.seal().segment.ledger.get(LedgerKind::messages, source + "/qos1", term);
}

TEST(Intake, KnowsASessionUnderAnotherNameOfItsSource) {
  Bench bench({reads("old", "gw"), reads("new", "other")});
  store_one(bench);
  bench.intake.adopt({reads("new", "gw"), reads("old", "other")}, {});
  EXPECT_EQ(bench.intake.subscribed(0), (std::vector<TopicFilter>{{"a/#", 1}}));
  EXPECT_TRUE(bench.intake.subscribed(1).empty());
  EXPECT_EQ(comes_again(bench, "new", Term::duplicate), 1);
}

TEST(Intake, KeepsASessionThatNoSourceReadsForOneThatMay) {
  Bench bench({reads("plant", "gw")});
  store_one(bench);
  bench.intake.adopt({reads("other", "x")}, {0, 5 * kSecond});
  const CommitGroup group = bench.builder.seal();
  ASSERT_EQ(group.gaps.size(), 1u) << "what the broker holds for it does not come";
  EXPECT_EQ(group.gaps[0], (Gap{LedgerKind::messages, "plant", "suspected_broker_loss", 2 * kSecond,
                                5 * kSecond, 0}));
  Bench next({reads("other", "x")});
  ASSERT_TRUE(next.intake.restore(bench.snapshot()).ok());
  next.intake.adopt({reads("again", "gw")}, {});
  EXPECT_EQ(next.intake.subscribed(0), (std::vector<TopicFilter>{{"a/#", 1}}));
  EXPECT_EQ(comes_again(next, "again", Term::duplicate), 1);
  for (const CheckpointPart& part : next.snapshot()) EXPECT_FALSE(part.name.starts_with("session"));
}

TEST(Intake, FollowsASourceToAnotherAddressOfTheBrokerButNotToAnotherClientId) {
  Bench moved({reads("plant", "gw")});
  store_one(moved);
  moved.intake.adopt({reads("plant", "gw", "c:1883")}, {});
  EXPECT_TRUE(moved.builder.seal().gaps.empty());
  EXPECT_EQ(comes_again(moved, "plant", Term::duplicate), 1);
  Bench other({reads("plant", "gw")});
  store_one(other);
  other.intake.adopt({reads("plant", "gw2")}, {});
  EXPECT_EQ(other.builder.seal().gaps.size(), 1u);
  EXPECT_TRUE(other.intake.subscribed(0).empty());
  EXPECT_EQ(comes_again(other, "plant", Term::redelivery_doubt), 1);
}

// Parts of the first format held hashes that are of no use now; the node must start all the same.
TEST(Intake, StartsAnewFromAPartOfFormat1AndRefusesADamagedOne) {
  ByteWriter old;
  old.u64(3);
  old.u64(1);
  old.fixed64(12345);
  old.u64(0);
  old.u64(1);
  Bench bench;
  ASSERT_TRUE(bench.intake.restore({{"source/plant", old.bytes()}}).ok());
  bench.event(IngestEvent::Kind::connected, 1, false);
  bench.subscribed({{"a/#", 1}}, 1);
  bench.message(1, 2);
  EXPECT_TRUE(bench.builder.seal().gaps.empty()) << "no session was known";
  const std::string whole = bench.snapshot().at(0).bytes;
  for (std::size_t n = 2; n < whole.size(); ++n) {
    Bench damaged;
    EXPECT_FALSE(damaged.intake.restore({{"source/plant", whole.substr(0, n)}}).ok()) << n;
  }
}

/// A message of several readings, in lines of TextDecoder's form.
class LinesDecoder final : public Decoder {
 public:
  explicit LinesDecoder(Decoder& line) : line_(line) {}
  DecodeResult decode(const IngestEvent& message, ReadingBatch& out) override {
    IngestEvent part = message;
    for (std::size_t at = 0; at < message.payload.size();) {
      const std::size_t end = message.payload.find(';', at);
      part.payload = message.payload.substr(at, end - at);
      if (const DecodeResult result = line_.decode(part, out); !result.ok) return result;
      at = end == std::string::npos ? message.payload.size() : end + 1;
    }
    return {};
  }

 private:
  Decoder& line_;
};

struct FutureBench {
  explicit FutureBench(SourceSpec source = {.name = "plant", .max_future_ns = 10 * kSecond})
      : intake({std::move(source)}, lines, builder) {}

  BatchEntry take(const std::string& payload, std::int64_t boottime_ns) {
    IngestEvent event;
    event.topic = "a";
    event.payload = payload;
    event.boottime_ns = boottime_ns;
    event.wall_ns = 0;  // whatever the wall clock shows
    event.position = {0, 1, 0};
    intake.take(event);
    return intake.flush();
  }

  SeriesTable series{10};
  TopicTable topics{10};
  TextDecoder decoder{series, topics};
  LinesDecoder lines{decoder};
  BlockKeeper encoder;
  CommitBuilder builder{series, topics, encoder};
  Intake intake;
};

TEST(Intake, SetsAsideReadingsOfTheFutureAndKeepsTheRestOfTheMessage) {
  FutureBench bench;
  bench.intake.set_time({ClockQuality::synced, 1'000 * kSecond, 0});
  const BatchEntry batch =
      bench.take("1014000000000 1;1016000000000 2;1015000000000 3;1015000000001 4", 5 * kSecond);
  EXPECT_EQ(batch.readings.event_time_ns,
            (std::vector<std::int64_t>{1'014 * kSecond, 1'015 * kSecond}));
  EXPECT_EQ(batch.readings.at(1).value.as_double(), 3);
  bench.builder.name_losses(7, 9, 0);
  const CommitGroup group = bench.builder.seal();
  const Ledger& ledger = group.segment.ledger;
  EXPECT_EQ(ledger.get(LedgerKind::messages, "plant/qos0", Term::decoded), 1);
  EXPECT_EQ(ledger.get(LedgerKind::source_readings, "plant", Term::decoded), 4);
  EXPECT_EQ(ledger.get(LedgerKind::source_readings, "plant", Term::rejected), 2);
  EXPECT_EQ(ledger.difference(LedgerKind::source_readings, "plant"), 2) << "the two that go on";
  ASSERT_EQ(group.dead_letters.size(), 1u);
  EXPECT_EQ(group.dead_letters[0].reason, "future");
  EXPECT_NE(group.dead_letters[0].detail.find("2 of 4 readings are stamped up to 11 s ahead"),
            std::string::npos)
      << group.dead_letters[0].detail;
  ASSERT_EQ(group.gaps.size(), 1u);
  EXPECT_EQ(group.gaps[0], (Gap{LedgerKind::source_readings, "plant", "future", 7, 9, 2}));
}

TEST(Intake, JudgesNoFutureWhileItsOwnClockIsNotBelieved) {
  FutureBench bench;
  EXPECT_EQ(bench.take("4000000000000000000 1", kSecond).readings.size(), 1u);
  bench.intake.set_time({});
  EXPECT_EQ(bench.take("4000000000000000000 1", kSecond).readings.size(), 1u);
  bench.intake.set_time({ClockQuality::rebased, 0, 0});
  EXPECT_EQ(bench.take("4000000000000000000 1", kSecond).readings.size(), 0u);
}

TEST(Intake, GivesAReadingOfTheFutureTheBenefitOfItsClocksError) {
  FutureBench bench;
  bench.intake.set_time({ClockQuality::rebased, 0, 3 * kSecond});
  EXPECT_EQ(bench.take("13000000000 1", 0).readings.size(), 1u);
  EXPECT_EQ(bench.take("13000000001 1", 0).readings.size(), 0u);
}

TEST(Intake, SetsNothingAsideThatItStampedItself) {
  FutureBench bench({.name = "plant", .arrival_stamped = true, .max_future_ns = kSecond});
  bench.intake.set_time({ClockQuality::synced, 0, 0});
  EXPECT_EQ(bench.take("4000000000000000000 1", kSecond).readings.size(), 1u);
}

}  // namespace
}  // namespace sluice
