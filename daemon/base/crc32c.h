#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4); `seed` continues an earlier result.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed = 0);

}  // namespace sluice
