#pragma once

#include <string>

#include "sluice/v1/fleet.pb.h"

// What a hub says of a fleet's configs, as tables for people. Pure.

namespace sluice::ctl {

std::string config_pushes_text(const v1::ListConfigPushesResponse& response);
std::string node_configs_text(const v1::ListNodeConfigsResponse& response);

/// "gw-1: rolled back: …", one line.
std::string offer_state_line(const v1::NodeConfigStatus& node);

}  // namespace sluice::ctl
