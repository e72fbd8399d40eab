#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "model/ports.h"
#include "model/series.h"
#include "plugin_host/isolation.h"

namespace sluice {

/// What it takes to run one plugin as one stage.
struct StageOptions {
  std::string dir;          ///< folder of the .so files
  std::string plugin;       ///< NAME.so is loaded
  std::string stage;        ///< name in ledgers; empty: the plugin's
  std::string config_json;  ///< an object; empty: {}
  std::string pipeline;     ///< for logs
  std::string where;        ///< start of error messages, e.g. "pipelines[0].stages[1]"
  SeriesTable& series;      ///< outlives the stage
  /// Set: the plugin runs in a process of its own. Else in ours, where it is trusted.
  const IsolationOptions* isolation = nullptr;
  const Clock* clock = nullptr;    ///< for that; null: the kernel's. Outlives the stage
  bool passes_on_failure = false;  ///< see Stage
};

/// Loads the plugin, checks the config against its schema, fills in defaults and builds an
/// instance. Also the way to validate a config: build it and throw it away.
///
/// `invalid_argument`, e.g. `pipelines[0].stages[1] (deadband): config.absolute: expected a number
/// >= 0, got "abc"`; `not_found` and `failed_precondition` as PluginLibrary::open.
///
/// An isolated plugin whose process dies, hangs or answers nonsense costs the call, see
/// IsolatedInstance; what happened also comes as an event, beside the failure of the call.
///
/// The stage holds its library; the code is unloaded with the last stage that uses it. A snapshot
/// is only restored into a stage that has not processed anything; a failed restore leaves the
/// stage unusable. `process` and `on_time` fail with `internal`, naming plugin and broken promise;
/// what a failed call said is discarded, what was held before stays held. An empty batch is not
/// shown to the plugin. The held readings are part of the snapshot.
Result<std::unique_ptr<Stage>> make_stage(const StageOptions& options);

}  // namespace sluice
