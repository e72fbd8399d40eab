#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/clock_trust.h"
#include "control/node_view.h"
#include "ingest/mqtt_source.h"
#include "model/series.h"
#include "pipeline/engine.h"
#include "sluice/v1/admin.pb.h"
#include "sluice/v1/config.pb.h"
#include "store/store.h"
#include "sync/uplink.h"

namespace sluice {

/// Gathers what every room knows of itself into the answers of the admin service. Any thread.
class NodeReport final : public NodeView {
 public:
  struct Rooms {
    const Store& store;
    const MqttSources& sources;
    Engine& engine;
    const Uplink* uplink;  ///< null when no hub is configured
    const SeriesTable& series;
    const TopicTable& topics;
    const Clock& clock;
    ClockTrust& trust;
    std::function<Result<std::vector<StageReplacement>>(bool begins_anew)> reload_plugins;
    std::function<std::shared_ptr<const v1::Config>()> running;
    std::function<Status(const v1::PlanRequest&, v1::PlanReport&)> plan_config;
    std::function<v1::ConfigStatus()> config_status;
  };
  NodeReport(const v1::Config& config, Rooms rooms);

  v1::Status status() override;
  v1::LedgerReport ledger() override;
  v1::ListSeriesResponse series(const v1::ListSeriesRequest& request) override;
  v1::ListRecentSummariesResponse recent(const v1::ListRecentSummariesRequest& request) override;
  v1::ListLateReadingsResponse late(const v1::ListLateReadingsRequest& request) override;
  v1::ListRecentEventsResponse events(const v1::ListRecentEventsRequest& request) override;
  Status series_state(const v1::GetSeriesStateRequest& request,
                      v1::SeriesStateReport& out) override;
  v1::SeriesGrowth series_growth(const v1::GetSeriesGrowthRequest& request) override;
  v1::ListPluginsResponse plugins() override;
  Status reload_plugins(const v1::ReloadPluginsRequest& request,
                        v1::ReloadPluginsResponse& out) override;
  Status plan_config(const v1::PlanRequest& request, v1::PlanReport& out) override {
    return rooms_.plan_config(request, out);
  }

 private:
  void add_sources(v1::Status& status) const;
  void add_pipelines(v1::Status& status) const;
  void add_uplink(v1::Status& status) const;
  void add_clock(v1::Status& status) const;
  bool clock_fails_tls(const v1::Status& status) const;
  void add_totals(v1::Status& status) const;
  void add_problems(v1::Status& status) const;

  const v1::Config& config_;
  const Rooms rooms_;
  const std::int64_t started_boottime_ns_;
};

}  // namespace sluice
