#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace sluice::fault {

/// A folder of its own, in memory where the system has that, gone at the end: for files whose
/// flushes are not what is tested.
class MemoryFolder {
 public:
  MemoryFolder() {
    namespace fs = std::filesystem;
    const fs::path parent = fs::exists("/dev/shm") ? "/dev/shm" : fs::temp_directory_path();
    std::string pattern = (parent / "sluice-fault.XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~MemoryFolder() { std::filesystem::remove_all(path_); }
  MemoryFolder(const MemoryFolder&) = delete;
  MemoryFolder& operator=(const MemoryFolder&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace sluice::fault
