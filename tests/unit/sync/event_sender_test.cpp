#include "sync/event_sender.h"

#include <gtest/gtest.h>

#include <string>

#include "fakes/memory_events.h"
#include "model/boot_time.h"

namespace sluice {
namespace {

const std::string kEpoch = "00112233445566778899aabbccddeeff";
constexpr std::int64_t kStart_ns = 1'000'000'000'000;

v1::EventAck ack(std::int64_t seq) {
  v1::EventAck message;
  message.set_seq(seq);
  return message;
}

class EventSenderTest : public ::testing::Test {
 protected:
  std::unique_ptr<EventSender> enabled() {
    auto sender = std::make_unique<EventSender>(&events_, series_, topics_);
    sender->enable();
    return sender;
  }
  ToldEvent told(SeriesId series = 0, TopicId topic = 0) const {
    ToldEvent told;
    told.event.series = series;
    told.event.topic = topic;
    told.event.event_time_ns = 7;
    told.event.severity = Severity::error;
    told.event.phase = EventPhase::begin;
    told.event.name = "too_hot";
    told.event.message = "It is too hot.";
    told.event.attributes = {{"value", "81"}, {"limit", "80"}};
    told.pipeline = "room";
    told.stage = "alert";
    return told;
  }
  void append(int count) {
    for (int i = 0; i < count; ++i) events_.append(told());
  }

