#include "ingest/event_ring.h"

#include <gtest/gtest.h>

#include "base/thread.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

IngestEvent message(std::uint32_t source, int qos, const std::string& payload) {
  IngestEvent event;
  event.position.source = source;
  event.qos = static_cast<std::uint8_t>(qos);
  event.payload = payload;
  return event;
}

std::vector<IngestEvent> drain(EventRing& ring) {
  std::vector<IngestEvent> out;
  ring.take(out, 1000, milliseconds(0));
  return out;
}

TEST(EventRing, KeepsOneOrderForAllSources) {
  EventRing ring({{10, 1000}, {10, 1000}});
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(ring.try_push(message(static_cast<std::uint32_t>(i % 2), 1, std::to_string(i))));
  }
  const auto out = drain(ring);
  ASSERT_EQ(out.size(), 6u);
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(out[static_cast<std::size_t>(i)].payload, std::to_string(i));
}

TEST(EventRing, RefusesPastTheCountAndTakesAgainAfterATake) {
  EventRing ring({{3, 1000}});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(ring.try_push(message(0, 1, "x")));
  EXPECT_FALSE(ring.try_push(message(0, 1, "x")));
  std::vector<IngestEvent> out;
  EXPECT_EQ(ring.take(out, 1, milliseconds(0)), 1u);
  EXPECT_TRUE(ring.try_push(message(0, 1, "x")));
  EXPECT_EQ(ring.size(), 3u);
}

TEST(EventRing, CountsTopicAndPayloadAgainstTheBytes) {
  EventRing ring({{100, 10}});
  IngestEvent event = message(0, 1, "12345");
  event.topic = "12345";
  EXPECT_TRUE(ring.try_push(std::move(event)));
  EXPECT_FALSE(ring.try_push(message(0, 1, "x")));
  EXPECT_EQ(drain(ring).size(), 1u);
  EXPECT_TRUE(ring.try_push(message(0, 1, "x")));
}

TEST(EventRing, LeavesHalfOfAShareToMessagesThatMustNotBeDropped) {
  EventRing ring({{10, 1000}});
  int taken = 0;
  while (ring.try_push(message(0, 0, "x"))) ++taken;
  EXPECT_EQ(taken, 5);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(ring.try_push(message(0, 1, "x")));
  EXPECT_FALSE(ring.try_push(message(0, 1, "x")));
}

TEST(EventRing, DoesNotLetOneSourceFillTheShareOfAnother) {
  EventRing ring({{4, 1000}, {4, 1000}});
  while (ring.try_push(message(0, 1, "flood"))) {
  }
  EXPECT_TRUE(ring.try_push(message(1, 1, "x")));
}

// Without it the pipeline would take the outage for silence.
TEST(EventRing, HasRoomForTheEndOfAConnectionEvenWhenFull) {
  EventRing ring({{4, 1000}});
  while (ring.try_push(message(0, 1, "x"))) {
  }
  IngestEvent end = message(0, 0, "");
  end.kind = IngestEvent::Kind::disconnected;
  EXPECT_TRUE(ring.try_push(std::move(end)));
  EXPECT_FALSE(ring.try_push(message(0, 1, "x")));
  const auto out = drain(ring);
  ASSERT_EQ(out.size(), 5u);
  EXPECT_EQ(out.back().kind, IngestEvent::Kind::disconnected);
  EXPECT_TRUE(ring.try_push(message(0, 1, "x")));
}

TEST(EventRing, WakesTheTakerThatWaits) {
  EventRing ring({{4, 1000}});
  std::vector<IngestEvent> out;
  Thread taker("taker", [&] { ring.take(out, 10, std::chrono::minutes(5)); });
  ASSERT_TRUE(ring.try_push(message(0, 1, "x")));
  taker.join();
  EXPECT_EQ(out.size(), 1u);
}

TEST(EventRing, ReturnsEmptyAfterTheTimeOut) {
  EventRing ring({{4, 1000}});
  std::vector<IngestEvent> out;
  EXPECT_EQ(ring.take(out, 10, milliseconds(5)), 0u);
}

}  // namespace
}  // namespace sluice
