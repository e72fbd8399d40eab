#include "ingest/own_socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/ingest/wire.h"

namespace sluice {
namespace {

TEST(OwnSocket, FindsOurEndOfALoopbackConnection) {
  UniqueFd near, far;
  wire::make_pair(far, near);
  const auto found = find_own_peer(near.get());
  ASSERT_TRUE(found.ok()) << found.status().to_string();
  EXPECT_EQ(*found, far.get());
}

TEST(OwnSocket, RefusesTheSocketOfAnotherProcess) {
  std::uint16_t port = 0;
  const UniqueFd listener = wire::listen_on_loopback(&port);
  const pid_t child = ::fork();
  if (child == 0) {
    const UniqueFd fd = wire::connect_to_loopback(port);
    char byte = 0;
    [[maybe_unused]] const auto got = ::recv(fd.get(), &byte, 1, 0);  // until the parent closes
    ::_exit(0);
  }
  UniqueFd accepted(::accept(listener.get(), nullptr, nullptr));
  const auto found = find_own_peer(accepted.get());
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.status().code(), StatusCode::permission_denied);
  accepted.reset();
  ::waitpid(child, nullptr, 0);
}

TEST(OwnSocket, DoesNotTakeAnUnrelatedSocketForThePeer) {
  UniqueFd near, far, other_near, other_far;
  wire::make_pair(far, near);
  wire::make_pair(other_far, other_near);
  far.reset();
  const auto found = find_own_peer(near.get());
  EXPECT_FALSE(found.ok());
}

}  // namespace
}  // namespace sluice
