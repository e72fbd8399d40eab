#include "ctl/command_line.h"
#include "ctl/event_text.h"
#include "ctl/format.h"

namespace sluice::ctl {
namespace {

// The columns of `hub query` and, with some more, of `hub summaries`.
constexpr const char* kColumns =
    "Columns:\n"
    "  COUNT       readings\n"
    "  TW MEAN     mean over time, each value held until the next reading\n"
    "  GAP         longest time from one reading to the next\n"
    "  CAME        share of the readings that came, of those of expected_every in the config\n"
    "  AGGREGATES  of the config: quantiles, distinct values, top values and their counts, growth\n"
    "              of a counter (per second), time in each state, results of plugins\n";

constexpr const char* kMergedColumns =
    "  WINDOWS     how many were merged; early ones do not count\n"
    "  PARTIAL     how many of them were cut short\n\n";

constexpr const char* kWindowColumns =
    "  LENGTH      of sessions and count windows from the first reading to the last\n"
    "  REV         how often the window was told; each time replaces the one before\n"
    "  QUALITY     complete, early (still open), or partial_ and what cut it short: a new config,\n"
    "              the end of an epoch, limits.windows_max, a clock that was set\n"
    "  TIME        stamped, put right afterwards (+- s), or unsynced: since a boot, not 1970\n\n";

/// What queries by time have in common.
template <typename Request>
Status set_range(const Arguments& a, Request& query) {
  query.set_node(a.node);
  query.set_pipeline(a.pipeline);
  if (!a.from.empty()) {
    const auto from = parse_time(a.from);
    if (!from.ok()) return invalid_argument("--from " + std::string(from.status().message()));
    query.set_from_ns(*from);
  }
  if (!a.to.empty()) {
    const auto to = parse_time(a.to);
    if (!to.ok()) return invalid_argument("--to " + std::string(to.status().message()));
    query.set_to_ns(*to);
  }
  return {};
}

ExitCode run_hub_summaries(const Arguments& a) {
  v1::ListSummariesRequest query;
  if (Status s = set_range(a, query); !s.ok()) return fail(s);
  query.set_measurement(a.measurement);
  query.set_oldest_first(a.oldest_first);
  return show_hub_summaries(a.hub, query, a.hub_limit, a.all, a.local.json);
}

ExitCode run_hub_query(const Arguments& a) {
  v1::MergeSummariesRequest query;
  if (Status s = set_range(a, query); !s.ok()) return fail(s);
  query.set_measurement(a.measurement);
  const auto every = parse_duration(a.every);
  if (!every.ok()) {
    return fail(invalid_argument("--every " + std::string(every.status().message())));
  }
  query.set_every_ns(*every);
  for (const std::string& label : a.labels) {
    const std::size_t equals = label.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return fail(invalid_argument("--label \"" + label + "\" is no label: write NAME=VALUE"));
    }
    (*query.mutable_labels())[label.substr(0, equals)] = label.substr(equals + 1);
  }
  for (const std::string& name : a.by) query.add_by(name);
  query.set_over_all(a.over_all);
  for (const double q : a.quantiles) query.add_quantiles(q);
  return show_hub_merged(a.hub, query, a.hub_limit, a.all, a.local.json);
}

void add_paging(CLI::App& command, Arguments& a, const char* oldest_first) {
  command.add_flag("--oldest-first", a.oldest_first, oldest_first);
  auto* limit = command.add_option("--limit", a.hub_limit, "Rows at most")
                    ->check(whole_number(1'000'000'000))
                    ->capture_default_str();
  command.add_flag("--all", a.all, "All rows, page by page")->excludes(limit);
}

ExitCode run_hub_events(const Arguments& a) {
  v1::ListEventsRequest query;
  if (Status s = set_range(a, query); !s.ok()) return fail(s);
  if (!a.severity.empty()) {
    const auto severity = parse_severity(a.severity);
    if (!severity.ok()) {
      return fail(invalid_argument("--severity " + std::string(severity.status().message())));
    }
    query.set_severity_min(*severity);
  }
  query.set_name(a.event);
  query.set_oldest_first(a.oldest_first);
  return show_hub_events(a.hub, query, a.hub_limit, a.all, a.follows, a.local.json);
}

void add_hub_events(CLI::App& hub, Arguments& a) {
  auto* events =
      hub.add_subcommand("events", "What the nodes' stages told: alerts, faults; newest first");
  events->footer(std::string(kEventColumns) + kFooter);
  add_hub_options(*events, a.hub, true);
  events->add_option("--node", a.node, "Only events of this node");
  events->add_option("--pipeline", a.pipeline, "Only events of this pipeline");
  events->add_option("--name", a.event, "Only events of this name, e.g. plugin_failed");
  events->add_option("--severity", a.severity,
                     "Only events as grave as this or graver: info, warn, error, fatal");
  events->add_option("--from", a.from,
                     "Events at or after this time: 2024-05-01T12:00:00Z, 2024-05-01 or ns since "
                     "1970 UTC");
  events->add_option("--to", a.to, "Events before this time");
  add_paging(*events, a, "Oldest event first");
  events
      ->add_flag("--follow", a.follows,
                 "Go on with those that come, in the order in which the hub gets them")
      ->excludes("--all")
      ->excludes("--oldest-first");
  events->callback([&a] { a.run = [&a] { return run_hub_events(a); }; });
}

void add_hub_unread(CLI::App& hub, Arguments& a) {
  auto* unread = hub.add_subcommand(
      "unread",
      "Rows that the hub holds and cannot read, newest first; its next start tries again");
  add_hub_options(*unread, a.hub, true);
  unread->add_option("--node", a.node, "Only rows of this node");
  add_paging(*unread, a, "Oldest arrival first");
  unread->callback([&a] {
    a.run = [&a] {
      v1::ListUnreadRequest query;
      query.set_node(a.node);
      query.set_oldest_first(a.oldest_first);
      return show_hub_unread(a.hub, query, a.hub_limit, a.all, a.local.json);
    };
  });
}

void add_hub_query(CLI::App& hub, Arguments& a) {
  auto* query = hub.add_subcommand(
      "query", "Tumbling windows of a measurement merged into longer ones, oldest first");
  query->footer(std::string(kColumns) + kMergedColumns + kFooter);
  add_hub_options(*query, a.hub, true);
  query->add_option("--series,--measurement", a.measurement, "The measurement, e.g. temperature")
      ->required();
  query
      ->add_option("--every", a.every,
                   "Length of the merged windows, which count from 1970 UTC: 10m, 1h, 1d")
      ->required();
  query->add_option("--label", a.labels, "Only series with this label, NAME=VALUE; repeatable");
  query->add_option("--node", a.node, "Only windows of this node");
  query->add_option("--pipeline", a.pipeline, "Only windows of this pipeline");
  query->add_option("--from", a.from, "Windows that start at or after this time");
  query->add_option("--to", a.to, "Windows that start before this time");
  auto* by = query->add_option("--by", a.by, "Merge series with the same values of these labels")
                 ->delimiter(',');
  query
      ->add_option("--quantile", a.quantiles,
                   "Quantile to show of windows with a histogram, 0 to 1; repeatable (default 0.5, "
                   "0.9, 0.99)")
      ->check(CLI::Range(0.0, 1.0));
  query->add_flag("--over-all", a.over_all, "Merge all series of a pipeline")->excludes(by);
  auto* limit = query->add_option("--limit", a.hub_limit, "Rows at most")
                    ->check(whole_number(1'000'000'000))
                    ->capture_default_str();
  query->add_flag("--all", a.all, "All rows, page by page")->excludes(limit);
  query->callback([&a] { a.run = [&a] { return run_hub_query(a); }; });
}

}  // namespace

void add_hub_commands(CLI::App& app, Arguments& a) {
  auto* hub = app.add_subcommand("hub", "Ask a hub about its fleet, and change what its nodes run");
  hub->require_subcommand(1);
  auto* nodes = hub->add_subcommand("nodes", "The nodes that the hub knows");
  add_hub_options(*nodes, a.hub, true);
  nodes->callback([&a] { a.run = [&a] { return show_hub_nodes(a.hub, a.local.json); }; });

  auto* summaries = hub->add_subcommand("summaries", "Windows at their highest revision");
  summaries->footer(std::string(kColumns) + kWindowColumns + kFooter);
  add_hub_options(*summaries, a.hub, true);
  summaries->add_option("--node", a.node, "Only windows of this node");
  summaries->add_option("--pipeline", a.pipeline, "Only windows of this pipeline");
  summaries->add_option("--measurement", a.measurement, "Only windows of this measurement");
  summaries->add_option(
      "--from", a.from,
      "Windows that start at or after this time: 2024-05-01T12:00:00Z, 2024-05-01 "
      "or ns since 1970 UTC");
  summaries->add_option("--to", a.to, "Windows that start before this time");
  add_paging(*summaries, a, "Oldest window first");
  summaries->callback([&a] { a.run = [&a] { return run_hub_summaries(a); }; });

  auto* gaps = hub->add_subcommand("gaps", "What the nodes lost, and when, newest first");
  add_hub_options(*gaps, a.hub, true);
  gaps->add_option("--node", a.node, "Only losses of this node");
  gaps->add_option("--cause", a.cause, "Only losses of this cause, e.g. queue_full");
  add_paging(*gaps, a, "Oldest loss first");
  gaps->callback([&a] {
    a.run = [&a] {
      v1::ListGapsRequest query;
      query.set_node(a.node);
      query.set_cause(a.cause);
      query.set_oldest_first(a.oldest_first);
      return show_hub_gaps(a.hub, query, a.hub_limit, a.all, a.local.json);
    };
  });
  add_hub_events(*hub, a);
  add_hub_query(*hub, a);
  add_hub_unread(*hub, a);
}

}  // namespace sluice::ctl
