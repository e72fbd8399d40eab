#pragma once

#include <cstddef>
#include <string_view>

namespace sluice {

inline constexpr std::size_t kNameBytesMax = 64;

/// The word that names a rule, a condition or a result: [a-z0-9_]{1,64}.
bool is_word(std::string_view text);

/// [A-Za-z0-9._-]{1,64} that begins with no dot: `name`.so is a file of the plugin folder itself.
bool is_plugin_name(std::string_view text);

}  // namespace sluice
