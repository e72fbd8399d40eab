#include "ingest/dial.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <string>
#include <system_error>

namespace sluice {
namespace {

std::string errno_text(int error) { return std::generic_category().message(error); }

/// 0, an errno, or -1 when cancelled.
int wait_connected(int fd, std::chrono::milliseconds timeout, const WakeFd& cancel) {
  pollfd fds[2] = {{fd, POLLOUT, 0}, {cancel.get(), POLLIN, 0}};
  const int ready = ::poll(fds, 2, static_cast<int>(timeout.count()));
  if (ready < 0) return errno;
  if (ready == 0) return ETIMEDOUT;
  if (fds[1].revents != 0) return -1;
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

/// 0 and the socket, an errno, or -1 when cancelled.
int connect_to(const addrinfo& candidate, std::chrono::milliseconds timeout, const WakeFd& cancel,
               UniqueFd& connected) {
  UniqueFd fd(::socket(candidate.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return errno;
  const int one = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  int error = 0;
  if (::connect(fd.get(), candidate.ai_addr, candidate.ai_addrlen) != 0) {
    error = errno == EINPROGRESS ? wait_connected(fd.get(), timeout, cancel) : errno;
  }
  if (error == 0) connected = std::move(fd);
  return error;
}

}  // namespace

Result<UniqueFd> dial(const BrokerAddress& address, std::chrono::milliseconds timeout,
                      const WakeFd& cancel) {
  const std::string where = address.host + ":" + std::to_string(address.port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int lookup =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (lookup != 0) {
    return unavailable("cannot resolve the broker's host '" + address.host +
                       "': " + (lookup == EAI_SYSTEM ? errno_text(errno) : ::gai_strerror(lookup)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> candidates(found, &::freeaddrinfo);
  int error = EADDRNOTAVAIL;
  for (const addrinfo* candidate = found; candidate; candidate = candidate->ai_next) {
    UniqueFd fd;
    error = connect_to(*candidate, timeout, cancel, fd);
    if (error == 0) return fd;
    if (error < 0) return Status(StatusCode::cancelled, "stopped while connecting to " + where);
  }
  return unavailable("cannot connect to the broker at " + where + ": " + errno_text(error));
}

}  // namespace sluice
