#pragma once

#include <cstdint>

#include "base/status.h"
#include "hub/sqlite.h"

namespace sluice::hub {

/// Column pane.largest_gap_ns of a node that did not say.
inline constexpr std::int64_t kGapUnknown = -1;

/// Brings an open database to the schema of this program: durable settings, then every migration
/// that is missing, each in its own transaction. `failed_precondition` when the file belongs to
/// another program or to a newer sluice-hub; it is left as it was then.
Status prepare_hub_schema(Database& database);

}  // namespace sluice::hub
