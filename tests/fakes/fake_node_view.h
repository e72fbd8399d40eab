#pragma once

#include <algorithm>
#include <string>

#include "base/mutex.h"
#include "control/node_view.h"
#include "sluice/v1/admin.pb.h"

namespace sluice {

/// A node whose answers the test writes. Any thread.
class FakeNodeView final : public NodeView {
 public:
  v1::Status status() override {
    MutexLock lock(mutex_);
    return status_;
  }
  v1::LedgerReport ledger() override {
    MutexLock lock(mutex_);
    return ledger_;
  }
  v1::ListSeriesResponse series(const v1::ListSeriesRequest& request) override {
    MutexLock lock(mutex_);
    series_limit_ = request.limit();
    v1::ListSeriesResponse out;
    out.set_total(static_cast<std::uint32_t>(series_.series_size()));
    for (const auto& row : series_.series()) {
      if (out.series_size() >= static_cast<int>(request.limit())) break;
      if (!request.measurement().empty() && row.measurement() != request.measurement()) continue;
      *out.add_series() = row;
    }
    return out;
  }
  v1::ListRecentSummariesResponse recent(const v1::ListRecentSummariesRequest& request) override {
    MutexLock lock(mutex_);
    recent_limit_ = request.limit();
    v1::ListRecentSummariesResponse out;
    for (const auto& row : recent_.summaries()) {
      if (out.summaries_size() >= static_cast<int>(request.limit())) break;
      if (!request.pipeline().empty() && row.pipeline() != request.pipeline()) continue;
      *out.add_summaries() = row;
    }
    return out;
  }
  v1::ListLateReadingsResponse late(const v1::ListLateReadingsRequest& request) override {
    MutexLock lock(mutex_);
    recent_limit_ = request.limit();
    v1::ListLateReadingsResponse out;
    for (const auto& row : late_.readings()) {
      if (row.number() > request.after()) *out.add_readings() = row;
    }
    return out;
  }
  v1::ListRecentEventsResponse events(const v1::ListRecentEventsRequest& request) override {
    MutexLock lock(mutex_);
    recent_limit_ = request.limit();
    v1::ListRecentEventsResponse out;
    for (const auto& row : events_.events()) {
      if (row.number() > request.after()) *out.add_events() = row;
    }
    return out;
  }
  Status series_state(const v1::GetSeriesStateRequest& request,
                      v1::SeriesStateReport& out) override {
    MutexLock lock(mutex_);
    series_limit_ = request.limit();
    if (!series_state_.ok()) return series_state_.status();
    out = *series_state_;
    return {};
  }
  v1::SeriesGrowth series_growth(const v1::GetSeriesGrowthRequest& request) override {
    MutexLock lock(mutex_);
    series_limit_ = request.limit();
    return series_growth_;
  }
  Status reload_plugins(const v1::ReloadPluginsRequest& request,
                        v1::ReloadPluginsResponse& out) override {
    MutexLock lock(mutex_);
    began_anew_ = request.begin_anew();
    out = reloaded_;
    return {};
  }
  v1::ListPluginsResponse plugins() override {
    MutexLock lock(mutex_);
    return plugins_;
  }

  Status plan_config(const v1::PlanRequest& request, v1::PlanReport& out) override {
    MutexLock lock(mutex_);
    plan_request_ = request;
    if (!plan_.ok()) return plan_.status();
    out = *plan_;
    return {};
  }

  void set(v1::Status status) {
    MutexLock lock(mutex_);
    status_ = std::move(status);
  }
  void set(v1::LedgerReport ledger) {
    MutexLock lock(mutex_);
    ledger_ = std::move(ledger);
  }
  void set(v1::ListSeriesResponse series) {
    MutexLock lock(mutex_);
    series_ = std::move(series);
  }
  void set(v1::ListRecentSummariesResponse recent) {
    MutexLock lock(mutex_);
    recent_ = std::move(recent);
  }
  void set(v1::ListLateReadingsResponse late) {
    MutexLock lock(mutex_);
    late_ = std::move(late);
  }
  void set(v1::ListRecentEventsResponse events) {
    MutexLock lock(mutex_);
    events_ = std::move(events);
  }
  void set(Result<v1::SeriesStateReport> state) {
    MutexLock lock(mutex_);
    series_state_ = std::move(state);
  }
  void set(v1::SeriesGrowth growth) {
    MutexLock lock(mutex_);
    series_growth_ = std::move(growth);
  }
  bool began_anew() {
    MutexLock lock(mutex_);
    return began_anew_;
  }
  void set(v1::ReloadPluginsResponse reloaded) {
    MutexLock lock(mutex_);
    reloaded_ = std::move(reloaded);
  }
  void set(v1::ListPluginsResponse plugins) {
    MutexLock lock(mutex_);
    plugins_ = std::move(plugins);
  }
  void set(Result<v1::PlanReport> plan) {
    MutexLock lock(mutex_);
    plan_ = std::move(plan);
  }
  v1::PlanRequest plan_request() {
    MutexLock lock(mutex_);
    return plan_request_;
  }
  /// The limits of the last requests, as they reached the node.
  std::uint32_t series_limit() const {
    MutexLock lock(mutex_);
    return series_limit_;
  }
  std::uint32_t recent_limit() const {
    MutexLock lock(mutex_);
    return recent_limit_;
  }

 private:
  mutable Mutex mutex_;
  v1::Status status_ SLUICE_GUARDED_BY(mutex_);
  v1::LedgerReport ledger_ SLUICE_GUARDED_BY(mutex_);
  v1::ListSeriesResponse series_ SLUICE_GUARDED_BY(mutex_);
  Result<v1::SeriesStateReport> series_state_ SLUICE_GUARDED_BY(mutex_) = v1::SeriesStateReport();
  v1::SeriesGrowth series_growth_ SLUICE_GUARDED_BY(mutex_);
  v1::ListRecentSummariesResponse recent_ SLUICE_GUARDED_BY(mutex_);
  v1::ListLateReadingsResponse late_ SLUICE_GUARDED_BY(mutex_);
  v1::ListRecentEventsResponse events_ SLUICE_GUARDED_BY(mutex_);
  v1::ListPluginsResponse plugins_ SLUICE_GUARDED_BY(mutex_);
  Result<v1::PlanReport> plan_ SLUICE_GUARDED_BY(mutex_) = v1::PlanReport();
  v1::PlanRequest plan_request_ SLUICE_GUARDED_BY(mutex_);
  bool began_anew_ SLUICE_GUARDED_BY(mutex_) = false;
  v1::ReloadPluginsResponse reloaded_ SLUICE_GUARDED_BY(mutex_);
  std::uint32_t series_limit_ SLUICE_GUARDED_BY(mutex_) = 0;
  std::uint32_t recent_limit_ SLUICE_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice
