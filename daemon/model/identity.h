#pragma once

#include <cstdint>
#include <string>

namespace sluice {

/// Who speaks upstream. `epoch` is 128 random bits (32 hex digits) bound to this machine and this
/// database: another machine-id, a rebuilt or a rewound database mean a new one.
struct Identity {
  std::string node;
  std::string epoch;
  friend bool operator==(const Identity&, const Identity&) = default;
};

}  // namespace sluice
