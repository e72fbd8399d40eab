#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <thread>

namespace sluice::hub {

/// A link that can die silently: passes the bytes of one connection both ways until `freeze`, then
/// keeps both sockets open and passes nothing.
class FreezingProxy {
 public:
  explicit FreezingProxy(std::uint16_t target_port)
      : listener_(::socket(AF_INET, SOCK_STREAM, 0)), target_(loopback(target_port)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~FreezingProxy() {
    is_stopped_ = true;
    thread_.join();
    ::close(listener_);
  }
  std::uint16_t port() const { return port_; }
  void freeze() { is_frozen_ = true; }

 private:
  static constexpr int kPollMs = 20;

  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
  }

  bool wait_readable(int fd) const {
    pollfd waiting{fd, POLLIN, 0};
    return ::poll(&waiting, 1, kPollMs) > 0;
  }

  static bool pass(int from, int to) {
    std::array<char, 16384> bytes;
    const ssize_t size = ::recv(from, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (size < 0) return true;
    return size > 0 &&
           ::send(to, bytes.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL) == size;
  }

  void run() {
    while (!is_stopped_ && !wait_readable(listener_)) {
    }
    if (is_stopped_) return;
    const int client = ::accept(listener_, nullptr, nullptr);
    const int server = ::socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(::connect(server, reinterpret_cast<const sockaddr*>(&target_), sizeof target_), 0);
    bool is_open = true;
    while (is_open && !is_stopped_ && !is_frozen_) {
      std::array<pollfd, 2> ends{pollfd{client, POLLIN, 0}, pollfd{server, POLLIN, 0}};
      if (::poll(ends.data(), ends.size(), kPollMs) <= 0) continue;
      is_open = pass(client, server) && pass(server, client);
    }
    while (!is_stopped_) ::poll(nullptr, 0, kPollMs);
    ::close(client);
    ::close(server);
  }

  const int listener_;
  const sockaddr_in target_;
  std::uint16_t port_ = 0;
  std::atomic<bool> is_frozen_{false};
  std::atomic<bool> is_stopped_{false};
  std::thread thread_;
};

}  // namespace sluice::hub
