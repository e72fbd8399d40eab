#include "base/bounded_queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(BoundedQueue, RefusesWhenFullAndLeavesTheItemAlone) {
  BoundedQueue<std::unique_ptr<int>> queue(1);
  EXPECT_TRUE(queue.try_push(std::make_unique<int>(1)));
  auto second = std::make_unique<int>(2);
  EXPECT_FALSE(queue.try_push(std::move(second)));
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(**queue.pop_for(milliseconds(0)), 1);
  EXPECT_TRUE(queue.try_push(std::move(second)));
}

TEST(BoundedQueue, GivesItemsInOrderAndAtMostAsManyAsAsked) {
  BoundedQueue<int> queue(10);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(queue.try_push(int{i}));
  std::vector<int> out;
  EXPECT_EQ(queue.pop_many(out, 3, milliseconds(0)), 3u);
  EXPECT_EQ(queue.pop_many(out, 3, milliseconds(0)), 2u);
  EXPECT_EQ(queue.pop_many(out, 3, milliseconds(0)), 0u);
  EXPECT_EQ(out, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(BoundedQueue, DrainsAfterCloseAndThenSaysEmptyAtOnce) {
  BoundedQueue<int> queue(2);
  EXPECT_TRUE(queue.try_push(1));
  queue.close();
  EXPECT_FALSE(queue.try_push(2));
  EXPECT_FALSE(queue.push(2));
  EXPECT_EQ(queue.pop_for(seconds(60)), 1);
  EXPECT_EQ(queue.pop_for(seconds(60)), std::nullopt);
}

TEST(BoundedQueue, CloseWakesAProducerThatWaitsForRoom) {
  BoundedQueue<int> queue(1);
  EXPECT_TRUE(queue.push(1));
  std::thread producer([&] { EXPECT_FALSE(queue.push(2)); });
  queue.close();
  producer.join();
  EXPECT_EQ(queue.size(), 1u);
}

TEST(BoundedQueue, LosesAndDoublesNothingBetweenThreads) {
  constexpr int kItems = 20'000;
  BoundedQueue<int> queue(7);
  std::thread producer([&] {
    for (int i = 0; i < kItems; ++i) EXPECT_TRUE(queue.push(int{i}));
    queue.close();
  });
  std::vector<int> out;
  while (!queue.closed() || queue.size() > 0) queue.pop_many(out, 5, milliseconds(50));
  producer.join();
  ASSERT_EQ(out.size(), static_cast<std::size_t>(kItems));
  for (int i = 0; i < kItems; ++i) ASSERT_EQ(out[static_cast<std::size_t>(i)], i);
}

}  // namespace
}  // namespace sluice
