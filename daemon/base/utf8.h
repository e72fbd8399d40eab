#pragma once

#include <cstddef>
#include <string_view>

namespace sluice {

/// Bytes of the character that `s` starts with; 0 when it is not valid UTF-8 (RFC 3629).
inline std::size_t utf8_character_bytes(std::string_view s) {
  const auto byte = [s](std::size_t i) {
    return i < s.size() ? static_cast<unsigned char>(s[i]) : 0u;
  };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned first = byte(0);
  if (s.empty() || (first >= 0x80 && first < 0xC2) || first > 0xF4) return 0;
  if (first < 0x80) return 1;
  if (first < 0xE0) return tail(1) ? 2 : 0;
  if (first < 0xF0) {
    if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F)) return 0;
    return tail(1) && tail(2) ? 3 : 0;
  }
  if ((first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F)) return 0;
  return tail(1) && tail(2) && tail(3) ? 4 : 0;
}

inline bool is_utf8(std::string_view s) {
  while (!s.empty()) {
    const std::size_t bytes = utf8_character_bytes(s);
    if (bytes == 0) return false;
    s.remove_prefix(bytes);
  }
  return true;
}

}  // namespace sluice
