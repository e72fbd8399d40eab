#pragma once

#include "base/status.h"
#include "hub/sqlite.h"

namespace sluice::hub {

/// Brings an open database to the schema of this program: durable settings, then every migration
/// that is missing, each in its own transaction. `failed_precondition` when the file belongs to
/// another program or to a newer sluice-hub; it is left as it was then.
Status prepare_hub_schema(Database& database);

}  // namespace sluice::hub
