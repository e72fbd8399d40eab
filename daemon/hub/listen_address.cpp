#include "hub/listen_address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

namespace sluice::hub {
namespace {

struct FreeList {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, FreeList>;

Result<AddressList> resolve(const ListenAddress& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int code =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &list);
  if (code != 0) {
    return invalid_argument("cannot listen on " + to_string(address) + ": " + ::gai_strerror(code));
  }
  return AddressList(list);
}

bool is_loopback(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
  }
  if (address->sa_family != AF_INET6) return false;
  return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr) != 0;
}

// 0, or errno.
int try_bind(const addrinfo& address) {
  const int fd = ::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool is_bound =
      ::bind(fd, address.ai_addr, address.ai_addrlen) == 0 && ::listen(fd, 1) == 0;
  const int why = is_bound ? 0 : errno;
  ::close(fd);
  return why;
}

}  // namespace

Result<ListenAddress> parse_listen_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const std::string wanted =
      "'" + text + "' is not host:port, as in 127.0.0.1:50051 or [::1]:50051";
  if (colon == std::string::npos || colon == 0) return invalid_argument(wanted);
  ListenAddress address{text.substr(0, colon), 0};
  const bool has_brackets = address.host.front() == '[' && address.host.back() == ']';
  if (has_brackets) address.host = address.host.substr(1, address.host.size() - 2);
  // A bare IPv6 address cannot be told from its port.
  if (address.host.empty() || (!has_brackets && address.host.find(':') != std::string::npos)) {
    return invalid_argument(wanted);
  }
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, address.port);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    return invalid_argument("'" + text + "' has a bad port; it is a number of 0..65535");
  }
  return address;
}

std::string to_string(const ListenAddress& address) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

Result<bool> is_loopback(const ListenAddress& address) {
  const auto list = resolve(address);
  if (!list.ok()) return list.status();
  for (const addrinfo* a = list->get(); a != nullptr; a = a->ai_next) {
    if (!is_loopback(a->ai_addr)) return false;
  }
  return true;
}

Status check_bindable(const ListenAddress& address) {
  const auto list = resolve(address);
  if (!list.ok()) return list.status();
  int why = EADDRNOTAVAIL;
  for (const addrinfo* a = list->get(); a != nullptr; a = a->ai_next) {
    why = try_bind(*a);
    // A name such as localhost may stand for a family this machine does not have.
    if (why == EADDRNOTAVAIL || why == EAFNOSUPPORT) continue;
    break;
  }
  if (why == 0) return {};
  return unavailable("cannot listen on " + to_string(address) + ": " + std::strerror(why));
}

}  // namespace sluice::hub
