#include "plugin_host/pinned_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace sluice {

Result<PinnedFile> PinnedFile::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return not_found(path + ": cannot be opened: " + std::strerror(errno));
  return PinnedFile(path, std::move(fd));
}

bool PinnedFile::has_its_name() const {
  struct stat pinned {};
  struct stat named {};
  return ::fstat(fd_.get(), &pinned) == 0 && ::stat(path_.c_str(), &named) == 0 &&
         pinned.st_dev == named.st_dev && pinned.st_ino == named.st_ino;
}

}  // namespace sluice
