#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice {

/// Text from outside as a message may show it: in single quotes, control characters and bytes that
/// are not UTF-8 as \xNN, cut with "…" past `bytes_max` bytes. Always UTF-8.
std::string shown(std::string_view text, std::size_t bytes_max = 200);

/// The longest head of `text` of at most `bytes_max` bytes that splits no UTF-8 character.
std::string_view utf8_head(std::string_view text, std::size_t bytes_max);

}  // namespace sluice
