#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"

namespace sluice {

// Small files that must be whole or not be there, whenever the power goes. Any thread; one writer a
// path at a time.

/// All of it. `not_found` when there is none, `invalid_argument` when it has more than `bytes_max`
/// bytes, `unavailable` when it cannot be read.
Result<std::string> read_whole_file(const std::string& path, std::size_t bytes_max);

/// Puts `bytes` in the place of the file, or there anew: after a crash at any moment the old
/// content is there or the new, and once this has returned the new. Written first as `path`.new,
/// which a crash may leave behind and the next call takes over. A link is followed; what is no
/// regular file is refused.
Status replace_file(const std::string& path, std::string_view bytes, mode_t mode);

/// A new file, durable. `already_exists` when there is something of this name.
Status create_file(const std::string& path, std::string_view bytes, mode_t mode);

}  // namespace sluice
