#include "control/version_floor.h"

#include <charconv>
#include <cstdio>

#include "base/crc32c.h"
#include "control/durable_file.h"

namespace sluice {
namespace {

constexpr std::size_t kFileBytesMax = 256;

const char* name_of(VersionFloor::Kind kind) {
  return kind == VersionFloor::Kind::config ? "config_version" : "key_set_version";
}

/// "config_version 42 crc32c 1a2b3c4d\n".
std::string line_of(VersionFloor::Kind kind, std::uint64_t version) {
  std::string line = std::string(name_of(kind)) + " " + std::to_string(version);
  char checksum[24];
  std::snprintf(checksum, sizeof checksum, " crc32c %08x\n", crc32c(line));
  return line + checksum;
}

/// The number after the first blank; anything else is found out by writing it again.
std::uint64_t number_in(const std::string& line) {
  const std::size_t blank = line.find(' ');
  std::uint64_t version = 0;
  if (blank != std::string::npos) {
    std::from_chars(line.data() + blank + 1, line.data() + line.size(), version);
  }
  return version;
}

}  // namespace

Status check_version(const std::string& what, std::uint64_t version, std::uint64_t floor) {
  const std::string named = what + " version " + std::to_string(version);
  if (version == 0 || version > kVersionMax) {
    return invalid_argument(named + " is out of range; sign it with a number from 1 to 2^63-1");
  }
  const std::string accepted = std::to_string(floor) + ", the highest that was accepted here";
  if (version <= floor) {
    return failed_precondition(named + " is not above " + accepted +
                               ": an old one, or the same again; to go back to an old content, "
                               "sign it with a higher number");
  }
  if (version - floor > kVersionStepMax) {
    return failed_precondition(named + " is more than 2^32 above " + accepted +
                               ": numbers like this would soon be used up; sign it with a lower "
                               "one");
  }
  return {};
}

VersionFloor::VersionFloor(const std::string& folder, Kind kind)
    : kind_(kind), path_(folder + "/" + name_of(kind)) {}

Result<std::uint64_t> VersionFloor::read() const {
  const auto line = read_whole_file(path_, kFileBytesMax);
  if (!line.ok() && line.status().code() == StatusCode::not_found) return std::uint64_t{0};
  if (!line.ok() && line.status().code() != StatusCode::invalid_argument) return line.status();
  if (line.ok()) {
    const std::uint64_t version = number_in(*line);
    if (version >= 1 && version <= kVersionMax && *line == line_of(kind_, version)) return version;
  }
  return data_loss(path_ +
                   " is damaged, so it does not tell which version was the highest that was "
                   "accepted here; until it is deleted nothing newer is accepted. Before that, see "
                   "to it that nobody can send this node something old");
}

Status VersionFloor::raise(std::uint64_t version) const {
  if (version > kVersionMax) {
    return invalid_argument("version " + std::to_string(version) + " is out of range");
  }
  const auto floor = read();
  if (!floor.ok()) return floor.status();
  if (version <= *floor) return {};
  return replace_file(path_, line_of(kind_, version), 0600);
}

}  // namespace sluice
