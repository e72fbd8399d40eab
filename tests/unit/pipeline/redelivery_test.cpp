#include "pipeline/redelivery.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using Answer = Redelivery::Answer;

constexpr bool kArrivalStamped = true;
constexpr std::size_t kTail = 2048;

Fingerprint sent(std::uint16_t id, std::uint64_t content) { return {0, id, false, content}; }
Fingerprint again(std::uint16_t id, std::uint64_t content) { return {0, id, true, content}; }

/// A session that has stored `first` … `last`, all of the same content; then the connection broke.
Redelivery after(std::uint16_t first, std::uint16_t last, bool arrival_stamped) {
  Redelivery redelivery(arrival_stamped, kTail);
  redelivery.connected(false);
  for (std::uint32_t id = first; id <= last; ++id) {
    EXPECT_EQ(redelivery.take(sent(static_cast<std::uint16_t>(id), 7)), Answer::fresh);
  }
  redelivery.connected(true);
  return redelivery;
}

TEST(Redelivery, TellsCopiesFromWhatWasNeverStored) {
  Redelivery redelivery = after(5, 7, kArrivalStamped);
  EXPECT_EQ(redelivery.take(again(6, 7)), Answer::duplicate);
  EXPECT_EQ(redelivery.take(again(7, 7)), Answer::duplicate);
  EXPECT_EQ(redelivery.take(again(8, 7)), Answer::fresh);
  EXPECT_EQ(redelivery.take(sent(9, 7)), Answer::fresh);
}

TEST(Redelivery, FollowsTheTailOverWhatExpiredAtTheBroker) {
  Redelivery redelivery = after(5, 9, kArrivalStamped);
  EXPECT_EQ(redelivery.take(again(6, 7)), Answer::duplicate);
  EXPECT_EQ(redelivery.take(again(9, 7)), Answer::duplicate);
}

TEST(Redelivery, TakesEverythingAsNewAfterTheSessionWasLost) {
  Redelivery redelivery = after(5, 7, kArrivalStamped);
  redelivery.connected(false);
  EXPECT_EQ(redelivery.take(again(6, 7)), Answer::fresh);
}

// Two brokers behind one address: the first one comes back with what it holds.
TEST(Redelivery, GoesBackToTheTailOfALostSessionWherePayloadsCarryTheirTime) {
  Redelivery redelivery = after(5, 7, !kArrivalStamped);
  redelivery.connected(false);
  EXPECT_EQ(redelivery.take(sent(5, 1)), Answer::fresh);
  EXPECT_EQ(redelivery.take(sent(6, 2)), Answer::fresh);
  redelivery.connected(true);
  ByteWriter out;
  redelivery.snapshot(out);
  Redelivery copy(!kArrivalStamped, kTail);
  ByteReader in(out.bytes());
  ASSERT_TRUE(copy.restore(in).ok());
  for (Redelivery* any : {&redelivery, &copy}) {
    EXPECT_EQ(any->take(again(5, 7)), Answer::duplicate);
    EXPECT_EQ(any->take(again(7, 7)), Answer::duplicate);
    EXPECT_EQ(any->take(again(8, 9)), Answer::fresh);
    EXPECT_EQ(any->take(sent(9, 10)), Answer::fresh);
    any->connected(true);
    EXPECT_EQ(any->take(again(8, 9)), Answer::duplicate);
    // And to the second broker again.
    any->connected(true);
    EXPECT_EQ(any->take(again(5, 1)), Answer::duplicate);
    EXPECT_EQ(any->take(again(6, 2)), Answer::duplicate);
  }
}

TEST(Redelivery, DoubtsWhatMayBeOfALostSessionWherePayloadsCarryNoTime) {
  Redelivery redelivery = after(5, 7, kArrivalStamped);
  redelivery.connected(false);
  redelivery.connected(true);
  EXPECT_EQ(redelivery.take(again(6, 7)), Answer::doubt);
  EXPECT_EQ(redelivery.take(again(7, 8)), Answer::fresh);
}

// A database that is new while the broker's session is old.
TEST(Redelivery, DoubtsARunOfASessionThatItKnowsNothingOf) {
  Redelivery redelivery(!kArrivalStamped, kTail);
  redelivery.connected(true);
  EXPECT_EQ(redelivery.take(again(3, 1)), Answer::doubt);
  redelivery.connected(true);
  EXPECT_EQ(redelivery.take(again(3, 1)), Answer::duplicate);
  EXPECT_EQ(redelivery.take(again(4, 2)), Answer::doubt);
  EXPECT_EQ(redelivery.take(sent(5, 3)), Answer::fresh) << "all of the run has come";
  redelivery.connected(true);
  EXPECT_EQ(redelivery.take(again(6, 4)), Answer::fresh);
}

TEST(Redelivery, TakesAnotherContentUnderAKnownIdAsNew) {
  Redelivery redelivery = after(5, 7, !kArrivalStamped);
  EXPECT_EQ(redelivery.take(again(6, 8)), Answer::fresh);
}

