#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ctl/output.h"

// `config sign` and `config verify`: what goes into a signed config, and what a gateway would say
// of one.

namespace sluice::ctl {

struct SigningArguments {
  std::string file;
  std::string key_file;
  std::uint64_t version = 0;
  std::string node;
  std::vector<std::string> groups;
  std::vector<std::string> labels;  ///< NAME=VALUE
  bool everyone = false;
  std::int64_t not_before_ns = 0;
  std::string out_file;  ///< empty: `file`.signed
  std::string trust_dir;
  std::string state_dir;
  std::uint64_t floor = 0;
  std::int64_t at_ns = 0;  ///< 0: now
  std::string payload_file;
  bool json = false;
};

/// kExitUsage for a config that does not pass, with its errors, and for one with sections that
/// belong to the machine.
ExitCode sign_config_file(const SigningArguments& a);

/// kExitOk when a gateway would take it, kExitBadAnswer when not. Without `node`, groups and labels
/// nobody is asked for whom it is.
ExitCode verify_config_file(const SigningArguments& a);

}  // namespace sluice::ctl
