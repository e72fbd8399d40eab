#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "sluice/v1/signed_config.pb.h"

// What `config sign` and `hub push` ask of a config before it leaves for gateways.

namespace sluice::ctl {

/// For which gateways, as given on the command line.
struct TargetArguments {
  std::string node;
  std::vector<std::string> groups;
  std::vector<std::string> labels;  ///< NAME=VALUE
  bool everyone = false;
};

/// `invalid_argument` for one that is not NAME=VALUE or that is there twice.
Result<std::map<std::string, std::string>> labels_of(const std::vector<std::string>& written);
/// `invalid_argument` unless it is given in one way.
Result<v1::ConfigTarget> target_of(const TargetArguments& a);

/// Whether the config passes as one that comes to a gateway, of this name when it is for one alone.
/// Says on stderr what is wrong; sections that belong to the machine are.
bool passes_as_pushed(const std::string& text, const std::string& file, const std::string& node);

}  // namespace sluice::ctl
