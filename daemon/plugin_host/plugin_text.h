#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace sluice {

/// A plugin's text, borrowed. Empty when it is NULL, longer than `bytes_max`, or not UTF-8.
std::optional<std::string_view> bounded_text(const char* text, std::size_t bytes_max);

/// The word that names a rule or a condition: [a-z0-9_]{1,64}.
bool is_word(std::string_view text);

}  // namespace sluice
