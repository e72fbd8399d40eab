#pragma once

#include <string_view>

namespace sluice {

/// A JSON object in the one form in which a node writes a plugin's config: no space outside of
/// strings, the keys of each object sorted, each once, and at most 32 levels. How a number or a
/// character is written is not looked at, for the plugin's host and the config's reader differ
/// there; nor where a key with escapes stands.
bool is_canonical_object(std::string_view json);

}  // namespace sluice