// The broker gives out the lowest free id, so equal messages have the same id by and by.
TEST(Redelivery, KeepsAsDoubtWhatMayBeANewMessageUnderAReusedId) {
  Redelivery redelivery(kArrivalStamped, kTail);
  redelivery.connected(false);
  EXPECT_EQ(redelivery.take(sent(1, 7)), Answer::fresh);
  EXPECT_EQ(redelivery.take(sent(1, 7)), Answer::fresh);
  redelivery.connected(true);
  EXPECT_EQ(redelivery.take(again(1, 7)), Answer::doubt);
}

TEST(Redelivery, DecidesUnderReusedIdsWherePayloadsCarryTheirTime) {
  Redelivery redelivery(!kArrivalStamped, kTail);
  redelivery.connected(false);
  EXPECT_EQ(redelivery.take(sent(1, 7)), Answer::fresh);
  EXPECT_EQ(redelivery.take(sent(1, 8)), Answer::fresh);
  redelivery.connected(true);
  EXPECT_EQ(redelivery.take(again(1, 8)), Answer::duplicate);
  EXPECT_EQ(redelivery.take(again(2, 9)), Answer::fresh);
}

// Id 2 twice since: whatever had id 1 before them was acknowledged before the first of them was.
TEST(Redelivery, TakesAMessageAsNewWhoseMatchLiesBeforeAReusedId) {
  Redelivery redelivery(kArrivalStamped, kTail);
  redelivery.connected(false);
  redelivery.take(sent(1, 7));
  redelivery.take(sent(2, 7));
  redelivery.take(sent(2, 8));
  redelivery.connected(true);
  EXPECT_EQ(redelivery.take(again(1, 7)), Answer::fresh);
}

// A first id of 1 says nothing about the broker; once an id is passed over while lower ones are
// free, it is known to count on.
TEST(Redelivery, DoubtsARunThatBeginsWithId1UntilItKnowsTheBroker) {
  Redelivery redelivery = after(1, 2, kArrivalStamped);
  EXPECT_EQ(redelivery.take(again(1, 7)), Answer::doubt);
  EXPECT_EQ(redelivery.take(again(2, 7)), Answer::doubt);
  EXPECT_EQ(redelivery.take(sent(3, 7)), Answer::fresh);
  redelivery.connected(true);
  EXPECT_EQ(redelivery.take(again(3, 7)), Answer::duplicate);
  EXPECT_EQ(redelivery.take(sent(4, 7)), Answer::fresh);
  redelivery.connected(true);
  EXPECT_EQ(redelivery.take(again(4, 7)), Answer::duplicate);
}

TEST(Redelivery, FollowsRisingIdsAroundTheirEnd) {
  Redelivery redelivery = after(65'530, 65'535, kArrivalStamped);
  EXPECT_EQ(redelivery.take(again(65'535, 7)), Answer::duplicate);
  EXPECT_EQ(redelivery.take(sent(1, 7)), Answer::fresh);
  redelivery.connected(true);
  EXPECT_EQ(redelivery.take(again(65'535, 7)), Answer::duplicate);
  EXPECT_EQ(redelivery.take(again(1, 7)), Answer::duplicate);
  EXPECT_EQ(redelivery.take(again(2, 7)), Answer::fresh);
}

// mosquitto 2.0.11 sends more than the window it promised, and the config may name a smaller one.
TEST(Redelivery, RemembersMoreThanTheWindowAndDoubtsWhatLiesBehindIt) {
  Redelivery redelivery = after(5, 4'000, kArrivalStamped);
  EXPECT_EQ(redelivery.take(again(5, 7)), Answer::doubt);
  redelivery = after(5, 4'000, kArrivalStamped);
  for (std::uint16_t id = 4'000 - 2'047; id <= 4'000; ++id) {
    ASSERT_EQ(redelivery.take(again(id, 7)), Answer::duplicate) << id;
  }
}

TEST(Redelivery, SurvivesASnapshotInTheMiddleOfARunAndRefusesADamagedOne) {
  Redelivery redelivery = after(1, 20, kArrivalStamped);
  EXPECT_EQ(redelivery.take(again(16, 7)), Answer::duplicate);
  ByteWriter out;
  redelivery.snapshot(out);
  Redelivery copy(kArrivalStamped, kTail);
  ByteReader in(out.bytes());
  ASSERT_TRUE(copy.restore(in).ok());
  EXPECT_EQ(copy.take(again(17, 7)), Answer::duplicate);
  EXPECT_EQ(copy.take(again(21, 7)), Answer::fresh);
  for (std::size_t n = 0; n < out.size(); ++n) {
    Redelivery damaged(kArrivalStamped, kTail);
    ByteReader shorter(std::string_view(out.bytes()).substr(0, n));
    EXPECT_FALSE(damaged.restore(shorter).ok());
  }
}

}  // namespace
}  // namespace sluice
