#include "pipeline/redelivery.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using Answer = Redelivery::Answer;

IngestEvent message(std::uint16_t id, const char* payload) {
  IngestEvent event;
  event.topic = "a";
  event.payload = payload;
  event.packet_id = id;
  return event;
}

TEST(Redelivery, MatchesTheRunInOrderAndTakesWhatWasNeverStored) {
  Redelivery redelivery(10);
  redelivery.connected(false);
  const auto one = redelivery.fingerprint(message(1, "x"));
  const auto two = redelivery.fingerprint(message(2, "x"));
  const auto three = redelivery.fingerprint(message(3, "x"));
  redelivery.stored(one);
  redelivery.stored(two);
  redelivery.connected(true);
  EXPECT_EQ(redelivery.check(true, one), Answer::duplicate);
  EXPECT_EQ(redelivery.check(true, two), Answer::duplicate);
  EXPECT_EQ(redelivery.check(true, three), Answer::fresh);
}

TEST(Redelivery, KeepsAMatchThatOnlyLiesBehindAsDoubt) {
  Redelivery redelivery(10);
  redelivery.connected(false);
  const auto one = redelivery.fingerprint(message(1, "x"));
  const auto two = redelivery.fingerprint(message(2, "x"));
  redelivery.stored(one);
  redelivery.stored(two);
  redelivery.connected(true);
  EXPECT_EQ(redelivery.check(true, two), Answer::duplicate);
  EXPECT_EQ(redelivery.check(true, one), Answer::doubt);
}

TEST(Redelivery, TakesEverythingAsNewAfterTheSessionWasLost) {
  Redelivery redelivery(10);
  redelivery.connected(false);
  const auto before = redelivery.fingerprint(message(1, "x"));
  redelivery.stored(before);
  redelivery.connected(false);
  EXPECT_NE(redelivery.fingerprint(message(1, "x")), before);
  EXPECT_EQ(redelivery.check(true, before), Answer::fresh);
}

TEST(Redelivery, DoesNotMatchWhatThisConnectionStored) {
  Redelivery redelivery(10);
  redelivery.connected(false);
  const auto one = redelivery.fingerprint(message(1, "x"));
  redelivery.stored(one);
  EXPECT_EQ(redelivery.check(true, one), Answer::fresh);
}

// mosquitto 2.0.11 sends more than the window it promised, and the config may name a smaller one.
TEST(Redelivery, RemembersMoreThanTheWindow) {
  Redelivery redelivery(20);
  redelivery.connected(false);
  std::vector<std::uint64_t> prints;
  for (std::uint16_t i = 1; i <= 1024; ++i) {
    prints.push_back(redelivery.fingerprint(message(i, "x")));
    redelivery.stored(prints.back());
  }
  redelivery.connected(true);
  for (const std::uint64_t print : prints) {
    ASSERT_EQ(redelivery.check(true, print), Answer::duplicate);
  }
}

TEST(Redelivery, SurvivesASnapshotInTheMiddleOfARunAndRefusesADamagedOne) {
  Redelivery redelivery(3);
  redelivery.connected(false);
  std::vector<std::uint64_t> prints;
  for (std::uint16_t i = 1; i <= 20; ++i) {
    prints.push_back(redelivery.fingerprint(message(i, "x")));
    redelivery.stored(prints.back());
  }
  redelivery.connected(true);
  EXPECT_EQ(redelivery.check(true, prints[15]), Answer::duplicate);
  ByteWriter out;
  redelivery.snapshot(out);
  Redelivery copy(3);
  ByteReader in(out.bytes());
  ASSERT_TRUE(copy.restore(in).ok());
  EXPECT_EQ(copy.check(true, prints[14]), Answer::doubt);
  EXPECT_EQ(copy.check(true, prints[16]), Answer::duplicate);
  for (std::size_t n = 0; n < out.size(); ++n) {
    Redelivery damaged(3);
    ByteReader shorter(std::string_view(out.bytes()).substr(0, n));
    EXPECT_FALSE(damaged.restore(shorter).ok());
  }
}

}  // namespace
}  // namespace sluice
