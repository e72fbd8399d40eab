#include "ingest/fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <utility>

namespace sluice {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(UniqueFd, ClosesWhatItOwnsExactlyOnce) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  UniqueFd first(ends[0]);
  UniqueFd second(ends[1]);
  UniqueFd moved(std::move(first));
  EXPECT_FALSE(first.valid());
  EXPECT_TRUE(is_open(ends[0]));
  moved = std::move(second);
  EXPECT_FALSE(is_open(ends[0]));
  EXPECT_TRUE(is_open(ends[1]));
  moved.reset();
  EXPECT_FALSE(is_open(ends[1]));
  EXPECT_FALSE(moved.valid());
}

TEST(WakeFd, KeepsASignalUntilItIsCleared) {
  WakeFd wake;
  EXPECT_FALSE(wake.wait_for(std::chrono::milliseconds(0)));
  wake.signal();
  wake.signal();
  EXPECT_TRUE(wake.wait_for(std::chrono::milliseconds(0)));
  EXPECT_TRUE(wake.wait_for(std::chrono::milliseconds(0)));
  wake.clear();
  EXPECT_FALSE(wake.wait_for(std::chrono::milliseconds(0)));
}

}  // namespace
}  // namespace sluice
