#include "control/admin_socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59  // Linux 4.13; older C library headers lack it
#endif

namespace sluice {
namespace {

constexpr mode_t kSocketMode = 0660;
constexpr mode_t kDirMode = 0750;
constexpr int kBacklog = 16;
constexpr std::size_t kPeerGroupsMax = 65536;  // NGROUPS_MAX of Linux

std::string because(const std::string& what, int error) {
  return what + ": " + std::strerror(error);
}

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return invalid_argument("the path of the admin socket has " + std::to_string(path.size()) +
                            " bytes, a unix socket takes 1 to " +
                            std::to_string(sizeof address.sun_path - 1) + ": " + path +
                            " (choose a shorter node.run_dir)");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Status make_dir(const std::string& path) {
  const std::string dir = std::filesystem::path(path).parent_path().string();
  if (dir.empty()) return Status();
  if (::mkdir(dir.c_str(), kDirMode) == 0) {
    // The umask may have taken the group's bits away.
    if (::chmod(dir.c_str(), kDirMode) == 0) return Status();
  } else if (errno == EEXIST) {
    return Status();
  }
  return failed_precondition(
      because("cannot create the folder " + dir + " of the admin socket", errno) +
      " (create it or choose another node.run_dir)");
}

Result<int> take_lock(const std::string& path) {
  const std::string file = path + ".lock";
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return failed_precondition(because("cannot open " + file, errno) +
                               " (the daemon's user needs write access to the folder)");
  }
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const int error = errno;
  ::close(fd);
  if (error == EWOULDBLOCK) {
    return already_exists("another sluiced owns " + path +
                          ": stop it first or choose another node.run_dir");
  }
  return failed_precondition(because("cannot lock " + file, error));
}

/// Under our lock a socket file is left over from a dead daemon, unless a program that knows
/// nothing of the lock listens on it.
Status remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat entry {};
  if (::lstat(path.c_str(), &entry) != 0) {
    if (errno == ENOENT) return Status();
    return failed_precondition(because("cannot look at " + path, errno));
  }
  if (!S_ISSOCK(entry.st_mode)) {
    return already_exists(path +
                          " is there and is no socket: remove it or choose another node.run_dir");
  }
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failed_precondition(because("cannot create a socket", errno));
  const int connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::close(fd);
  if (connected == 0 || error != ECONNREFUSED) {
    return already_exists("a live program listens at " + path +
                          ": stop it first or choose another node.run_dir");
  }
  if (::unlink(path.c_str()) != 0) {
    return failed_precondition(because("cannot remove the stale socket " + path, errno));
  }
  return Status();
}

}  // namespace

Result<Peer> peer_of(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return internal_error(because("no peer credentials", errno));
  }
  Peer peer{credentials.uid, credentials.gid, credentials.pid, {}};
  peer.groups.resize(64);
  for (;;) {
    size = static_cast<socklen_t>(peer.groups.size() * sizeof(gid_t));
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &size) == 0) break;
    const std::size_t needed = size / sizeof(gid_t);
    if (errno != ERANGE || needed <= peer.groups.size() || needed > kPeerGroupsMax) {
      size = 0;  // a kernel without it: the primary group alone counts
      break;
    }
    peer.groups.resize(needed);
  }
  peer.groups.resize(size / sizeof(gid_t));
  return peer;
}

bool may_use_admin(const Peer& peer, uid_t own_uid, gid_t socket_group) {
  if (peer.uid == 0 || peer.uid == own_uid || peer.gid == socket_group) return true;
  return std::find(peer.groups.begin(), peer.groups.end(), socket_group) != peer.groups.end();
}

Result<AdminSocket> AdminSocket::open(const std::string& path) {
  const auto address = address_of(path);
  if (!address.ok()) return address.status();
  if (Status s = make_dir(path); !s.ok()) return s;
  const auto lock_fd = take_lock(path);
  if (!lock_fd.ok()) return lock_fd.status();
  AdminSocket socket(path, *lock_fd);
  if (Status s = remove_stale(path, *address); !s.ok()) return s;
  if (Status s = socket.listen(); !s.ok()) return s;
  return socket;
}

AdminSocket::AdminSocket(AdminSocket&& other) noexcept
    : path_(std::move(other.path_)),
      lock_fd_(std::exchange(other.lock_fd_, -1)),
      listen_fd_(std::exchange(other.listen_fd_, -1)),
      group_(other.group_) {}

AdminSocket::~AdminSocket() {
  if (listen_fd_ >= 0) {
    ::unlink(path_.c_str());
    ::close(listen_fd_);
  }
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

Status AdminSocket::listen() {
  const auto address = address_of(path_);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failed_precondition(because("cannot create a socket", errno));
  // The mode of the socket before bind() is that of the file (less the umask), so there is no
  // moment at which the file is open to others; the second call gives back what the umask took.
  const bool bound =
      ::fchmod(fd, kSocketMode) == 0 &&
      ::bind(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof(sockaddr_un)) == 0;
  if (!bound) {
    const Status failure = failed_precondition(because("cannot create the socket " + path_, errno));
    ::close(fd);
    return failure;
  }
  listen_fd_ = fd;
  struct stat entry {};
  if (::chmod(path_.c_str(), kSocketMode) != 0 || ::lstat(path_.c_str(), &entry) != 0 ||
      ::listen(fd, kBacklog) != 0) {
    return failed_precondition(because("cannot listen at " + path_, errno));
  }
  group_ = entry.st_gid;
  return Status();
}

}  // namespace sluice
