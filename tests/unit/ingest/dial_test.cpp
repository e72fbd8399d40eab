#include "ingest/dial.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "unit/ingest/wire.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

TEST(Dial, GivesANonBlockingConnectedSocket) {
  std::uint16_t port = 0;
  const UniqueFd listener = wire::listen_on_loopback(&port);
  const auto fd = dial({false, "localhost", port}, wire::kPatience, WakeFd());
  ASSERT_TRUE(fd.ok()) << fd.status().to_string();
  EXPECT_NE(::fcntl(fd->get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_TRUE(wire::send_all(fd->get(), "hello"));
}

TEST(Dial, NamesHostPortAndCauseWhenNobodyListens) {
  std::uint16_t port = 0;
  { const UniqueFd gone = wire::listen_on_loopback(&port); }
  const auto fd = dial({false, "127.0.0.1", port}, wire::kPatience, WakeFd());
  ASSERT_FALSE(fd.ok());
  EXPECT_EQ(fd.status().code(), StatusCode::unavailable);
  const std::string message(fd.status().message());
  EXPECT_NE(message.find("127.0.0.1:" + std::to_string(port)), std::string::npos) << message;
  EXPECT_NE(message.find("refused"), std::string::npos) << message;
}

TEST(Dial, NamesTheHostThatDoesNotResolve) {
  const auto fd = dial({false, "no-such-host.invalid", 1883}, wire::kPatience, WakeFd());
  ASSERT_FALSE(fd.ok());
  EXPECT_EQ(fd.status().code(), StatusCode::unavailable);
  EXPECT_NE(fd.status().message().find("no-such-host.invalid"), std::string::npos);
}

/// A listener whose backlog is full: further connections stay in SYN_SENT.
class Unresponsive {
 public:
  Unresponsive() : listener_(wire::listen_on_loopback(&port_)) {
    for (int i = 0; i < 64; ++i) {
      auto fd = dial({false, "127.0.0.1", port_}, milliseconds(50), WakeFd());
      if (!fd.ok()) return;
      queued_.push_back(std::move(*fd));
    }
    ADD_FAILURE() << "the backlog never fills";
  }
  std::uint16_t port() const { return port_; }

 private:
  std::uint16_t port_ = 0;
  UniqueFd listener_;
  std::vector<UniqueFd> queued_;
};

TEST(Dial, GivesUpAfterTheTimeOut) {
  const Unresponsive broker;
  const auto fd = dial({false, "127.0.0.1", broker.port()}, milliseconds(20), WakeFd());
  ASSERT_FALSE(fd.ok());
  EXPECT_EQ(fd.status().code(), StatusCode::unavailable);
  EXPECT_NE(fd.status().message().find("timed out"), std::string::npos);
}

TEST(Dial, IsCancelledWhileItWaits) {
  const Unresponsive broker;
  WakeFd cancel;
  cancel.signal();
  const auto fd = dial({false, "127.0.0.1", broker.port()}, std::chrono::minutes(4), cancel);
  ASSERT_FALSE(fd.ok());
  EXPECT_EQ(fd.status().code(), StatusCode::cancelled);
}

}  // namespace
}  // namespace sluice
