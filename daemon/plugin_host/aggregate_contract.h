#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

struct sluice_aggregate;
struct sluice_plugin_descriptor;

namespace sluice {

/// What a plugin says of the aggregate that it supplies; see plugins/api/sluice_aggregate.h.
struct AggregateMetadata {
  struct Result {
    std::string name;
    std::string unit;
    std::string description;
    friend bool operator==(const Result&, const Result&) = default;
  };
  std::string description;
  std::string config_schema;  ///< JSON Schema text, checked
  std::vector<Result> results;
  friend bool operator==(const AggregateMetadata&, const AggregateMetadata&) = default;
};

/// Whether it is within the contract's bounds.
Status check_aggregate(const AggregateMetadata& metadata);

/// The plugin's own table, null when it supplies none. What it says of itself goes to `metadata`.
/// `invalid_argument` when it breaks the contract.
Result<const sluice_aggregate*> read_aggregate(const sluice_plugin_descriptor& descriptor,
                                               AggregateMetadata& metadata);

}  // namespace sluice
