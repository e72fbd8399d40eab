#include "node/node_report.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "health/process.h"
#include "health/readiness.h"
#include "node/compose.h"
#include "node/series_growth.h"
#include "plugin_host/plugin_folder.h"
#include "plugin_host/shipped_plugins.h"
#include "sync/event_message.h"

namespace sluice {
namespace {

/// sluicectl waits for 5 s.
constexpr auto kLookAtStateMax = std::chrono::milliseconds(4000);

template <typename Message>
void set_series(Message& out, const Series& series) {
  out.set_measurement(series.measurement);
  out.set_unit(series.unit);
  for (const auto& [name, value] : series.labels) (*out.mutable_labels())[name] = value;
}

void set_windows(v1::WindowState& out, const WindowState& state) {
  out.set_windows_open(state.windows_open);
  out.set_windows_kept(state.windows_kept);
  out.set_series_bytes(state.bytes.series);
  out.set_moments_bytes(state.bytes.moments);
  out.set_waiting_bytes(state.bytes.waiting);
  out.set_histogram_bytes(state.bytes.histogram);
  out.set_distinct_bytes(state.bytes.distinct);
  out.set_top_bytes(state.bytes.top);
  out.set_counter_bytes(state.bytes.counter);
  out.set_states_bytes(state.bytes.states);
  out.set_plugins_bytes(state.bytes.plugins);
  out.set_total_bytes(state.bytes.total());
}

void add_uses(const v1::PipelineConfig& pipeline, v1::PluginRow& row) {
  for (const v1::StageConfig& stage : pipeline.stages()) {
    if (stage.plugin() != row.name()) continue;
    row.add_used_by(pipeline.name() + "/" + (stage.name().empty() ? stage.plugin() : stage.name()));
  }
  for (int i = 0; i < pipeline.windows_size(); ++i) {
    const auto& plugins = pipeline.windows(i).aggregates().plugins();
    if (std::any_of(plugins.begin(), plugins.end(),
                    [&row](const auto& plugin) { return plugin.plugin() == row.name(); })) {
      row.add_used_by(pipeline.name() + "/windows[" + std::to_string(i) + "]");
    }
  }
}

void add_other_versions(const EngineView& view, v1::PluginRow& row) {
  std::set<std::string> versions;
  for (const PipelineView& pipeline : view.pipelines) {
    for (const RunningPlugin& plugin : pipeline.plugins) {
      if (plugin.name == row.name()) versions.insert(plugin.version);
    }
  }
  versions.erase(row.version());
  for (const std::string& version : versions) row.add_other_versions(version);
}

std::uint64_t total(const Ledger& ledger, LedgerKind kind, Term term) {
  return static_cast<std::uint64_t>(ledger.sum(kind, term));
}

}  // namespace

NodeReport::NodeReport(const v1::Config& config, Rooms rooms)
    : config_(config), rooms_(rooms), started_boottime_ns_(rooms.clock.boottime_ns()) {}

v1::Status NodeReport::status() {
  v1::Status status;
  status.set_node(config_.node().name());
  status.set_epoch(rooms_.store.epoch());
  status.set_version(SLUICE_VERSION);
  status.set_pid(getpid());
  status.set_uptime_s(static_cast<double>(rooms_.clock.boottime_ns() - started_boottime_ns_) / 1e9);
  status.set_rss_bytes(resident_bytes());
  status.set_series(static_cast<std::uint32_t>(rooms_.series.size()));
  add_sources(status);
  add_pipelines(status);
  const StoreStats store = rooms_.store.stats();
  status.mutable_store()->set_path(config_.storage().dir());
  status.mutable_store()->set_bytes(store.bytes);
  status.mutable_store()->set_bytes_max(store.bytes_max);
  status.mutable_store()->set_commits(store.commits);
  status.mutable_store()->set_commit_failures(store.commit_failures);
  status.mutable_store()->set_last_error(store.last_error);
  add_uplink(status);
  add_clock(status);
  add_totals(status);
  add_problems(status);
  return status;
}

void NodeReport::add_sources(v1::Status& status) const {
  for (std::size_t i = 0; i < rooms_.sources.size(); ++i) {
    const SourceStats stats = rooms_.sources.stats(i);
    v1::SourceStatus& source = *status.add_sources();
    source.set_name(config_.sources(static_cast<int>(i)).name());
    source.set_connected(stats.connected);
    source.set_connects(stats.connects);
    source.set_bytes_received(stats.bytes_received);
    source.set_messages_received(stats.messages_received);
    source.set_unacknowledged(stats.unacknowledged);
    source.set_last_error(stats.last_error);
    if (stats.last_error.empty()) continue;
    const std::int64_t age_ns = rooms_.clock.boottime_ns() - stats.last_error_boottime_ns;
    source.set_last_error_age_s(static_cast<double>(age_ns) / 1e9);
  }
}

void NodeReport::add_pipelines(v1::Status& status) const {
  for (const PipelineView& view : rooms_.engine.view().pipelines) {
    v1::PipelineStatus& pipeline = *status.add_pipelines();
    pipeline.set_name(view.name);
    pipeline.set_parked(view.parked);
    for (const std::string& stage : view.stages) pipeline.add_stages(stage);
    pipeline.set_windows_open(view.windows_open);
    pipeline.set_readings_pending(view.readings_pending);
    pipeline.set_windows_max(view.windows_max);
    pipeline.set_panes_partial_limit(view.panes_partial_limit);
    pipeline.set_panes_lacking_aggregate(view.panes_lacking_aggregate);
  }
}

void NodeReport::add_uplink(v1::Status& status) const {
  v1::UplinkStatus& uplink = *status.mutable_uplink();
  uplink.set_hub(config_.uplink().hub());
  if (rooms_.uplink == nullptr) return;
  const UplinkStats stats = rooms_.uplink->stats();
  uplink.set_connected(stats.connected);
  uplink.set_bytes_sent(stats.bytes_sent);
  uplink.set_rows_sent(stats.rows_sent);
  uplink.set_rows_acked(stats.rows_acked);
  uplink.set_last_error(stats.last_error);
  uplink.set_rows_unread(stats.rows_unread);
  uplink.set_unread(stats.unread);
  uplink.set_missing_at_hub(stats.missing_at_hub);
}

void NodeReport::add_clock(v1::Status& status) const {
  const TrustedTime time = rooms_.trust.now();
  const EngineView view = rooms_.engine.view();
  v1::ClockStatus& clock = *status.mutable_clock();
  clock.set_quality(std::string(clock_quality_name(time.quality)));
  clock.set_now_ns(time.trusted() ? time.wall_at(rooms_.clock.boottime_ns())
                                  : rooms_.clock.wall_ns());
  clock.set_error_ns(time.trusted() ? time.error_ns : 0);
  clock.set_floor_ns(std::max(rooms_.trust.floor_ns(), view.clock_floor_ns));
  clock.set_arrivals_in_boot_time(view.in_boot_time);
}

/// A TLS library asks the system for the time, whatever we know.
bool NodeReport::clock_fails_tls(const v1::Status& status) const {
  if (rooms_.clock.wall_ns() >= status.clock().floor_ns()) return false;
  const auto fails = [](bool connected, const std::string& error) {
    return !connected && error.find("certificate") != std::string::npos;
  };
  if (fails(status.uplink().connected(), status.uplink().last_error())) return true;
  return std::any_of(status.sources().begin(), status.sources().end(), [&](const auto& source) {
    return fails(source.connected(), source.last_error());
  });
}

void NodeReport::add_totals(v1::Status& status) const {
  const Ledger ledger = rooms_.store.durable_ledger();
  using enum LedgerKind;
  status.set_ledger_difference(ledger.difference());
  status.set_messages_received(total(ledger, messages, Term::received));
  status.set_messages_rejected(total(ledger, messages, Term::rejected));
  status.set_messages_duplicate(total(ledger, messages, Term::duplicate));
  status.set_readings_decoded(total(ledger, source_readings, Term::decoded));
  status.set_readings_in(total(ledger, readings, Term::in));
  status.set_readings_aggregated(total(ledger, readings, Term::aggregated));
  status.set_readings_filtered(total(ledger, readings, Term::filtered));
  status.set_readings_late(total(ledger, readings, Term::late));
  status.set_readings_rejected(total(ledger, readings, Term::rejected));
  status.set_panes_closed(total(ledger, panes, Term::closed));
  status.set_panes_acked(total(ledger, panes, Term::acked));
  status.set_panes_outbox(total(ledger, panes, Term::outbox));
  status.set_events_told(total(ledger, events, Term::told));
  status.set_events_acked(total(ledger, events, Term::acked));
  status.set_events_waiting(total(ledger, events, Term::waiting));
  status.set_events_expired(total(ledger, events, Term::expired));
}

void NodeReport::add_problems(v1::Status& status) const {
  HealthInput input;
  for (const v1::SourceStatus& source : status.sources()) {
    input.sources.push_back({source.name(), source.connected(), source.last_error()});
  }
  for (const v1::PipelineStatus& pipeline : status.pipelines()) {
    input.pipelines.push_back({pipeline.name(), pipeline.parked()});
  }
  input.store_error = status.store().last_error();
  if (rooms_.uplink != nullptr) input.uplink_refused = rooms_.uplink->stats().refused;
  input.uplink_rows_unread = status.uplink().rows_unread();
  input.uplink_unread = status.uplink().unread();
  input.uplink_missing = status.uplink().missing_at_hub();
  input.clock_before_certificate = clock_fails_tls(status);
  for (const std::string& problem : readiness_problems(input)) status.add_problems(problem);
  status.set_ready(status.problems().empty());
}

v1::LedgerReport NodeReport::ledger() {
  const Ledger ledger = rooms_.store.durable_ledger();
  v1::LedgerReport report;
  for (const auto& [key, count] : ledger.counters()) {
    if (count == 0) continue;
    v1::LedgerTerm& term = *report.add_terms();
    term.set_ledger(std::string(ledger_kind_name(key.kind)));
    term.set_owner(key.owner);
    term.set_term(std::string(term_name(key.term)));
    term.set_cause(key.cause);
    term.set_count(count);
  }
  for (const LedgerKind kind : kLedgerKinds) {
    for (const std::string& owner : ledger.owners(kind)) {
      v1::LedgerDifference& difference = *report.add_differences();
      difference.set_ledger(std::string(ledger_kind_name(kind)));
      difference.set_owner(owner);
      difference.set_difference(ledger.difference(kind, owner));
    }
  }
  return report;
}

v1::ListSeriesResponse NodeReport::series(const v1::ListSeriesRequest& request) {
  v1::ListSeriesResponse response;
  const std::size_t count = rooms_.series.size();
  response.set_total(static_cast<std::uint32_t>(count));
  for (std::uint32_t id = 1; id <= count; ++id) {
    if (static_cast<std::uint32_t>(response.series_size()) >= request.limit()) break;
    const Series& series = rooms_.series.at(id);
    if (!request.measurement().empty() && series.measurement != request.measurement()) continue;
    v1::SeriesRow& row = *response.add_series();
    row.set_id(id);
    set_series(row, series);
  }
  return response;
}

Status NodeReport::series_state(const v1::GetSeriesStateRequest& request,
                                v1::SeriesStateReport& out) {
  const auto view =
      rooms_.engine.look_at_state(request.measurement(), request.limit(), kLookAtStateMax);
  if (!view.ok()) return view.status();
  for (const PipelineState& held : view->pipelines) {
    v1::PipelineState& row = *out.add_pipelines();
    row.set_pipeline(held.pipeline);
    row.set_series(held.series);
    set_windows(*row.mutable_windows(), held.state);
  }
  for (const SeriesState& held : view->largest) {
    v1::SeriesState& row = *out.add_largest();
    row.mutable_series()->set_id(held.series);
    set_series(*row.mutable_series(), rooms_.series.at(held.series));
    row.set_pipeline(held.pipeline);
    set_windows(*row.mutable_windows(), held.state);
  }
  return {};
}

v1::SeriesGrowth NodeReport::series_growth(const v1::GetSeriesGrowthRequest& request) {
  v1::SeriesGrowth growth =
      growth_of(rooms_.series, rooms_.topics, rooms_.engine.refused_series(), request.limit());
  growth.set_series_max(config_.limits().series_max());
  return growth;
}

v1::ListRecentSummariesResponse NodeReport::recent(const v1::ListRecentSummariesRequest& request) {
  v1::ListRecentSummariesResponse response;
  for (const auto& entry : rooms_.engine.recent_panes().list(request.pipeline(), request.limit())) {
    v1::RecentSummary& row = *response.add_summaries();
    const Moments& m = entry.what.content.moments;
    row.set_pipeline(entry.pipeline);
    set_series(row, rooms_.series.at(entry.what.window.key));
    row.set_start_ns(entry.what.window.start_ns);
    row.set_end_ns(entry.what.window.end_ns);
    row.set_revision(entry.what.revision);
    row.set_count(m.count);
    row.set_sum(m.total());
    row.set_mean(m.average());
    row.set_min(m.min);
    row.set_max(m.max);
    row.set_stddev(m.stddev());
    row.set_first(m.first);
    row.set_last(m.last);
    row.set_first_time_ns(m.first_time_ns);
    row.set_last_time_ns(m.last_time_ns);
    row.set_in_boot_time(entry.what.boot != nullptr);
    // The wire numbers quality from 1.
    row.set_kind(static_cast<v1::WindowKind>(entry.what.window.kind));
    row.set_quality(static_cast<v1::PaneQuality>(static_cast<int>(entry.what.quality) + 1));
  }
  return response;
}

v1::ListLateReadingsResponse NodeReport::late(const v1::ListLateReadingsRequest& request) {
  v1::ListLateReadingsResponse response;
  for (const auto& entry :
       rooms_.engine.recent_late().list(request.pipeline(), request.limit(), request.after())) {
    const Reading& reading = entry.what.reading;
    v1::LateReading& row = *response.add_readings();
    row.set_number(entry.number);
    row.set_pipeline(entry.pipeline);
    set_series(row, rooms_.series.at(reading.series));
    const Topic topic = rooms_.topics.at(plain_topic(reading.topic));
    row.set_source(topic.source);
    row.set_topic(topic.topic);
    row.set_event_time_ns(reading.event_time_ns);
    row.set_in_boot_time(in_boot_time(reading.topic));
    row.set_value(reading.value.as_double());
    row.set_behind_ns(entry.what.behind_ns);
  }
  return response;
}

v1::ListRecentEventsResponse NodeReport::events(const v1::ListRecentEventsRequest& request) {
  v1::ListRecentEventsResponse response;
  for (const auto& entry :
       rooms_.engine.recent_events().list(request.pipeline(), request.limit(), request.after())) {
    v1::RecentEvent& row = *response.add_events();
    row.set_number(entry.number);
    write_event(entry.what, rooms_.topics, *row.mutable_event());
    const SeriesId series = entry.what.event.series;
    if (series != 0) set_series(row, rooms_.series.at(series));
  }
  return response;
}

v1::ListPluginsResponse NodeReport::plugins() {
  v1::ListPluginsResponse response;
  const std::string& dir = config_.plugins().dir();
  const IsolationOptions isolation = compose_isolation(config_);
  // Whatever lies there must not run in this process for being looked at.
  const auto files = list_plugins(dir, [&](const std::string& name) {
    return is_shipped_plugin(name) ? describe_plugin(dir, name)
                                   : describe_isolated(isolation, dir, name, rooms_.clock);
  });
  if (!files.ok()) return response;
  const auto running = rooms_.running();
  const EngineView view = rooms_.engine.view();
  for (const PluginFile& file : *files) {
    v1::PluginRow& row = *response.add_plugins();
    row.set_name(file.name);
    row.set_file(file.path);
    row.set_error(std::string(file.status.message()));
    row.set_version(file.metadata.version);
    row.set_description(file.metadata.description);
    row.set_config_schema(file.metadata.config_schema);
    row.set_ordered(file.metadata.ordered);
    row.set_deterministic(file.metadata.deterministic);
    for (const v1::PipelineConfig& pipeline : running->pipelines()) add_uses(pipeline, row);
    add_other_versions(view, row);
  }
  return response;
}

Status NodeReport::reload_plugins(const v1::ReloadPluginsRequest& request,
                                  v1::ReloadPluginsResponse& out) {
  const Result<std::vector<StageReplacement>> all = rooms_.reload_plugins(request.begin_anew());
  if (!all.ok()) return all.status();
  for (const StageReplacement& one : *all) {
    v1::ReloadedPipeline& row = *out.add_pipelines();
    row.set_pipeline(one.pipeline);
    row.set_error(one.error);
    row.set_began_anew(one.began_anew);
  }
  return {};
}

}  // namespace sluice
