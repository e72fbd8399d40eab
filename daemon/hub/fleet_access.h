#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace sluice::hub {

/// Who may change what the fleet runs.
struct FleetAccess {
  enum class Rule {
    anyone,     ///< whoever reaches the port
    operators,  ///< whose client certificate bears one of `operators`
    nobody,     ///< in plaintext from other machines
  };
  Rule rule = Rule::anyone;
  std::vector<std::string> operators;
};

/// `permission_denied` says by which name the caller is known, and what would let it in. `names`
/// are those of its certificate, which was verified; without one there are none.
Status check_access(const FleetAccess& access, const std::vector<std::string>& names);

}  // namespace sluice::hub
