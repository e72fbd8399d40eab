#pragma once

#include <string>
#include <string_view>

namespace sluice {

/// SHA-256 (FIPS 180-4), 32 bytes.
std::string sha256(std::string_view bytes);

/// Two lower-case hex digits a byte.
std::string hex(std::string_view bytes);

}  // namespace sluice
