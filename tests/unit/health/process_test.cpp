#include "health/process.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace sluice {
namespace {

TEST(Process, KnowsItsResidentMemory) { EXPECT_GT(resident_bytes(), 500'000u); }

TEST(Process, TellsTheSupervisorOverItsSocket) {
  const std::string path = "/tmp/sluice_notify_" + std::to_string(getpid());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  setenv("NOTIFY_SOCKET", path.c_str(), 1);
  notify_supervisor("READY=1");
  unsetenv("NOTIFY_SOCKET");
  char text[32] = {};
  EXPECT_EQ(recv(fd, text, sizeof text, MSG_DONTWAIT), 7);
  EXPECT_STREQ(text, "READY=1");
  close(fd);
  unlink(path.c_str());
}

TEST(Process, IsSilentWithoutASupervisor) {
  unsetenv("NOTIFY_SOCKET");
  notify_supervisor("READY=1");
}

}  // namespace
}  // namespace sluice
