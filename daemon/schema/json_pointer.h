#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::schema {

/// RFC 6901: empty, or parts that each begin with `/`, in which `~` occurs as `~0` and `~1` only.
bool is_json_pointer(std::string_view text);

/// The last part, unescaped; empty for the empty pointer. `pointer` must be one.
std::string last_part(std::string_view pointer);

}  // namespace sluice::schema
