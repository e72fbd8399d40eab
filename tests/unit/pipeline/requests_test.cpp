#include "pipeline/requests.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>

namespace sluice {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLong = std::chrono::minutes(1);

struct RequestsTest : ::testing::Test {
  std::future<Status> ask(const std::shared_ptr<int>& request) {
    return std::async(std::launch::async, [this, request] { return requests.ask(request, kLong); });
  }
  std::shared_ptr<int> await_next() {
    for (;;) {
      if (auto next = requests.next()) return next;
    }
  }
  Requests<int> requests{2};
};

TEST_F(RequestsTest, ComeToTheirThreadOldestFirstAndBackWhenFinished) {
  EXPECT_EQ(requests.next(), nullptr);
  const auto first = std::make_shared<int>(1);
  std::future<Status> answer = ask(first);
  ASSERT_EQ(await_next(), first);
  const auto second = std::make_shared<int>(2);
  std::future<Status> later = ask(second);
  EXPECT_EQ(requests.next(), first);
  *first = 10;
  requests.finish(first);
  EXPECT_TRUE(answer.get().ok());
  EXPECT_EQ(*first, 10);
  ASSERT_EQ(await_next(), second);
  requests.finish(second);
  EXPECT_TRUE(later.get().ok());
  EXPECT_TRUE(requests.empty());
}

TEST_F(RequestsTest, AreRefusedWhenTooManyWait) {
  Requests<int> narrow{1};
  const auto first = std::make_shared<int>(1);
  auto answer = std::async(std::launch::async, [&] { return narrow.ask(first, kLong); });
  while (narrow.empty()) {
  }
  EXPECT_EQ(narrow.ask(std::make_shared<int>(2), kLong).code(), StatusCode::resource_exhausted);
  narrow.finish(first);
  EXPECT_TRUE(answer.get().ok());
}

TEST_F(RequestsTest, ThatNobodyWaitsForAnyMoreMakeRoomAndMayStillBeFinished) {
  const auto slow = std::make_shared<int>(1);
  EXPECT_EQ(requests.ask(slow, milliseconds(1)).code(), StatusCode::unavailable);
  EXPECT_TRUE(requests.empty());
  requests.finish(slow);
  EXPECT_TRUE(requests.empty());
}

TEST_F(RequestsTest, AreOverWithTheirThread) {
  std::future<Status> answer = ask(std::make_shared<int>(1));
  await_next();
  requests.close();
  EXPECT_EQ(answer.get().message(), "the pipelines have stopped");
  EXPECT_EQ(requests.ask(std::make_shared<int>(2), kLong).code(), StatusCode::unavailable);
}

}  // namespace
}  // namespace sluice
