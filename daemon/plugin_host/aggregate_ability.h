#pragma once

#include <string>
#include <vector>

#include "base/status.h"

struct sluice_aggregate;
struct sluice_plugin_descriptor;

namespace sluice {

/// What a plugin says of the aggregate that it supplies; see plugins/api/sluice_aggregate.h.
struct AggregateMetadata {
  struct Number {
    std::string name;
    std::string unit;
    std::string description;
  };
  std::string description;
  std::string config_schema;  ///< JSON Schema text, checked
  std::vector<Number> results;
};

/// Whether it is within the contract's bounds. Any thread.
Status check_aggregate(const AggregateMetadata& metadata);

/// The ability `sluice.aggregate/1` of a plugin, null when it has none; in the plugin's own memory.
/// `invalid_argument` for one that is smaller than version 1, lacks a function, or has a wrong
/// number of results. What it says is not checked yet.
Result<const sluice_aggregate*> find_aggregate(const sluice_plugin_descriptor& plugin);

/// What it says, copied, to be checked.
AggregateMetadata describe_aggregate(const sluice_aggregate& aggregate);

}  // namespace sluice
