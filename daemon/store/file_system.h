#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace sluice {

/// The disk as the store sees it: an SQLite VFS for the database, and the few things the store does
/// to files by itself. There are two: the system's, and the tests' simulated disk, whose power can
/// be cut. Names are durable after sync_directory() only, in any order before. [store]
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  /// Name of the SQLite VFS that opens these files; null: SQLite's own.
  virtual const char* vfs() const = 0;
  /// Makes the folder (mode 0700) and its parents, when missing, and their names durable.
  virtual Status make_directory(const std::string& dir) = 0;
  /// Mode 0600, for a file that is there.
  virtual void close_to_others(const std::string& path) = 0;
  /// When the file came into being, which no copy of it shares; empty where that is not known.
  virtual std::string birth_mark(const std::string& path) {
    static_cast<void>(path);
    return {};
  }
  virtual bool exists(const std::string& path) = 0;
  /// Makes an empty file; one that is there becomes empty.
  virtual Status create(const std::string& path) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  /// Fails also when there is none.
  virtual Status remove(const std::string& path) = 0;
  /// Names in the folder, in no order; none when it cannot be read.
  virtual std::vector<std::string> list(const std::string& dir) = 0;
  virtual Status sync_directory(const std::string& dir) = 0;
};

/// The system's files, with SQLite's default VFS. Stateless.
FileSystem& system_files();

}  // namespace sluice
