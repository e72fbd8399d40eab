#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "control/control_link.h"
#include "ingest/json_decoder.h"
#include "ingest/mqtt_options.h"
#include "node/state_budget.h"
#include "pipeline/engine.h"
#include "plugin_host/isolation.h"
#include "schema/config_reader.h"
#include "sluice/v1/config.pb.h"
#include "store/types.h"
#include "sync/uplink.h"

namespace sluice {

// From the one config to what each room wants to know. The config has passed schema's checks, so
// what fails here lies with this machine: a file that is not there, a plugin that is missing or
// does not like its config.

IsolationOptions compose_isolation(const v1::Config& config);
StoreOptions compose_store(const v1::Config& config);
EngineOptions compose_engine(const v1::Config& config);
UplinkOptions compose_uplink(const v1::Config& config);
/// To the same hub, with the same credentials.
ControlLink::Options compose_control_link(const v1::Config& config);

Result<std::vector<SourceOptions>> compose_sources(const v1::Config& config);
std::vector<SourceSpec> compose_source_specs(const v1::Config& config);
Result<JsonDecoderOptions> compose_decoder(const v1::Config& config);

/// Loads the plugins. One that cannot be built parks its pipeline; `parked` says why. `budget` is
/// of the whole config.
PipelineSpec compose_pipeline(const v1::Config& config, int index, const StateBudget& budget,
                              SeriesTable& series);
/// As compose_pipeline(), all of them.
std::vector<PipelineSpec> compose_pipelines(const v1::Config& config, SeriesTable& series);

/// As compose_pipelines(), for a node that runs with `running`: pipelines that are the same and
/// have the same plugins go on as they are.
std::vector<NextPipeline> compose_next_pipelines(const v1::Config& running, const v1::Config& next,
                                                 SeriesTable& series);

/// All that this machine makes of the config, without keeping anything: what `sluiced --check`
/// does. Passwords, TLS files (valid at `wall_ns`) and every stage's plugin and config. What is
/// wrong joins `loaded.errors`, with its line.
void check_composition(LoadResult& loaded, std::int64_t wall_ns);

/// Of check_composition() what loads no plugin: sources, the uplink, and their files.
void check_sources(LoadResult& loaded, std::int64_t wall_ns);

}  // namespace sluice
