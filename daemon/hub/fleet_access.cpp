#include "hub/fleet_access.h"

#include <algorithm>

#include "base/shown_text.h"

namespace sluice::hub {
namespace {

Status denied(std::string message) { return {StatusCode::permission_denied, std::move(message)}; }

std::string list_of(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + shown(name);
  return out.empty() ? "no name" : out;
}

}  // namespace

Status check_access(const FleetAccess& access, const std::vector<std::string>& names) {
  switch (access.rule) {
    case FleetAccess::Rule::anyone: return {};
    case FleetAccess::Rule::nobody:
      return denied(
          "this hub listens in plaintext where other machines reach it, and nobody may change "
          "configs so; give it --tls-cert, --tls-key and --tls-client-ca, and --operator");
    case FleetAccess::Rule::operators: break;
  }
  const bool is_operator = std::any_of(names.begin(), names.end(), [&access](const auto& name) {
    const auto& wanted = access.operators;
    return std::find(wanted.begin(), wanted.end(), name) != wanted.end();
  });
  if (is_operator) return {};
  return denied("the certificate bears " + list_of(names) +
                ", and that is no operator of this hub; start sluice-hub with --operator NAME for "
                "a name of it");
}

}  // namespace sluice::hub
