#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::schema {

/// Index of the first byte that is not part of well-formed UTF-8 (RFC 3629) or that is a control
/// character other than tab; `text.size()` when there is none.
std::size_t first_bad_utf8(std::string_view text);

}  // namespace sluice::schema
