#pragma once

#include <string>

#include "sluice/v1/config.pb.h"

namespace sluice {

/// The config as YAML with every key in its place, defaults included: what is in force. Reading it
/// back gives an equal config. Any thread.
std::string write_config(const v1::Config& config);

}  // namespace sluice
