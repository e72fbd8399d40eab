#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace sluice {

inline constexpr std::uint64_t kVersionMax = 0x7FFF'FFFF'FFFF'FFFF;
/// How far above the last version the next one may be. A stolen key could otherwise sign the
/// highest number there is, above which nothing can ever be accepted.
inline constexpr std::uint64_t kVersionStepMax = std::uint64_t{1} << 32;

/// Whether `version` may follow `floor`, the highest that was accepted. `what` begins the message,
/// e.g. "config".
Status check_version(const std::string& what, std::uint64_t version, std::uint64_t floor);

/// The highest version that was ever accepted of one kind, in a file of its own beside the
/// database: a database that is restored from a backup, or damaged and begun anew, does not set it
/// back.
///
/// One line of text with a CRC-32C, which has one form only: a file that differs from it in any bit
/// is damaged. Replaced as a whole. One writer at a time.
class VersionFloor {
 public:
  /// What is counted is part of the file, so that two files cannot be mistaken for each other.
  enum class Kind { config, key_set };

  /// `folder` must be there: the folder of the node's database.
  VersionFloor(const std::string& folder, Kind kind);

  /// 0 when there is no file: nothing was accepted yet. `data_loss` when it is damaged, which is
  /// not the same as nothing.
  Result<std::uint64_t> read() const;
  /// Durable on return. A version that is not above what is there changes nothing, and a damaged
  /// file is not written over.
  Status raise(std::uint64_t version) const;

  const std::string& path() const { return path_; }

 private:
  Kind kind_;
  std::string path_;
};

}  // namespace sluice
