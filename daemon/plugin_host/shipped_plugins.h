#pragma once

#include <string_view>

namespace sluice {

/// Whether a plugin of this name comes with Sluice and is trusted as the daemon itself is.
bool is_shipped_plugin(std::string_view name);

}  // namespace sluice
