#pragma once

#include <string>
#include <vector>

#include "sluice/v1/config.pb.h"
#include "sluice/v1/plan.pb.h"

namespace sluice {

/// The keys in which two messages of the config differ, as YAML has them, e.g.
/// "windows[0].tumbling"; an item that only one has is named itself. At most kChangedKeysMax, then
/// "…".
std::vector<std::string> changed_keys(const google::protobuf::Message& before,
                                      const google::protobuf::Message& after);
inline constexpr std::size_t kChangedKeysMax = 50;

/// Fills in what changes: pipelines by name, plugins by what uses them, and the keys beside.
void diff_configs(const v1::Config& before, const v1::Config& after, v1::PlanReport& out);

}  // namespace sluice
