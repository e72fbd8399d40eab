#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "ingest/json_decoder.h"
#include "ingest/mqtt_options.h"
#include "pipeline/engine.h"
#include "sluice/v1/config.pb.h"
#include "store/types.h"
#include "sync/uplink.h"

namespace sluice {

// From the one config to what each room wants to know. The config has passed schema's checks; what
// only a room can judge (topic patterns, plugin configs) is judged here, with the key in the
// message.

StoreOptions compose_store(const v1::Config& config);
EngineOptions compose_engine(const v1::Config& config);
UplinkOptions compose_uplink(const v1::Config& config);

Result<std::vector<SourceOptions>> compose_sources(const v1::Config& config);
std::vector<SourceSpec> compose_source_specs(const v1::Config& config);
Result<JsonDecoderOptions> compose_decoder(const v1::Config& config);

/// Loads the plugins. One that cannot be built parks its pipeline; `parked` says why.
std::vector<PipelineSpec> compose_pipelines(const v1::Config& config, SeriesTable& series);

/// All of the above that can fail, without keeping anything: what `sluiced --check` does.
std::vector<std::string> check_composition(const v1::Config& config);

}  // namespace sluice
