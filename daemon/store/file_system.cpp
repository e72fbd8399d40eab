#include "store/file_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace sluice {
namespace {

namespace fs = std::filesystem;

Status failure(std::string_view doing, const std::string& path, const std::error_code& error) {
  return unavailable("cannot " + std::string(doing) + " " + path + ": " + error.message());
}

class SystemFiles final : public FileSystem {
 public:
  const char* vfs() const override { return nullptr; }

  Status make_directory(const std::string& dir) override {
    std::error_code error;
    if (fs::is_directory(dir, error)) return {};
    fs::create_directories(dir, error);
    if (error) return failure("make the folder", dir, error);
    fs::permissions(dir, fs::perms::owner_all, error);
    if (error) return failure("close to others the folder", dir, error);
    // SQLite syncs the folder for its files, but nobody the folder's own name: without it a power
    // cut after the first acks could take the whole folder.
    const fs::path whole = fs::absolute(dir, error);
    for (fs::path at = whole.parent_path(); at.has_relative_path(); at = at.parent_path()) {
      static_cast<void>(sync_directory(at.string()).ok());  // not made by us where not ours to read
    }
    return {};
  }

  void close_to_others(const std::string& path) override {
    ::chmod(path.c_str(), S_IRUSR | S_IWUSR);
  }

  std::string birth_mark(const std::string& path) override {
    struct statx file = {};
    if (::statx(AT_FDCWD, path.c_str(), 0, STATX_BTIME, &file) != 0) return {};
    if ((file.stx_mask & STATX_BTIME) == 0) return {};
    return std::to_string(file.stx_btime.tv_sec) + "." + std::to_string(file.stx_btime.tv_nsec);
  }

  bool exists(const std::string& path) override {
    std::error_code error;
    return fs::exists(path, error);
  }

  Status create(const std::string& path) override {
    const std::ofstream file(path, std::ios::trunc);
    return file ? Status() : unavailable("cannot make the file " + path);
  }

  Status rename(const std::string& from, const std::string& to) override {
    std::error_code error;
    fs::rename(from, to, error);
    return error ? failure("rename", from, error) : Status();
  }

  Status remove(const std::string& path) override {
    std::error_code error;
    if (fs::remove(path, error)) return {};
    if (error) return failure("delete", path, error);
    return not_found("there is no " + path);
  }

  std::vector<std::string> list(const std::string& dir) override {
    std::vector<std::string> names;
    std::error_code error;
    fs::directory_iterator entry(dir, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      names.push_back(entry->path().filename().string());
    }
    return names;
  }

  Status sync_directory(const std::string& dir) override {
    const int fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return failure("open the folder", dir, {errno, std::generic_category()});
    const int result = ::fsync(fd);
    const std::error_code error(errno, std::generic_category());
    ::close(fd);
    return result == 0 ? Status() : failure("sync the folder", dir, error);
  }
};

}  // namespace

FileSystem& system_files() {
  static SystemFiles files;
  return files;
}

}  // namespace sluice
