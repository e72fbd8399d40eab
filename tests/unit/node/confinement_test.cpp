#include "node/child/confinement.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "unit/store/scratch.h"

namespace sluice {
namespace {

/// The exit code of a child that is confined and then does this; -signal when one ends it.
int confined(const std::function<int()>& body, std::uint64_t cpu_s = 0, bool steps_back = false) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    const Status status = confine({static_cast<std::uint64_t>(parent), 0, cpu_s, steps_back});
    ::_exit(status.ok() ? body() : 99);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(Confinement, LeavesNoTraceOnTheDiskAndReachesNobody) {
  const storage::ScratchDir dir;
  const std::string file = dir.path() + "/kept";
  const std::string other = dir.path() + "/other";
  ::close(::open(file.c_str(), O_CREAT | O_WRONLY, 0600));
  EXPECT_EQ(confined([&] { return ::open(file.c_str(), O_RDONLY) >= 0 ? 0 : 1; }), 0);
  EXPECT_EQ(confined([&] { return ::open(other.c_str(), O_CREAT | O_WRONLY, 0600) < 0; }), 1);
  EXPECT_EQ(confined([&] { return ::open(file.c_str(), O_TRUNC | O_WRONLY) < 0; }), 1);
  EXPECT_EQ(confined([&] { return ::unlink(file.c_str()) < 0; }), 1);
  EXPECT_EQ(confined([&] { return ::rename(file.c_str(), other.c_str()) < 0; }), 1);
  EXPECT_EQ(confined([&] { return ::mkdir(other.c_str(), 0700) < 0; }), 1);
  EXPECT_EQ(confined([] { return ::socket(AF_INET, SOCK_STREAM, 0) < 0; }), 1);
  EXPECT_EQ(confined([] { return ::socket(AF_UNIX, SOCK_STREAM, 0) < 0; }), 1);
}

TEST(Confinement, TakesTheProcessorLast) {
  EXPECT_EQ(confined([] { return ::sched_getscheduler(0); }, 0, true), SCHED_IDLE);
  EXPECT_EQ(confined([] { return ::getpriority(PRIO_PROCESS, 0); }, 0, true), 19);
}

TEST(Confinement, EndsWhatTakesMoreOfTheProcessorThanItMay) {
  EXPECT_EQ(confined(
                []() -> int {
                  for (;;) asm volatile("" ::: "memory");
                },
                1),
            -SIGXCPU);
}

TEST(Confinement, HasNothingToDoWithoutItsParent) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(confine({1, 0, 0}).code() == StatusCode::unavailable ? 0 : 1);
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), ::getpid() == 1 ? 1 : 0);
}

}  // namespace
}  // namespace sluice
