#pragma once

#include <memory>
#include <vector>

#include "aggregate/plugin_aggregate.h"
#include "base/status.h"
#include "pipeline/civil_grid.h"
#include "pipeline/spec.h"
#include "sluice/v1/config.pb.h"

namespace sluice {

// The windows of a config, which has passed schema's checks. What fails here lies with this
// machine: a time zone that it does not know, a plugin that is missing or does not like its config.

/// Null: by UTC.
Result<std::shared_ptr<const CivilGrid>> compose_civil(const v1::WindowConfig& window);

/// Loads the plugins of a window's `aggregates.plugins`, one result for each. They run in this
/// process, so one that does not come with Sluice must be allowed to: `invalid_argument` otherwise,
/// and for one that is there twice, however its config is written.
std::vector<Result<std::shared_ptr<const AggregateType>>> compose_aggregates(
    const v1::Config& config, int pipeline, int window);

/// `missing`: not ok when something is; the pipeline cannot run then, though the windows that it
/// has can be closed.
WindowSpec compose_window(const v1::Config& config, int pipeline, int window, Status& missing);

}  // namespace sluice
