#include "sync/gap_sender.h"

#include <gtest/gtest.h>

#include "fakes/memory_gaps.h"

namespace sluice {
namespace {

const std::string kEpoch = "00112233445566778899aabbccddeeff";
constexpr std::int64_t kStart_ns = 1'000'000'000'000;

v1::GapAck ack(std::int64_t seq) {
  v1::GapAck message;
  message.set_seq(seq);
  return message;
}

class GapSenderTest : public ::testing::Test {
 protected:
  void append(int count) {
    for (int i = 0; i < count; ++i) {
      gaps_.append({LedgerKind::readings, "room", "parked", i, i + 1, 3});
    }
  }
  MemoryGaps gaps_{kEpoch};
};

TEST_F(GapSenderTest, SendsNothingToAHubThatDoesNotTakeGaps) {
  append(1);
  GapSender sender(&gaps_);
  EXPECT_FALSE(sender.next(kStart_ns));
  EXPECT_FALSE(sender.due_ns());
  sender.enable(true);
  EXPECT_TRUE(sender.next(kStart_ns));
}

// It would end the stream for a kind that it does not know, each time.
TEST_F(GapSenderTest, AnOlderHubGetsNoGapOfEventsNorWhatStandsBehind) {
  append(1);
  gaps_.append({LedgerKind::events, "room", "event_storm", 1, 2, 3});
  append(1);
  GapSender sender(&gaps_);
  sender.enable(false);
  EXPECT_EQ(sender.next(kStart_ns)->gaps().gaps_size(), 1);
  EXPECT_TRUE(*sender.on_ack(ack(1)));
  EXPECT_FALSE(sender.next(kStart_ns + GapSender::kPauseMax_ns));
  GapSender newer(&gaps_);
  newer.enable(true);
  EXPECT_EQ(newer.next(kStart_ns)->gaps().gaps(0).kind(), v1::GAP_KIND_EVENTS);
}

TEST_F(GapSenderTest, SaysAllOfAGap) {
  gaps_.append({LedgerKind::panes, "room", "corrupt", -5, 7, 11});
  GapSender sender(&gaps_);
  sender.enable(true);
  const auto message = sender.next(kStart_ns);
  ASSERT_EQ(message->gaps().gaps_size(), 1);
  const v1::GapRecord& gap = message->gaps().gaps(0);
  EXPECT_EQ(gap.epoch(), kEpoch);
  EXPECT_EQ(gap.seq(), 1);
  EXPECT_EQ(gap.kind(), v1::GAP_KIND_PANES);
  EXPECT_EQ(gap.owner(), "room");
  EXPECT_EQ(gap.cause(), "corrupt");
  EXPECT_EQ(gap.from_ns(), -5);
  EXPECT_EQ(gap.to_ns(), 7);
  EXPECT_EQ(gap.count(), 11u);
}

TEST_F(GapSenderTest, HoldsOneBatchUntilItsAckAndThenGoesOnWhereItEnded) {
  append(250);
  GapSender sender(&gaps_);
  sender.enable(true);
  std::int64_t last = 0;
  for (const int expected : {100, 100, 50}) {
    const auto message = sender.next(kStart_ns);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->gaps().gaps_size(), expected);
    EXPECT_EQ(message->gaps().gaps(0).seq(), last + 1);
    last = message->gaps().gaps(expected - 1).seq();
    EXPECT_TRUE(sender.awaits_hub());
    EXPECT_FALSE(sender.next(kStart_ns)) << "one batch at a time";
    EXPECT_TRUE(*sender.on_ack(ack(last)));
    EXPECT_FALSE(sender.awaits_hub());
  }
  EXPECT_TRUE(gaps_.empty());
}

// The ack was lost with its connection: the next stream sends the same bytes.
TEST_F(GapSenderTest, SendsTheSameBytesOnTheNextStream) {
  append(3);
  GapSender first(&gaps_);
  first.enable(true);
  const auto before = first.next(kStart_ns);
  append(1);
  GapSender second(&gaps_);
  second.enable(true);
  const auto after = second.next(kStart_ns + 1);
  ASSERT_EQ(after->gaps().gaps_size(), 4);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(after->gaps().gaps(i).SerializeAsString(),
              before->gaps().gaps(i).SerializeAsString());
  }
}

TEST_F(GapSenderTest, ARepeatedOrOlderAckTakesNothingOff) {
  append(2);
  GapSender sender(&gaps_);
  sender.enable(true);
  ASSERT_TRUE(sender.next(kStart_ns));
  EXPECT_TRUE(*sender.on_ack(ack(2)));
  append(1);
  EXPECT_FALSE(*sender.on_ack(ack(2)));
  EXPECT_FALSE(*sender.on_ack(ack(1)));
  EXPECT_FALSE(*sender.on_ack(ack(-1)));
  EXPECT_FALSE(gaps_.empty());
}

