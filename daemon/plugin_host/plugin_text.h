#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

/// A plugin's text, borrowed. Empty when it is NULL, longer than `bytes_max`, or not UTF-8.
std::optional<std::string_view> bounded_text(const char* text, std::size_t bytes_max);

/// A copy, to be checked later: NULL is "", and of a text that is longer than `bytes_max` there is
/// one byte too many.
std::string copy_text(const char* text, std::size_t bytes_max);

/// Whether it has 1 to `bytes_max` bytes.
bool has_bytes(std::string_view text, std::size_t bytes_max);

}  // namespace sluice
