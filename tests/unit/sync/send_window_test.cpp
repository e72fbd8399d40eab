#include "sync/send_window.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using Seqs = std::vector<std::int64_t>;

TEST(SendWindow, GivesTheRowsOfEveryBatchUpToTheAcknowledgedOne) {
  SendWindow window;
  EXPECT_EQ(1u, window.add({4, 5}, 100));
  EXPECT_EQ(2u, window.add({6}, 50));
  EXPECT_EQ(3u, window.add({9}, 10));
  EXPECT_EQ(160u, window.bytes());
  EXPECT_EQ((Seqs{4, 5, 6}), *window.acknowledge(2));
  EXPECT_EQ(10u, window.bytes());
  EXPECT_EQ((Seqs{9}), *window.acknowledge(3));
  EXPECT_TRUE(window.empty());
}

TEST(SendWindow, GivesNothingForARepeatedOrOlderAck) {
  SendWindow window;
  window.add({1}, 1);
  window.add({2}, 1);
  EXPECT_EQ((Seqs{1, 2}), *window.acknowledge(2));
  EXPECT_EQ(Seqs{}, *window.acknowledge(2));
  EXPECT_EQ(Seqs{}, *window.acknowledge(1));
  EXPECT_EQ(Seqs{}, *window.acknowledge(0));
}

TEST(SendWindow, RefusesAnAckOfABatchNeverSentAndKeepsTheRest) {
  SendWindow window;
  window.add({1}, 1);
  EXPECT_EQ(StatusCode::failed_precondition, window.acknowledge(2).status().code());
  EXPECT_EQ((Seqs{1}), *window.acknowledge(1));
}

TEST(SendWindow, FitsUpToItsBoundAndALargerBatchAlone) {
  SendWindow window;
  EXPECT_TRUE(window.fits(5000, 100));
  window.add({1}, 60);
  EXPECT_TRUE(window.fits(40, 100));
  EXPECT_FALSE(window.fits(41, 100));
}

}  // namespace
}  // namespace sluice
