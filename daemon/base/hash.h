#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

/// FNV-1a, 64 bit, with a final mix. Stable for ever: fingerprints and spec hashes are stored.
constexpr std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0xCBF29CE484222325ull) {
  std::uint64_t h = seed;
  for (const char c : bytes) {
    h ^= static_cast<unsigned char>(c);
    h *= 0x100000001B3ull;
  }
  h ^= h >> 33;
  h *= 0xFF51AFD7ED558CCDull;
  h ^= h >> 33;
  return h;
}

}  // namespace sluice
