#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "aggregate/plugin_aggregate.h"
#include "ctl/plugin_trial.h"
#include "ctl/reading_line.h"
#include "plugin_host/aggregate_ability.h"

namespace sluice::ctl {

struct AggregateAnswer {
  std::string text;
  std::uint64_t failures = 0;  ///< calls that failed, and series that have no results for it
};

/// What the readings of each series come to, in a table or as JSON. Of a series each `batch_size`
/// readings are a window, as if of a node; the windows merge in the end, as a hub does it, and with
/// `restarts` each by way of its bytes. `metadata` is the type's.
AggregateAnswer try_aggregate(const TrialOptions& options,
                              const std::shared_ptr<const AggregateType>& type,
                              const AggregateMetadata& metadata,
                              const std::vector<ReadingLine>& readings);

}  // namespace sluice::ctl
