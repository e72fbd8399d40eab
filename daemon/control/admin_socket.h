#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/status.h"

namespace sluice {

/// Who is at the other end of a unix socket, in the kernel's words.
struct Peer {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  std::vector<gid_t> groups;  ///< supplementary ones
};

/// Of a connected unix socket (SO_PEERCRED, SO_PEERGROUPS: as of its connect()).
Result<Peer> peer_of(int fd);

/// Root, our own user, and members of the socket's group.
bool may_use_admin(const Peer& peer, uid_t own_uid, gid_t socket_group);

/// A listening unix socket in the file system that belongs to one process at a time: a lock on
/// `<path>.lock`, which the kernel drops with the process, says who owns it.
///
/// The socket file has mode 0660 and goes when this object goes; the lock file stays.
class AdminSocket {
 public:
  /// Creates the folder of `path` (0750) when it is missing and replaces the socket file of a dead
  /// process. `already_exists` when a live one has it, `invalid_argument` for a path that does not
  /// fit a socket address, `failed_precondition` when the system refuses.
  static Result<AdminSocket> open(const std::string& path);

  AdminSocket(AdminSocket&& other) noexcept;
  AdminSocket& operator=(AdminSocket&&) = delete;
  ~AdminSocket();

  /// Listening, non-blocking, close-on-exec.
  int fd() const { return listen_fd_; }
  gid_t group() const { return group_; }

 private:
  AdminSocket(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}
  Status listen();

  std::string path_;
  int lock_fd_ = -1;
  int listen_fd_ = -1;
  gid_t group_ = 0;
};

}  // namespace sluice
