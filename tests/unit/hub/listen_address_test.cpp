#include "hub/listen_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice::hub {
namespace {

TEST(ListenAddress, ReadsNamesAndBothKindsOfNumbers) {
  for (const char* text : {"127.0.0.1:50051", "[::1]:0", "localhost:65535", "0.0.0.0:1"}) {
    const auto address = parse_listen_address(text);
    ASSERT_TRUE(address.ok()) << text;
    EXPECT_EQ(to_string(*address), text);
  }
}

TEST(ListenAddress, RefusesWhatIsNoHostAndPort) {
  for (const char* text : {"", ":", ":1", "1", "a", "a:", "a:x", "a:-1", "a:65536", "a:1 ", "::1:5",
                           "[]:5", "[::1]5", "a:99999999999"}) {
    EXPECT_EQ(parse_listen_address(text).status().code(), StatusCode::invalid_argument) << text;
  }
}

TEST(ListenAddress, KnowsWhatOnlyThisMachineReaches) {
  EXPECT_TRUE(*is_loopback({"127.0.0.1", 0}));
  EXPECT_TRUE(*is_loopback({"127.9.9.9", 0}));
  EXPECT_TRUE(*is_loopback({"::1", 0}));
  EXPECT_FALSE(*is_loopback({"0.0.0.0", 0}));
  EXPECT_FALSE(*is_loopback({"::", 0}));
  EXPECT_FALSE(*is_loopback({"192.0.2.1", 0}));
}

TEST(ListenAddress, SaysWhyAPortCannotBeHad) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in taken{};
  taken.sin_family = AF_INET;
  taken.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof taken;
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&taken), size), 0);
  ASSERT_EQ(::listen(fd, 1), 0);
  ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&taken), &size), 0);
  const ListenAddress address{"127.0.0.1", ntohs(taken.sin_port)};
  const Status busy = check_bindable(address);
  EXPECT_EQ(busy.code(), StatusCode::unavailable);
  EXPECT_NE(busy.message().find(to_string(address)), std::string_view::npos);
  EXPECT_NE(busy.message().find("in use"), std::string_view::npos) << busy.message();
  ::close(fd);
  EXPECT_TRUE(check_bindable(address).ok());
}

}  // namespace
}  // namespace sluice::hub
