#include "ctl/local_text.h"

#include "ctl/aggregates_text.h"
#include "ctl/event_text.h"
#include "ctl/format.h"
#include "ctl/table.h"
#include "ctl/text.h"

namespace sluice::ctl {
namespace {

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

template <typename Strings>
std::string joined(const Strings& strings, const char* separator) {
  std::string out;
  for (const auto& s : strings) out += (out.empty() ? "" : separator) + s;
  return out;
}

/// Beside "connected" an error is history, which only its age tells.
std::string last_error_text(const v1::SourceStatus& source) {
  if (!source.connected() || source.last_error().empty()) return or_dash(source.last_error());
  return duration_text(source.last_error_age_s()) + " ago: " + source.last_error();
}

std::string clock_text(const v1::ClockStatus& clock) {
  std::string text = utc_text(clock.now_ns()) + ", " + clock.quality();
  if (clock.error_ns() > 0) {
    text += ", wrong by " + value_text(static_cast<double>(clock.error_ns()) / 1e9) + " s at most";
  }
  if (clock.arrivals_in_boot_time()) {
    text += "; readings without a time of their own go up in boot time";
  }
  return text;
}

std::string node_text(const v1::Status& s) {
  Pairs pairs;
  pairs.add("node", s.node());
  pairs.add("epoch", s.epoch());
  pairs.add("state", s.ready() ? "ready" : "NOT READY");
  for (const auto& problem : s.problems()) pairs.add("problem", problem);
  pairs.add("version", "sluiced " + s.version() + ", pid " + std::to_string(s.pid()));
  pairs.add("uptime", duration_text(s.uptime_s()));
  pairs.add("memory", bytes_text(s.rss_bytes()));
  pairs.add("series", grouped(std::uint64_t{s.series()}));
  if (s.has_clock()) {
    pairs.add("clock", clock_text(s.clock()));
    pairs.add("not before", utc_text(s.clock().floor_ns()));
  }
  return pairs.text();
}

std::string sources_text(const v1::Status& s) {
  Table table({{"SOURCE"},
               {"STATE"},
               {"CONNECTS", true},
               {"MESSAGES", true},
               {"BYTES", true},
               {"UNACKED", true},
               {"LAST ERROR"}});
  for (const auto& source : s.sources()) {
    table.add_row({source.name(), source.connected() ? "connected" : "DOWN",
                   grouped(source.connects()), grouped(source.messages_received()),
                   bytes_text(source.bytes_received()), grouped(source.unacknowledged()),
                   last_error_text(source)});
  }
  return table.empty() ? "" : "\n" + table.take();
}

std::string pipeline_state(const v1::PipelineStatus& pipeline) {
  if (!pipeline.parked().empty()) return "PARKED: " + pipeline.parked();
  std::string state = "running";
  if (pipeline.panes_partial_limit() > 0) {
    state += "; " + grouped(pipeline.panes_partial_limit()) +
             " windows closed early (limits.windows_max)";
  }
  if (pipeline.panes_lacking_aggregate() > 0) {
    state += "; " + grouped(pipeline.panes_lacking_aggregate()) +
             " windows without an aggregate of a plugin (see the log)";
  }
  return state;
}

std::string pipelines_text(const v1::Status& s) {
  Table table({{"PIPELINE"}, {"STATE"}, {"OPEN WINDOWS", true}, {"PENDING", true}, {"STAGES"}});
  for (const auto& pipeline : s.pipelines()) {
    table.add_row({pipeline.name(), pipeline_state(pipeline), grouped(pipeline.windows_open()),
                   grouped(pipeline.readings_pending()),
                   or_dash(joined(pipeline.stages(), " > "))});
  }
  return table.empty() ? "" : "\n" + table.take();
}

std::string store_text(const v1::StoreStatus& store) {
  Pairs pairs;
  pairs.add("store", store.path());
  pairs.add("size", bytes_text(store.bytes()) + " of " + bytes_text(store.bytes_max()));
  pairs.add("commits",
            grouped(store.commits()) + ", " + grouped(store.commit_failures()) + " failed");
  if (!store.last_error().empty()) pairs.add("last error", store.last_error());
  return "\n" + pairs.text();
}

std::string uplink_text(const v1::UplinkStatus& uplink) {
  Pairs pairs;
  if (uplink.hub().empty()) {
    pairs.add("hub", "none: summaries stay in the outbox");
    return "\n" + pairs.text();
  }
  pairs.add("hub", uplink.hub() + (uplink.connected() ? ", connected" : ", NOT CONNECTED"));
  pairs.add("sent", grouped(uplink.rows_sent()) + " rows, " + bytes_text(uplink.bytes_sent()));
  pairs.add("acked", grouped(uplink.rows_acked()) + " rows");
  if (uplink.rows_unread() > 0) {
    pairs.add("unread", grouped(uplink.rows_unread()) + " rows at the hub, " + uplink.unread());
  }
  if (!uplink.last_error().empty()) pairs.add("last error", uplink.last_error());
  return "\n" + pairs.text();
}

std::string totals_text(const v1::Status& s) {
  Table table({{"TOTALS"}, {"", true}});
  const std::pair<const char*, std::uint64_t> rows[] = {
      {"messages received", s.messages_received()},
      {"messages rejected", s.messages_rejected()},
      {"messages duplicate", s.messages_duplicate()},
      {"readings decoded", s.readings_decoded()},
      {"readings in", s.readings_in()},
      {"readings aggregated", s.readings_aggregated()},
      {"readings filtered", s.readings_filtered()},
      {"readings late", s.readings_late()},
      {"readings rejected", s.readings_rejected()},
      {"windows closed", s.panes_closed()},
      {"windows acked by the hub", s.panes_acked()},
      {"windows in the outbox", s.panes_outbox()},
      {"events told", s.events_told()},
      {"events acked by the hub", s.events_acked()},
      {"events waiting", s.events_waiting()},
      {"events expired", s.events_expired()}};
  for (const auto& [name, count] : rows) table.add_row({name, grouped(count)});
  table.add_row({"ledger difference", grouped(std::int64_t{s.ledger_difference()})});
  return "\n" + table.take();
}

}  // namespace

std::string status_text(const v1::Status& status) {
  return node_text(status) + sources_text(status) + pipelines_text(status) +
         store_text(status.store()) + uplink_text(status.uplink()) + totals_text(status);
}

bool balances(const v1::LedgerReport& report) {
  for (const auto& difference : report.differences()) {
    if (difference.difference() != 0) return false;
  }
  return true;
}

std::string ledger_text(const v1::LedgerReport& report) {
  Table terms({{"LEDGER"}, {"OWNER"}, {"TERM"}, {"CAUSE"}, {"COUNT", true}});
  for (const auto& term : report.terms()) {
    terms.add_row({term.ledger(), term.owner(), term.term(), or_dash(term.cause()),
                   grouped(std::int64_t{term.count()})});
  }
  std::string out = terms.take() + "\n";
  if (balances(report)) return out + "Every ledger balances.\n";
  Table differences({{"LEDGER"}, {"OWNER"}, {"DIFFERENCE", true}});
  for (const auto& difference : report.differences()) {
    if (difference.difference() == 0) continue;
    differences.add_row(
        {difference.ledger(), difference.owner(), grouped(std::int64_t{difference.difference()})});
  }
  return out + "NOT BALANCED, which is a bug of sluiced: please report it.\n" + differences.take();
}

std::string series_table_text(const v1::ListSeriesResponse& response) {
  Table table({{"ID", true}, {"SERIES"}});
  for (const auto& row : response.series()) {
    table.add_row({std::to_string(row.id()), series_text(series_of(row))});
  }
  return table.take() + "\n" + grouped(std::uint64_t(response.series_size())) + " of " +
         grouped(std::uint64_t{response.total()}) + " series\n";
}

namespace {

std::string owner_text(const v1::PipelineState& row) {
  return row.pipeline() + ", " + grouped(std::uint64_t{row.series()}) + " series";
}
std::string owner_text(const v1::SeriesState& row) {
  return series_text(series_of(row.series())) + " in " + row.pipeline();
}

template <typename Rows>
std::string bytes_table(const char* heading, const Rows& rows) {
  Table table({{heading},
               {"OPEN", true},
               {"KEPT", true},
               {"TOTAL", true},
               {"SERIES", true},
               {"MOMENTS", true},
               {"WAITING", true},
               {"HISTOGRAM", true},
               {"DISTINCT", true},
               {"TOP", true},
               {"COUNTER", true},
               {"STATES", true},
               {"PLUGINS", true}});
  for (const auto& row : rows) {
    const v1::WindowState& w = row.windows();
    std::vector<std::string> cells = {owner_text(row), grouped(std::uint64_t{w.windows_open()}),
                                      grouped(std::uint64_t{w.windows_kept()})};
    for (const std::uint64_t bytes :
         {w.total_bytes(), w.series_bytes(), w.moments_bytes(), w.waiting_bytes(),
          w.histogram_bytes(), w.distinct_bytes(), w.top_bytes(), w.counter_bytes(),
          w.states_bytes(), w.plugins_bytes()}) {
      cells.push_back(bytes == 0 ? "-" : bytes_text(bytes));
    }
    table.add_row(std::move(cells));
  }
  return table.take();
}

}  // namespace

std::string series_state_text(const v1::SeriesStateReport& report) {
  if (report.pipelines().empty()) return "No series.\n";
  return bytes_table("PIPELINE", report.pipelines()) + "\n" +
         bytes_table("LARGEST SERIES", report.largest());
}

namespace {

std::string share_text(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? "-" : grouped(100 * part / whole) + " %";
}

using CountRows = google::protobuf::RepeatedPtrField<v1::SeriesCount>;

/// Nothing when there are no rows. `whole` 0: they are parts of nothing.
std::string counts_text(const char* heading, const CountRows& rows, const char* of,
                        std::uint64_t whole) {
  Table table({{heading}, {of, true}, {"SHARE", true}});
  for (const auto& row : rows) {
    table.add_row(
        {row.what(), grouped(std::uint64_t{row.count()}), share_text(row.count(), whole)});
  }
  return table.empty() ? "" : "\n" + table.take();
}

std::string table_use_text(const char* what, std::uint64_t count, std::uint64_t looked_at,
                           std::uint64_t max) {
  std::string text = grouped(count) + " of " + grouped(max) + " (limits.series_max)";
  if (looked_at < count) text += "; the newest " + grouped(looked_at) + " are looked at";
  return std::string(what) + text + "\n";
}

}  // namespace

std::string series_growth_text(const v1::SeriesGrowth& g) {
  std::string out = table_use_text("series   ", g.series(), g.series_looked_at(), g.series_max()) +
                    table_use_text("topics   ", g.topics(), g.topics_looked_at(), g.series_max());
  out += "refused  " + grouped(g.messages_refused()) + " messages since the start (series_cap)\n";
  out += counts_text("REFUSED, BY TOPIC", g.refused_topics(), "MESSAGES", g.messages_refused());
  out += counts_text("REFUSED, BY SERIES", g.refused_series(), "MESSAGES", g.messages_refused());
  out += counts_text("TOPICS LIKE", g.topic_patterns(), "TOPICS", g.topics_looked_at());
  out += counts_text("SERIES LIKE", g.series_patterns(), "SERIES", g.series_looked_at());
  out += counts_text("LABEL", g.label_values(), "VALUES", g.series_looked_at());
  out += counts_text("MEASUREMENT", g.measurements(), "SERIES", g.series_looked_at());
  return out + counts_text("SOURCE", g.sources(), "TOPICS", g.topics_looked_at());
}

std::string recent_text(const v1::ListRecentSummariesResponse& response) {
  Table table({{"PIPELINE"},
               {"SERIES"},
               {"KIND"},
               {"WINDOW START"},
               {"LENGTH", true},
               {"COUNT", true},
               {"MEAN", true},
               {"MIN", true},
               {"MAX", true},
               {"STDDEV", true},
               {"REV", true},
               {"QUALITY"}});
  for (const auto& s : response.summaries()) {
    // Of a window that nothing came for there is no number.
    const auto number = [&s](double v) { return s.count() == 0 ? "-" : value_text(v); };
    table.add_row(
        {s.pipeline(), series_text(series_of(s)), window_kind_text(s.kind()),
         s.in_boot_time() ? "boot + " + duration_text(static_cast<double>(s.start_ns()) / 1e9)
                          : utc_text(s.start_ns()),
         length_text(s), grouped(s.count()), number(s.mean()), number(s.min()), number(s.max()),
         number(s.stddev()), std::to_string(s.revision()), quality_text(s.quality())});
  }
  return table.empty() ? "No window has closed since the daemon started.\n" : table.take();
}

namespace {

std::vector<std::string> late_cells(const v1::LateReading& r) {
  const double event_s = static_cast<double>(r.event_time_ns()) / 1e9;
  return {std::to_string(r.number()),
          r.pipeline(),
          series_text(series_of(r)),
          r.in_boot_time() ? "boot + " + duration_text(event_s) : utc_text(r.event_time_ns()),
          value_text(r.value()),
          r.behind_ns() < 0 ? "-" : duration_text(static_cast<double>(r.behind_ns()) / 1e9),
          r.source(),
          printable(r.topic())};
}

std::string line_of(const std::vector<std::string>& cells) {
  std::string line;
  for (const std::string& cell : cells) line += line.empty() ? cell : "  " + cell;
  return line + "\n";
}

std::vector<std::string> event_cells(const v1::RecentEvent& e) {
  const v1::Event& event = e.event();
  const double event_s = static_cast<double>(event.event_time_ns()) / 1e9;
  return {
      std::to_string(e.number()),
      event.in_boot_time() ? "boot + " + duration_text(event_s) : utc_text(event.event_time_ns()),
      severity_text(event.severity()),
      event.name(),
      phase_text(event.phase()),
      teller_text(event),
      e.measurement().empty() ? "-" : series_text(series_of(e)),
      printable(message_text(event))};
}

}  // namespace

std::string event_line(const v1::RecentEvent& event) { return line_of(event_cells(event)); }

std::string events_text(const v1::ListRecentEventsResponse& response) {
  Table table({{"NUMBER", true},
               {"TIME"},
               {"SEVERITY"},
               {"EVENT"},
               {"PHASE"},
               {"TOLD BY"},
               {"SERIES"},
               {"MESSAGE"}});
  for (const auto& event : response.events()) table.add_row(event_cells(event));
  return table.empty() ? "No stage has told of an event since the daemon started.\n" : table.take();
}

std::string late_line(const v1::LateReading& reading) { return line_of(late_cells(reading)); }

std::string late_text(const v1::ListLateReadingsResponse& response) {
  Table table({{"NUMBER", true},
               {"PIPELINE"},
               {"SERIES"},
               {"EVENT TIME"},
               {"VALUE", true},
               {"BEHIND", true},
               {"SOURCE"},
               {"TOPIC"}});
  for (const auto& reading : response.readings()) table.add_row(late_cells(reading));
  return table.empty() ? "No reading was late since the daemon started.\n" : table.take();
}

namespace {

/// Of the file, and of what runs where that is another.
std::string version_text(const v1::PluginRow& plugin) {
  const std::string file = or_dash(plugin.version());
  if (plugin.other_versions().empty()) return file;
  return file + " (" + joined(plugin.other_versions(), ", ") + " runs: reload)";
}

}  // namespace

std::string plugins_text(const v1::ListPluginsResponse& response) {
  Table table(
      {{"PLUGIN"}, {"VERSION"}, {"ORDERED"}, {"DETERMINISTIC"}, {"USED BY"}, {"DESCRIPTION"}});
  for (const auto& plugin : response.plugins()) {
    table.add_row({plugin.name(), version_text(plugin), plugin.ordered() ? "yes" : "no",
                   plugin.deterministic() ? "yes" : "no", or_dash(joined(plugin.used_by(), ", ")),
                   plugin.error().empty() ? plugin.description() : "UNUSABLE: " + plugin.error()});
  }
  return table.empty() ? "No plugins.\n" : table.take();
}

std::string reload_text(const v1::ReloadPluginsResponse& response) {
  Table table({{"PIPELINE"}, {"NOW"}});
  for (const auto& row : response.pipelines()) {
    const std::string now = !row.error().empty()       ? "UNCHANGED: " + row.error()
                            : row.began_anew().empty() ? "runs with the files as they are now"
                                                       : "began anew: " + row.began_anew();
    table.add_row({row.pipeline(), now});
  }
  return table.empty() ? "No pipelines.\n" : table.take();
}

}  // namespace sluice::ctl
