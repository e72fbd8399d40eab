#include "control/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/unique_fd.h"

namespace sluice {
namespace {

Status failure(const char* doing, const std::string& path, int error) {
  return unavailable(std::string("cannot ") + doing + " " + path + ": " + std::strerror(error));
}

Status write_and_sync(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failure("write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fsync(fd) != 0) return failure("sync", path, errno);
  return {};
}

Status sync_folder_of(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return failure("open the folder", folder, errno);
  if (::fsync(fd.get()) != 0) return failure("sync the folder", folder, errno);
  return {};
}

}  // namespace

Result<std::string> read_whole_file(const std::string& path, std::size_t bytes_max) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) return not_found("there is no file " + path);
    return failure("open", path, errno);
  }
  std::string bytes;
  char chunk[16384];
  for (;;) {
    const ssize_t n = ::read(fd.get(), chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failure("read", path, errno);
    if (n == 0) return bytes;
    if (bytes.size() + static_cast<std::size_t>(n) > bytes_max) {
      return invalid_argument(path + " has more than " + std::to_string(bytes_max) +
                              " bytes; is it the right file?");
    }
    bytes.append(chunk, static_cast<std::size_t>(n));
  }
}

Status replace_file(const std::string& path, std::string_view bytes, mode_t mode) {
  std::error_code error;
  const std::filesystem::path there = std::filesystem::canonical(path, error);
  const std::string target = error ? path : there.string();
  if (!error && !std::filesystem::is_regular_file(there, error)) {
    return invalid_argument(path + " is no regular file; give the name of one, or a new name");
  }
  const std::string temporary = target + ".new";
  {
    const UniqueFd fd(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!fd.valid()) return failure("write", temporary, errno);
    // One that a crash left behind has the mode that it was given then.
    if (::fchmod(fd.get(), mode) != 0) return failure("set the mode of", temporary, errno);
    if (Status s = write_and_sync(fd.get(), bytes, temporary); !s.ok()) {
      ::unlink(temporary.c_str());
      return s;
    }
  }
  if (::rename(temporary.c_str(), target.c_str()) != 0) {
    const Status s = failure("replace", target, errno);
    ::unlink(temporary.c_str());
    return s;
  }
  return sync_folder_of(target);
}

Status create_file(const std::string& path, std::string_view bytes, mode_t mode) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd.valid()) {
    if (errno == EEXIST) {
      return already_exists(path + " is there already; give another name, or move it away first");
    }
    return failure("make", path, errno);
  }
  if (Status s = write_and_sync(fd.get(), bytes, path); !s.ok()) {
    ::unlink(path.c_str());
    return s;
  }
  return sync_folder_of(path);
}

}  // namespace sluice
