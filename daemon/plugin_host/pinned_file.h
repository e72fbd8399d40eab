#pragma once

#include <string>
#include <utility>

#include "base/status.h"
#include "base/unique_fd.h"

namespace sluice {

/// A file as it was when it was opened, though another may take its name later. Any thread.
class PinnedFile {
 public:
  /// `not_found` when it cannot be opened.
  static Result<PinnedFile> open(const std::string& path);

  const std::string& path() const { return path_; }
  int fd() const { return fd_.get(); }
  /// Whether the path still leads to it.
  bool has_its_name() const;

 private:
  PinnedFile(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  UniqueFd fd_;
};

}  // namespace sluice
