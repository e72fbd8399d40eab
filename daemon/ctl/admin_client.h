#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "sluice/v1/admin.pb.h"
#include "sluice/v1/config_admin.pb.h"

namespace sluice::ctl {

inline constexpr int kAdminTimeoutMs = 5000;
/// Of what is rehearsed first, and loads plugins.
inline constexpr int kCheckTimeoutMs = 260'000;
/// The daemon rehearses for two minutes at most, and then waits for reports.
inline constexpr int kPlanTimeoutMs = 200'000;

/// One connection to the daemon's admin socket. It does not reconnect: after an `unavailable` the
/// caller makes a new one. One call at a time; each blocks for at most the time-out.
///
/// Failures: `unavailable` and `deadline_exceeded` when there is no answer, `invalid_argument` for
/// a path that does not fit a socket address.
class AdminClient {
 public:
  static Result<AdminClient> connect(const std::string& socket_path,
                                     int timeout_ms = kAdminTimeoutMs);
  AdminClient(AdminClient&&) noexcept;
  AdminClient& operator=(AdminClient&&) noexcept;
  ~AdminClient();

  Result<v1::Status> status();
  Result<v1::LedgerReport> ledger();
  Result<v1::ListSeriesResponse> series(const v1::ListSeriesRequest& request);
  Result<v1::SeriesStateReport> series_state(const v1::GetSeriesStateRequest& request);
  Result<v1::SeriesGrowth> series_growth(const v1::GetSeriesGrowthRequest& request);
  Result<v1::ListRecentSummariesResponse> recent(const v1::ListRecentSummariesRequest& request);
  Result<v1::ListLateReadingsResponse> late(const v1::ListLateReadingsRequest& request);
  Result<v1::ListRecentEventsResponse> events(const v1::ListRecentEventsRequest& request);
  Result<v1::ListPluginsResponse> plugins();
  Result<v1::ReloadPluginsResponse> reload_plugins(bool begins_anew);
  Result<v1::ApplyConfigResponse> apply_config(const std::string& document);
  /// 0: the one before.
  Result<v1::ApplyConfigResponse> roll_back_config(std::int64_t number);
  /// 0: the one in effect.
  Result<v1::ConfigRevision> config(std::int64_t number);
  Result<v1::ListConfigsResponse> configs(std::uint32_t limit);
  Result<v1::PlanReport> plan(const v1::PlanRequest& request);

 private:
  struct State;
  explicit AdminClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluice::ctl
