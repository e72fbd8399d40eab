#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "ctl/hub_channel.h"
#include "sluice/v1/fleet.pb.h"

namespace sluice::ctl {

/// A config of 1 MiB goes over a slow line.
inline constexpr int kFleetTimeoutMs = 30'000;
/// The hub gives a plan up after 220 s.
inline constexpr int kHubPlanTimeoutMs = 230'000;

/// What people ask of a fleet, at its hub. As HubClient.
class FleetClient {
 public:
  static Result<FleetClient> make(const HubAddress& address);
  FleetClient(FleetClient&&) noexcept;
  FleetClient& operator=(FleetClient&&) noexcept;
  ~FleetClient();

  Result<v1::PushConfigResponse> push(const v1::PushConfigRequest& request);
  Result<v1::WithdrawConfigResponse> withdraw(std::uint64_t offer_id);
  Result<v1::PushKeySetResponse> push_keys(const std::string& chain);
  Result<v1::ListConfigPushesResponse> pushes(std::uint32_t limit);
  /// Empty: all.
  Result<v1::ListNodeConfigsResponse> nodes(const std::string& node);
  Result<v1::PlanReport> plan(const v1::PlanConfigRequest& request);

 private:
  struct State;
  explicit FleetClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluice::ctl
