#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/ledger.h"
#include "model/topic_filter.h"
#include "pipeline/intake.h"
#include "pipeline/spec.h"

namespace sluice {

/// A pipeline of the next config.
struct NextPipeline {
  std::string name;
  std::optional<PipelineSpec> spec;  ///< none: the running one of this name goes on as it is,
  PipelineShares shares;             ///< but with these
};

/// What the store has once all that was handed to it is on flash.
struct DurableState {
  Ledger ledger;
  std::int64_t next_seq = 1;  ///< number of the next outbox row
};

/// Another config that takes over while data flows; see Engine::change_config(). All functions run
/// on the pipeline thread, which waits for them.
struct ConfigChange {
  std::vector<SourceSpec> sources;
  std::function<std::vector<NextPipeline>()> make;
  std::string config;  ///< kept as the checkpoint part "config"
  std::function<DurableState()> durable;
  /// Not null: the sources become others, numbered as in `sources`. Nothing of the former ones
  /// comes any more, and what came is on flash.
  std::function<void()> swap_sources;
};

/// What a change has led to.
struct ConfigOutcome {
  std::vector<std::vector<TopicFilter>> subscribed;  ///< of each source, as Engine::subscribed()
  std::vector<std::string> parked;                   ///< "NAME: why" of those that do not run
};

}  // namespace sluice
