#include "ingest/own_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
#include <filesystem>
#include <string>
#include <system_error>

namespace sluice {
namespace {

using Query = int (*)(int, sockaddr*, socklen_t*);

bool has_address(Query query, int fd, const sockaddr_in& wanted) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (query(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return false;
  if (storage.ss_family != AF_INET) return false;
  const auto& address = reinterpret_cast<const sockaddr_in&>(storage);
  return address.sin_port == wanted.sin_port && address.sin_addr.s_addr == wanted.sin_addr.s_addr;
}

}  // namespace

Result<int> find_own_peer(int accepted) {
  sockaddr_in near{};
  sockaddr_in far{};
  socklen_t near_size = sizeof near;
  socklen_t far_size = sizeof far;
  if (::getsockname(accepted, reinterpret_cast<sockaddr*>(&near), &near_size) != 0 ||
      ::getpeername(accepted, reinterpret_cast<sockaddr*>(&far), &far_size) != 0) {
    return unavailable("the peer has hung up");
  }
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const std::string name = entry.path().filename();
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    if (has_address(&::getsockname, fd, far) && has_address(&::getpeername, fd, near)) return fd;
  }
  if (error) return unavailable("cannot list /proc/self/fd: " + error.message());
  return Status(StatusCode::permission_denied, "another process connected");
}

}  // namespace sluice
