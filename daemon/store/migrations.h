#pragma once

#include <cstdint>

#include "base/status.h"
#include "store/database.h"

namespace sluice::storage {

/// In the header of every database of ours ("SLCE"); another one's file is not touched.
inline constexpr std::int64_t kApplicationId = 0x534C4345;

/// The schema this program writes: PRAGMA user_version after all steps.
std::int64_t schema_version();

/// Brings the schema up to date, each step in a transaction of its own, so that a kill leaves a
/// version that the next start goes on from. `failed_precondition` when the database is newer than
/// this program, `data_loss` when it is not ours at all.
Status migrate(Database& database);

}  // namespace sluice::storage
