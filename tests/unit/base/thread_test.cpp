#include "base/thread.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>

namespace sluice {
namespace {

TEST(Thread, RunsUnderItsNameAndIsJoinedWhenItGoes) {
  std::atomic<bool> ran = false;
  std::string name;
  {
    const Thread thread("sl-test", [&] {
      char text[16];
      pthread_getname_np(pthread_self(), text, sizeof text);
      name = text;
      ran = true;
    });
  }
  EXPECT_TRUE(ran);
  EXPECT_EQ(name, "sl-test");
}

TEST(Thread, AssignmentJoinsTheOneBefore) {
  std::atomic<int> runs = 0;
  Thread thread("one", [&] { ++runs; });
  thread = Thread("two", [&] { ++runs; });
  EXPECT_GE(runs, 1);
  thread.join();
  thread.join();
  EXPECT_FALSE(thread.joinable());
  EXPECT_EQ(runs, 2);
}

}  // namespace
}  // namespace sluice
