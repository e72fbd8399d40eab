#include "node/child_times.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin_host/process_times.h"

namespace sluice {
namespace {

TEST(ChildTimes, KnowsWhatAProcessUsedForWhomAndStillDoesOnceItIsGone) {
  ChildTimes times;
  times.look("before");
  const pid_t pid = ::fork();
  if (pid == 0) {
    for (;;) asm volatile("" ::: "memory");
  }
  while (processor_time_ns(pid).value_or(0) < 20'000'000) {
  }
  times.look("p");
  times.look("q");
  ::kill(pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  times.look("q");
  EXPECT_GE(times.of("p"), 20'000'000u);
  EXPECT_EQ(times.of("q"), 0u);
  EXPECT_GE(times.total(), times.of("p"));
}

}  // namespace
}  // namespace sluice
