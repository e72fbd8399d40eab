#include "plugin_host/plugin_text.h"

#include <algorithm>
#include <cstring>

#include "base/utf8.h"
#include "sluice_plugin.h"

namespace sluice {

std::optional<std::string_view> bounded_text(const char* text, std::size_t bytes_max) {
  if (text == nullptr) return std::nullopt;
  const std::string_view all(text, strnlen(text, bytes_max + 1));
  if (all.size() > bytes_max) return std::nullopt;
  for (std::string_view rest = all; !rest.empty();) {
    const std::size_t n = utf8_character_bytes(rest);
    if (n == 0) return std::nullopt;
    rest.remove_prefix(n);
  }
  return all;
}

std::string copy_text(const char* text, std::size_t bytes_max) {
  return text == nullptr ? std::string() : std::string(text, strnlen(text, bytes_max + 1));
}

bool has_bytes(std::string_view text, std::size_t bytes_max) {
  return !text.empty() && text.size() <= bytes_max;
}

}  // namespace sluice
