#include "hub/stream_registry.h"

#include <gtest/gtest.h>

#include "unit/hub/hub_samples.h"

namespace sluice::hub {
namespace {

class StreamRegistryTest : public testing::Test {
 protected:
  std::unique_ptr<StreamRegistry::Stream> enter(int& cancels) {
    auto stream = registry_.enter([&cancels] { ++cancels; });
    EXPECT_TRUE(stream.ok());
    return std::move(*stream);
  }
  TestClock clock_;
  StreamRegistry registry_{clock_, 3};
  const NodeKey node_ = sample_node();
};

TEST_F(StreamRegistryTest, RefusesAnotherProcessUntilTheLiveOneIsGone) {
  int first_cancels = 0;
  int second_cancels = 0;
  auto first = enter(first_cancels);
  auto second = enter(second_cancels);
  EXPECT_TRUE(first->greet(node_, "one").ok());
  EXPECT_EQ(second->greet(node_, "two").code(), StatusCode::already_exists);
  EXPECT_TRUE(registry_.is_connected(node_));
  EXPECT_EQ(first_cancels, 0);
  first.reset();
  EXPECT_FALSE(registry_.is_connected(node_));
  EXPECT_TRUE(second->greet(node_, "two").ok());
}

TEST_F(StreamRegistryTest, LetsTheSameProcessTakeOverFromItsDeadConnection) {
  int old_cancels = 0;
  int new_cancels = 0;
  auto old_stream = enter(old_cancels);
  auto new_stream = enter(new_cancels);
  ASSERT_TRUE(old_stream->greet(node_, "one").ok());
  ASSERT_TRUE(new_stream->greet(node_, "one").ok());
  EXPECT_EQ(old_cancels, 1);
  old_stream.reset();
  EXPECT_TRUE(registry_.is_connected(node_)) << "the old one took the new one's place with it";
  EXPECT_EQ(new_cancels, 0);
  new_stream.reset();
  EXPECT_FALSE(registry_.is_connected(node_));
}

TEST_F(StreamRegistryTest, LetsEpochsOfOneNodeLiveSideBySide) {
  int cancels = 0;
  auto one = enter(cancels);
  auto two = enter(cancels);
  NodeKey other_epoch = node_;
  other_epoch.epoch[3] = 'f';
  EXPECT_TRUE(one->greet(node_, "one").ok());
  EXPECT_TRUE(two->greet(other_epoch, "two").ok());
}

TEST_F(StreamRegistryTest, HoldsNoMoreThanItsMaximum) {
  int cancels = 0;
  auto one = enter(cancels);
  auto two = enter(cancels);
  auto three = enter(cancels);
  EXPECT_EQ(registry_.enter([] {}).status().code(), StatusCode::resource_exhausted);
  two.reset();
  EXPECT_TRUE(registry_.enter([] {}).ok());
}

TEST_F(StreamRegistryTest, CancelsTheSilentOnly) {
  int greeted_cancels = 0;
  int silent_cancels = 0;
  int young_cancels = 0;
  auto greeted = enter(greeted_cancels);
  ASSERT_TRUE(greeted->greet(node_, "one").ok());
  auto silent = enter(silent_cancels);
  clock_.boottime += 10'000'000'000;
  auto young = enter(young_cancels);
  registry_.cancel_silent(std::chrono::seconds(10));
  EXPECT_EQ(greeted_cancels, 0);
  EXPECT_EQ(silent_cancels, 1);
  EXPECT_EQ(young_cancels, 0);
}

}  // namespace
}  // namespace sluice::hub
