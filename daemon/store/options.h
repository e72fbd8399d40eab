#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "store/file_system.h"
#include "store/types.h"

namespace sluice::storage {

/// `invalid_argument` when no database can be kept like this.
Status check(const StoreOptions& options);

// What the options say, or else the system has.

std::string database_path(const StoreOptions& options);
FileSystem& files_of(const StoreOptions& options);
std::uint64_t random_bits(const StoreOptions& options);
/// Empty when the machine has none; then the epoch is bound to nothing.
std::string machine_id(const StoreOptions& options);

}  // namespace sluice::storage