  SeriesTable series_{10};
  TopicTable topics_{10};
  MemoryEvents events_{kEpoch};
};

TEST_F(EventSenderTest, SendsNothingToAHubThatDoesNotTakeEvents) {
  append(1);
  EventSender sender(&events_, series_, topics_);
  EXPECT_FALSE(sender.next(kStart_ns));
  EXPECT_FALSE(sender.due_ns());
  sender.enable();
  EXPECT_TRUE(sender.due_ns());
  EXPECT_TRUE(sender.next(kStart_ns));
}

TEST_F(EventSenderTest, SaysAllOfAnEventAfterTheDefinitionOfItsSeries) {
  const SeriesId series = series_.intern({"temperature", "Cel", {{"device", "3"}}});
  const TopicId topic = topics_.intern({"plant", "site/a"});
  ToldEvent of_boot = told(series, topic | kBootTopic);
  of_boot.boot_id = "boot-a";
  events_.append(of_boot);
  events_.append(told(series, topic));
  const auto sender = enabled();
  const auto definitions = sender->next(kStart_ns);
  ASSERT_EQ(definitions->series().definitions_size(), 1);
  EXPECT_EQ(definitions->series().definitions(0).measurement(), "temperature");
  EXPECT_FALSE(sender->awaits_hub());
  const auto message = sender->next(kStart_ns);
  ASSERT_EQ(message->events().events_size(), 2);
  const v1::EventRecord& record = message->events().events(0);
  EXPECT_EQ(record.epoch(), kEpoch);
  EXPECT_EQ(record.seq(), 1);
  EXPECT_EQ(record.series_id(), series);
  const v1::Event& event = record.event();
  EXPECT_EQ(event.pipeline(), "room");
  EXPECT_EQ(event.stage(), "alert");
  EXPECT_EQ(event.name(), "too_hot");
  EXPECT_EQ(event.severity(), v1::EVENT_SEVERITY_ERROR);
  EXPECT_EQ(event.phase(), v1::EVENT_PHASE_BEGIN);
  EXPECT_EQ(event.message(), "It is too hot.");
  EXPECT_EQ(event.event_time_ns(), 7);
  EXPECT_TRUE(event.in_boot_time());
  EXPECT_EQ(event.boot_id(), "boot-a");
  EXPECT_EQ(event.source(), "plant");
  EXPECT_EQ(event.topic(), "site/a");
  ASSERT_EQ(event.attributes_size(), 2);
  EXPECT_EQ(event.attributes(1).key(), "limit");
  EXPECT_EQ(event.attributes(1).value(), "80");
  EXPECT_FALSE(message->events().events(1).event().in_boot_time());
}

TEST_F(EventSenderTest, AnEventOfNoSeriesOrOfOneThatIsNotKnownGoesWithoutOne) {
  events_.append(told(0, 0));
  events_.append(told(9, 9));
  const auto message = enabled()->next(kStart_ns);
  ASSERT_EQ(message->events().events_size(), 2);
  for (const v1::EventRecord& record : message->events().events()) {
    EXPECT_EQ(record.series_id(), 0u);
    EXPECT_EQ(record.event().source(), "");
  }
}

// protobuf would refuse the whole message at the other end, and with it the stream, for ever.
TEST_F(EventSenderTest, BytesThatAreNotUtf8AreShownAsText) {
  ToldEvent odd = told(0, topics_.intern({"plant", "a\xff"}));
  odd.event.attributes = {{"error", "half a \xe2\x82"}};
  events_.append(odd);
  const auto message = enabled()->next(kStart_ns);
  v1::UplinkRequest arrived;
  ASSERT_TRUE(arrived.ParseFromString(message->SerializeAsString()));
  EXPECT_EQ(arrived.events().events(0).event().topic(), R"('a\xff')");
}

TEST_F(EventSenderTest, SomeBatchesAreUnderWayAndThenItIsTheOthersTurn) {
  append(1'000);
  const auto sender = enabled();
  std::int64_t last = 0;
  for (std::size_t i = 0; i < EventSender::kBatchesUnderWay; ++i) {
    const auto message = sender->next(kStart_ns);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->events().events(0).seq(), last + 1);
    last = message->events().events(message->events().events_size() - 1).seq();
  }
  EXPECT_FALSE(sender->next(kStart_ns));
  EXPECT_FALSE(sender->due_ns());
  EXPECT_TRUE(*sender->on_ack(ack(200)));  // two batches at once
  EXPECT_TRUE(sender->next(kStart_ns));
  EXPECT_TRUE(sender->next(kStart_ns));
  EXPECT_FALSE(sender->next(kStart_ns));
  EXPECT_EQ(events_.acked_seq(), 200);
}

// The ack was lost with its connection, or the node was killed before it was committed.
TEST_F(EventSenderTest, SendsTheSameBytesOnTheNextStreamUntilTheyAreGone) {
  append(3);
  const std::string first = enabled()->next(kStart_ns)->SerializeAsString();
  const auto second = enabled();
  EXPECT_EQ(second->next(kStart_ns)->SerializeAsString(), first);
  EXPECT_TRUE(*second->on_ack(ack(3)));
  EXPECT_FALSE(second->awaits_hub());
  EXPECT_EQ(enabled()->next(kStart_ns)->SerializeAsString(), first) << "not committed yet";
  events_.commit();
  EXPECT_FALSE(enabled()->next(kStart_ns));
}

TEST_F(EventSenderTest, ARepeatedAckIsHarmlessAndOneOfMoreThanWasSentIsRefused) {
  append(2);
  const auto sender = enabled();
  EXPECT_FALSE(sender->on_ack(ack(1)).ok()) << "nothing was sent";
  (void)sender->next(kStart_ns);
  EXPECT_EQ(sender->on_ack(ack(3)).status().code(), StatusCode::failed_precondition);
  EXPECT_EQ(events_.acked_seq(), 0);
  EXPECT_TRUE(*sender->on_ack(ack(2)));
  EXPECT_FALSE(*sender->on_ack(ack(2)));
  EXPECT_FALSE(*sender->on_ack(ack(1)));
}

TEST_F(EventSenderTest, LooksOnlyWhenThereMayBeNewOnes) {
  const auto sender = enabled();
  EXPECT_FALSE(sender->next(kStart_ns));
  EXPECT_FALSE(sender->due_ns());
  append(1);
  EXPECT_FALSE(sender->next(kStart_ns));
  EXPECT_EQ(events_.reads, 1);
  sender->look_again();
  EXPECT_TRUE(sender->next(kStart_ns));
}

TEST_F(EventSenderTest, AStoreThatCannotReadIsAskedAgainASecondLater) {
  append(1);
  events_.failing_reads = 1;
  const auto sender = enabled();
  EXPECT_FALSE(sender->next(kStart_ns));
  EXPECT_EQ(sender->due_ns(), kStart_ns + EventSender::kLookAgain_ns);
  EXPECT_FALSE(sender->next(kStart_ns + 1));
  EXPECT_TRUE(sender->next(kStart_ns + EventSender::kLookAgain_ns));
}

}  // namespace
}  // namespace sluice
