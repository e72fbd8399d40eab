#include "sync/event_queue.h"

#include <gtest/gtest.h>

#include <atomic>

#include "base/thread.h"

namespace sluice {
namespace {

using Kind = EventQueue::Kind;
constexpr std::chrono::hours kLong{1};

TEST(EventQueue, WakesForAPokeFromAnotherThread) {
  EventQueue events;
  Thread other("poker", [&events] { events.poke(); });
  EXPECT_EQ(Kind::poke, events.wait(kLong).kind);
}

TEST(EventQueue, CountsPokesBeforeAWaitAsOne) {
  EventQueue events;
  for (int i = 0; i < 100; ++i) events.poke();
  EXPECT_EQ(Kind::poke, events.wait(kLong).kind);
  EXPECT_EQ(Kind::timeout, events.wait(std::chrono::milliseconds(20)).kind);
  events.poke();
  EXPECT_EQ(Kind::poke, events.wait(kLong).kind);
}

TEST(EventQueue, GivesTheOperationThatEnded) {
  EventQueue events;
  grpc::Alarm alarm;
  alarm.Set(&events.queue(), gpr_now(GPR_CLOCK_MONOTONIC), EventQueue::tag(7));
  const EventQueue::Event event = events.wait(kLong);
  EXPECT_EQ(Kind::operation, event.kind);
  EXPECT_EQ(7, event.operation);
  EXPECT_TRUE(event.ok);
}

TEST(EventQueue, GoesAwayWithAPokeNobodyWaitedFor) {
  EventQueue events;
  events.poke();
}

// Every poke is seen by a wait that begins after it, however the two race.
TEST(EventQueue, LosesNoPoke) {
  EventQueue events;
  std::atomic<int> asked{0};
  Thread other("poker", [&] {
    for (int i = 0; i < 2'000; ++i) {
      asked = i + 1;
      events.poke();
    }
  });
  int seen = 0;
  while (seen < 2'000) {
    ASSERT_EQ(Kind::poke, events.wait(kLong).kind);
    seen = asked;
  }
}

}  // namespace
}  // namespace sluice
