#pragma once

#include "base/status.h"

namespace sluice {

namespace v1 {
class LedgerReport;
class ListLateReadingsRequest;
class ListLateReadingsResponse;
class GetSeriesGrowthRequest;
class GetSeriesStateRequest;
class ListPluginsResponse;
class ListRecentEventsRequest;
class ListRecentEventsResponse;
class ListRecentSummariesRequest;
class ListRecentSummariesResponse;
class ListSeriesRequest;
class ListSeriesResponse;
class SeriesGrowth;
class SeriesStateReport;
class ReloadPluginsRequest;
class ReloadPluginsResponse;
class Status;
class PlanReport;
class PlanRequest;
}  // namespace v1

/// What the running node tells about itself. Real: node. The message types are those of
/// sluice/v1/admin.pb.h, which callers and implementations include themselves.
///
/// Thread: any, several calls at once. A call must not wait for the store or the network: it copies
/// what the node last knew.
class NodeView {
 public:
  virtual ~NodeView() = default;
  virtual v1::Status status() = 0;
  virtual v1::LedgerReport ledger() = 0;
  /// `limit` comes resolved: 1..kSeriesLimitMax. Empty `measurement`: every series.
  virtual v1::ListSeriesResponse series(const v1::ListSeriesRequest& request) = 0;
  /// Newest first. `limit` comes resolved: 1..kRecentLimitMax. Empty `pipeline`: every pipeline.
  virtual v1::ListRecentSummariesResponse recent(const v1::ListRecentSummariesRequest& request) = 0;
  /// As recent().
  virtual v1::ListLateReadingsResponse late(const v1::ListLateReadingsRequest& request) = 0;
  /// As recent().
  virtual v1::ListRecentEventsResponse events(const v1::ListRecentEventsRequest& request) = 0;
  /// `limit` comes resolved: 1..kSeriesStateLimitMax. Waits for the pipelines to look, some tenths
  /// of a second; `unavailable` when they do not.
  virtual Status series_state(const v1::GetSeriesStateRequest& request,
                              v1::SeriesStateReport& out) = 0;
  /// `limit` comes resolved: 1..kSeriesGrowthLimitMax.
  virtual v1::SeriesGrowth series_growth(const v1::GetSeriesGrowthRequest& request) = 0;
  virtual v1::ListPluginsResponse plugins() = 0;
  /// Loads the plugins' files anew and replaces the pipelines' stages, one pipeline after the
  /// other. The pipelines wait meanwhile. `unavailable` when they are too busy,
  /// `failed_precondition` when it cannot be done now.
  virtual Status reload_plugins(const v1::ReloadPluginsRequest& request,
                                v1::ReloadPluginsResponse& out) = 0;
  /// Waits for the rehearsals, some minutes at most. A candidate that is no config is no failure;
  /// `resource_exhausted` while another plan is made, `unavailable` when there can be none.
  virtual Status plan_config(const v1::PlanRequest& request, v1::PlanReport& out) = 0;
};

}  // namespace sluice