TEST_F(GapSenderTest, AnAckOfAGapThatWasNeverSentIsRefusedAndTakesNothingOff) {
  append(2);
  GapSender sender(&gaps_);
  sender.enable(true);
  ASSERT_TRUE(sender.next(kStart_ns));
  append(1);
  EXPECT_EQ(sender.on_ack(ack(3)).status().code(), StatusCode::failed_precondition);
  EXPECT_EQ(gaps_.read_gaps(0, 10)->size(), 3u);
}

TEST_F(GapSenderTest, PausesAfterABatchSoThatAStormBecomesOneGap) {
  append(1);
  GapSender sender(&gaps_);
  sender.enable(true);
  ASSERT_TRUE(sender.next(kStart_ns));
  ASSERT_TRUE(*sender.on_ack(ack(1)));
  append(1);
  sender.look_again();
  EXPECT_FALSE(sender.next(kStart_ns + GapSender::kPause_ns - 1));
  EXPECT_EQ(sender.due_ns(), kStart_ns + GapSender::kPause_ns);
  EXPECT_TRUE(sender.next(kStart_ns + GapSender::kPause_ns));
}

// A device whose readings are always late must not cost a row every few seconds for ever.
TEST_F(GapSenderTest, ALossThatDoesNotEndIsSentMoreAndMoreSeldom) {
  constexpr std::int64_t kDay_ns = 86'400'000'000'000;
  GapSender sender(&gaps_);
  sender.enable(true);
  int sent = 0;
  for (std::int64_t now = kStart_ns; now < kStart_ns + kDay_ns; now += 1'000'000'000) {
    if (gaps_.empty()) append(1);  // the store widens it while it waits
    sender.look_again();
    const auto message = sender.next(now);
    if (!message) continue;
    ++sent;
    ASSERT_TRUE(*sender.on_ack(ack(message->gaps().gaps(0).seq())));
  }
  EXPECT_GT(sent, 100);
  EXPECT_LT(sent, 150);
  // It ends: the next loss is told without delay, and the pause is short again.
  std::int64_t now = kStart_ns + 2 * kDay_ns;
  while (const auto message = sender.next(now)) {
    ASSERT_TRUE(*sender.on_ack(ack(message->gaps().gaps(0).seq())));
    now += GapSender::kPauseMax_ns;
  }
  now += GapSender::kLookAgain_ns;
  append(1);
  sender.look_again();
  const auto message = sender.next(now);
  ASSERT_TRUE(message);
  ASSERT_TRUE(*sender.on_ack(ack(message->gaps().gaps(0).seq())));
  EXPECT_EQ(sender.due_ns(), now + GapSender::kPause_ns);
}

TEST_F(GapSenderTest, LooksNoMoreWhenThereIsNothingUntilItIsTold) {
  GapSender sender(&gaps_);
  sender.enable(true);
  EXPECT_FALSE(sender.next(kStart_ns));
  EXPECT_FALSE(sender.due_ns());
  append(1);
  EXPECT_FALSE(sender.next(kStart_ns + GapSender::kPause_ns));
  sender.look_again();
  EXPECT_TRUE(sender.next(kStart_ns + GapSender::kPause_ns));
}

TEST_F(GapSenderTest, TriesAgainALittleLaterWhenTheStoreDoesNotAnswer) {
  append(1);
  gaps_.failing_reads = 1;
  GapSender sender(&gaps_);
  sender.enable(true);
  EXPECT_FALSE(sender.next(kStart_ns));
  EXPECT_EQ(sender.due_ns(), kStart_ns + GapSender::kLookAgain_ns);
  EXPECT_TRUE(sender.next(kStart_ns + GapSender::kLookAgain_ns));
}

TEST_F(GapSenderTest, AnAckThatTheStoreCannotKeepIsNoEndOfTheStream) {
  append(1);
  gaps_.failing_acks = 1;
  GapSender sender(&gaps_);
  sender.enable(true);
  ASSERT_TRUE(sender.next(kStart_ns));
  EXPECT_TRUE(*sender.on_ack(ack(1)));
  EXPECT_FALSE(sender.awaits_hub());
  EXPECT_FALSE(gaps_.empty()) << "it goes again on the next stream";
}

TEST_F(GapSenderTest, WithoutASourceThereIsNothingToDo) {
  GapSender sender(nullptr);
  sender.enable(true);
  EXPECT_FALSE(sender.next(kStart_ns));
  EXPECT_FALSE(sender.due_ns());
}

}  // namespace
}  // namespace sluice
