#include "fault/chaos_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

namespace sluice::fault {
namespace {

constexpr int kTick_ms = 5;
constexpr std::size_t kWaitingBytes_max = 64 * 1024;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void prepare(int fd) {
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

bool would_block() { return errno == EAGAIN || errno == EINTR; }

}  // namespace

ChaosProxy::ChaosProxy(std::uint16_t target_port, std::uint64_t seed)
    : target_port_(target_port), random_(seed) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 16) != 0) {
    std::abort();
  }
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

ChaosProxy::~ChaosProxy() {
  stopping_ = true;
  thread_.join();
  for (Connection& connection : open_) close_both(connection, false);
  close(listener_);
}

void ChaosProxy::inflict(Fault fault) {
  std::lock_guard lock(mutex_);
  stalled_ = fault == Fault::stall;
  if (fault == Fault::none || stalled_) return;
  for (Connection& connection : open_) {
    if (fault == Fault::reset) {
      close_both(connection, true);
    } else {
      connection.fault = fault;
    }
  }
}

void ChaosProxy::run() {
  while (!stopping_) round();
}

void ChaosProxy::round() {
  std::vector<pollfd> fds = {{listener_, POLLIN, 0}};
  {
    std::lock_guard lock(mutex_);
    open_.remove_if([](const Connection& connection) { return connection.gone; });
    for (const Connection& connection : open_) {
      const auto events = [&](const Half& in, const Half& out) {
        const bool reads = !in.ended && in.waiting.size() < kWaitingBytes_max;
        return static_cast<short>((reads ? POLLIN : 0) | (out.waiting.empty() ? 0 : POLLOUT));
      };
      for (const auto& [in, out] : {std::pair(&connection.up, &connection.down),
                                    std::pair(&connection.down, &connection.up)}) {
        // poll() overlooks a negative one; one that hung up would wake it for ever.
        fds.push_back({in->ended ? -1 : in->from, events(*in, *out), 0});
      }
    }
  }
  // A stalled connection that hung up would be reported at once and for ever.
  bool stalled = false;
  {
    std::lock_guard lock(mutex_);
    stalled = stalled_;
  }
  poll(fds.data(), stalled ? 1 : fds.size(), kTick_ms);
  if (stalled) usleep(kTick_ms * 1000);
  std::lock_guard lock(mutex_);
  if (!stalled_ && !stalled) {
    std::size_t at = 1;
    for (Connection& connection : open_) {
      serve(connection, fds[at].revents, fds[at + 1].revents);
      at += 2;
    }
  }
  if ((fds[0].revents & POLLIN) != 0 && !stalled_) accept_one();
}

void ChaosProxy::accept_one() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) return;
  const int target = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(target_port_);
  if (refused_ ||
      connect(target, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(client);
    close(target);
    return;
  }
  prepare(client);
  prepare(target);
  Connection connection;
  connection.up = {client, target, {}};
  connection.down = {target, client, {}};
  open_.push_back(std::move(connection));
}

void ChaosProxy::serve(Connection& connection, short up_events, short down_events) {
  if (connection.gone) return;
  const bool fine =
      pump(connection, connection.up, up_events) && pump(connection, connection.down, down_events);
  if (!fine && !connection.gone) close_both(connection, false);
}

/// Moves what can be moved in one direction; false when the connection is over.
bool ChaosProxy::pump(Connection& connection, Half& half, short events) {
  if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && half.waiting.size() < kWaitingBytes_max) {
    char chunk[16384];
    const ssize_t got = recv(half.from, chunk, sizeof chunk, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && !would_block())) {
      half.ended =
          connection.fault == Fault::swallow && !(connection.up.ended || connection.down.ended);
      return half.ended;
    }
    if (got > 0 && connection.fault != Fault::swallow) {
      half.waiting.append(chunk, static_cast<std::size_t>(got));
    }
  }
  if (half.waiting.empty()) return true;
  if (connection.fault == Fault::mute && &half == &connection.up) return true;
  std::size_t size = half.waiting.size();
  if (connection.fault == Fault::truncate) {
    size = std::uniform_int_distribution<std::size_t>(0, size - 1)(random_);
  }
  const ssize_t put = send(half.to, half.waiting.data(), size, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (put < 0 && !would_block()) return false;
  if (put > 0) {
    half.waiting.erase(0, static_cast<std::size_t>(put));
    if (!connection.carried) ++connections_;
    connection.carried = true;
    if (&half == &connection.up) bytes_to_target_ += static_cast<std::uint64_t>(put);
  }
  return connection.fault != Fault::truncate;
}

void ChaosProxy::close_both(Connection& connection, bool with_reset) {
  if (connection.gone) return;
  connection.gone = true;
  const linger at_once{1, 0};
  for (const int fd : {connection.up.from, connection.down.from}) {
    if (with_reset) setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
  }
}

}  // namespace sluice::fault
