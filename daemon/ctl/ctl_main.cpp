#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <string>
#include <tuple>

#include "ctl/event_text.h"
#include "ctl/format.h"
#include "ctl/hub_commands.h"
#include "ctl/local_commands.h"
#include "ctl/output.h"
#include "ctl/plugin_commands.h"
#include "ctl/text.h"
#include "ctl/top_loop.h"

namespace sluice::ctl {
namespace {

constexpr const char* kFooter =
    "Exit codes:\n"
    "  0  an answer came (for `config validate`: the config passes)\n"
    "  1  the answer is bad: a ledger that does not balance, a node that is not ready under\n"
    "     `status --check`, a plugin that breaks its promises, a refused request; or the answer\n"
    "     could not be written\n"
    "  2  wrong arguments, or a config or readings that do not pass\n"
    "  3  the daemon or the hub cannot be reached or does not answer\n"
    "\n"
    "With --json every answer is one line: fields by their names in the proto files, all of them,\n"
    "64-bit integers as numbers, times as ns since 1970 UTC.";

constexpr const char* kLateColumns =
    "Columns:\n"
    "  NUMBER  since the daemon started, of all pipelines\n"
    "  BEHIND  how far behind the watermark of its topic: the newest event time less\n"
    "          max_out_of_order. -: its window was closed early, see limits.windows_max\n\n";

constexpr const char* kEventColumns =
    "Columns:\n"
    "  TIME      of the reading that brought it about. boot + : since that boot of the node, "
    "whose\n"
    "            time is not known\n"
    "  PHASE     of a condition that lasts: where it begins and where it ends\n"
    "  TOLD BY   pipeline/stage\n\n";

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

/// The command line: what was given, and what to run once it has been understood.
struct Arguments {
  LocalTarget local{"/run/sluice/admin.sock", false};
  HubAddress hub;
  std::string measurement;
  std::string pipeline;
  std::string node;
  std::string cause;
  std::string event;
  std::string severity;
  std::string file;
  std::string from;
  std::string to;
  std::string interval = "1s";
  std::string every;
  std::vector<std::string> labels;
  std::vector<std::string> by;
  std::vector<double> quantiles;
  bool over_all = false;
  bool follows = false;
  std::uint32_t local_limit = 0;
  std::uint64_t hub_limit = 100;
  bool all = false;
  bool oldest_first = false;
  bool check = false;
  bool series_state = false;
  bool series_top = false;
  bool begins_anew = false;
  TopOptions top;
  PluginTarget plugin;
  TrialOptions trial;
  std::string plugin_config;
  std::string max_out_of_order;
  std::string advance;
  std::function<ExitCode()> run;
};

/// From 1; CLI11's own words for it do not say what would be right.
CLI::Validator whole_number(std::uint64_t max) {
  return CLI::Validator(
      [max](const std::string& text) {
        std::uint64_t value = 0;
        const char* end = text.data() + text.size();
        const auto [at, error] = std::from_chars(text.data(), end, value);
        if (error == std::errc() && at == end && value >= 1 && value <= max) return std::string();
        return "expected a whole number from 1 to " + std::to_string(max) + ", got \"" + text +
               "\"";
      },
      "1.." + std::to_string(max));
}

void add_hub_options(CLI::App& command, HubAddress& hub, bool required) {
  auto* address = command.add_option("--hub", hub.address, "Address of the hub, host:port");
  if (required) address->envname("SLUICE_HUB")->required();
  command.add_flag("--tls", hub.tls, "Use TLS with the system's CAs");
  command.add_option("--tls-ca", hub.ca_file, "PEM file of the CA of the hub's certificate");
  command.add_option("--tls-cert", hub.cert_file, "PEM file of our certificate (mTLS)");
  command.add_option("--tls-key", hub.key_file, "PEM file of its key");
  command.add_option("--tls-name", hub.server_name,
                     "Name to expect in the hub's certificate (default: the host of --hub)");
}

ExitCode run_series(const Arguments& a) {
  if (a.series_state) return show_series_state(a.local, a.measurement, a.local_limit);
  if (a.series_top) return show_series_growth(a.local, a.local_limit);
  return show_series(a.local, a.measurement, a.local_limit);
}

/// What the daemon remembers of what happens again and again.
void add_followed(CLI::App& app, Arguments& a, const char* name, const char* what,
                  const char* columns,
                  ExitCode (*show)(const LocalTarget&, const std::string& pipeline,
                                   std::uint32_t limit, bool follows)) {
  auto* command = app.add_subcommand(name, what);
  command->footer(std::string(columns) + kFooter);
  command->add_option("--pipeline", a.pipeline, "Only those of this pipeline");
  command->add_option("--limit", a.local_limit, "Rows at most (default 100)")
      ->check(whole_number(4096));
  command->add_flag("--follow", a.follows, "Go on with those that come, oldest first");
  command->callback([&a, show] {
    a.run = [&a, show] { return show(a.local, a.pipeline, a.local_limit, a.follows); };
  });
}

void add_local_commands(CLI::App& app, Arguments& a) {
  auto* status = app.add_subcommand("status", "State of the node: links, store, totals");
  status->add_flag("--check", a.check, "Exit with 1 when the node is not ready");
  status->callback([&a] { a.run = [&a] { return show_status(a.local, a.check); }; });

  auto* ledger = app.add_subcommand("ledger", "What became of every message, reading and window");
  ledger->callback([&a] { a.run = [&a] { return show_ledger(a.local); }; });

  auto* series = app.add_subcommand("series", "The series of this node");
  series->add_option("--measurement", a.measurement, "Only series of this measurement");
  series
      ->add_option("--limit", a.local_limit,
                   "Rows at most (default 1000; 20 with --state, 10 of each kind with --top)")
      ->check(whole_number(100'000));
  auto* state = series->add_flag(
      "--state", a.series_state,
      "What their windows keep in memory, by aggregate: each pipeline, and the largest series; "
      "KEPT are the OPEN ones and those that can still be corrected");
  auto* top =
      series->add_flag("--top", a.series_top,
                       "What makes them grow: patterns of topics and series, labels, sources, "
                       "and what limits.series_max refused");
  top->excludes(state)->excludes("--measurement");
  series->callback([&a] { a.run = [&a] { return run_series(a); }; });

  auto* summaries = app.add_subcommand("summaries", "Windows that closed last, newest first");
  summaries->add_option("--pipeline", a.pipeline, "Only windows of this pipeline");
  summaries->add_option("--limit", a.local_limit, "Rows at most (default 100)")
      ->check(whole_number(4096));
  summaries->callback(
      [&a] { a.run = [&a] { return show_summaries(a.local, a.pipeline, a.local_limit); }; });

  add_followed(app, a, "late",
               "Readings that came too late for their windows, newest first; the ledger has the "
               "count",
               kLateColumns, show_late);
  add_followed(app, a, "events",
               "What this node's stages told since the daemon started, newest first", kEventColumns,
               show_events);

  auto* config = app.add_subcommand("config", "Work with config files");
  config->require_subcommand(1);
  auto* validate = config->add_subcommand(
      "validate",
      "Check a config's keys, types, bounds and the rules between them; no daemon needed");
  validate->add_option("FILE", a.file, "The config, e.g. /etc/sluice/sluice.yaml")->required();
  validate->callback([&a] { a.run = [&a] { return validate_config(a.file, a.local.json); }; });

  auto* version = app.add_subcommand("version", "Version of sluicectl");
  version->callback([&a] { a.run = [&a] { return show_version(a.local.json); }; });
}

ExitCode run_plugin_test(Arguments& a) {
  for (const auto& [option, text, ns] :
       {std::tuple("--max-out-of-order ", &a.max_out_of_order, &a.trial.max_out_of_order_ns),
        {"--advance ", &a.advance, &a.trial.advance_ns}}) {
    if (text->empty()) continue;
    const auto parsed = parse_duration(*text);
    if (!parsed.ok())
      return fail(invalid_argument(option + std::string(parsed.status().message())));
    *ns = *parsed;
  }
  a.trial.json = a.local.json;
  return try_plugin(a.plugin, a.plugin_config, a.trial);
}

/// A subcommand of `plugins` that loads files itself.
CLI::App* add_plugin_command(CLI::App& plugins, Arguments& a, const char* name, const char* what,
                             bool is_of_one, std::function<ExitCode()> run) {
  auto* command = plugins.add_subcommand(name, what);
  if (is_of_one) command->add_option("NAME", a.plugin.name, "The plugin NAME.so")->required();
  command->add_option("--dir", a.plugin.dir, "The folder of the plugins")
      ->envname("SLUICE_PLUGIN_DIR")
      ->capture_default_str();
  command->add_flag("--in-process", a.plugin.in_process,
                    "Run any plugin in this process, with your rights: for a debugger");
  command->callback([&a, run] {
    a.run = [&a, run] {
      a.plugin.json = a.local.json;
      return run();
    };
  });
  return command;
}

void add_reload(CLI::App& plugins, Arguments& a) {
  auto* reload = plugins.add_subcommand(
      "reload",
      "Have the node load all plugin files anew while data flows; each pipeline keeps its state, "
      "or stays as it is");
  reload->add_flag("--anew", a.begins_anew,
                   "Where a new version refuses the state of the old one, begin without any: what "
                   "the old one held is rejected");
  reload->callback([&a] { a.run = [&a] { return reload_plugins(a.local, a.begins_anew); }; });
}

void add_plugins(CLI::App& app, Arguments& a) {
  auto* plugins = app.add_subcommand(
      "plugins", "Plugins that the node found, and who uses them; below: plugin files themselves");
  plugins->require_subcommand(0, 1);
  plugins->footer(
      "The commands here load the files, and loading runs their code: of plugins that come with "
      "Sluice\n"
      "in this process, of others in one of their own behind the daemon's sandbox.");
  plugins->callback([&a, plugins] {
    if (plugins->get_subcommands().empty()) a.run = [&a] { return show_plugins(a.local); };
  });
  add_reload(*plugins, a);
  add_plugin_command(*plugins, a, "list", "The plugin files of a folder; no daemon needed", false,
                     [&a] { return list_plugin_files(a.plugin); });
  add_plugin_command(*plugins, a, "describe", "What a plugin does, its rules, its config's keys",
                     true, [&a] { return describe_plugin(a.plugin); });
  add_plugin_command(*plugins, a, "docs", "The reference of a folder's plugins, in Markdown", false,
                     [&a] { return write_plugin_docs(a.plugin); });
  auto* test = add_plugin_command(
      *plugins, a, "test",
      "Give readings to a plugin and see what it does with each. They come on stdin, a JSON object "
      "a line: {\"measurement\":\"temperature\",\"unit\":\"Cel\",\"labels\":{\"room\":\"a\"},"
      "\"time\":\"2024-05-01T12:00:00Z\",\"value\":21.5}",
      true, [&a] { return run_plugin_test(a); });
  test->add_option("--config", a.plugin_config, "Its config, JSON or @FILE (default: {})");
  test->add_option("--batch", a.trial.batch_size, "Readings a call")
      ->check(whole_number(65'536))
      ->capture_default_str();
  test->add_option("--max-out-of-order", a.max_out_of_order,
                   "How far time stays behind the latest reading: 500ms, 5s (default: not at all)");
  test->add_option("--advance", a.advance, "How far time goes on after the last reading: 10s, 1h");
  test->add_flag("--restart", a.trial.restarts,
                 "Restart after each batch, from the plugin's snapshot: nothing may change");
  test->add_flag(
      "--aggregate", a.trial.of_aggregate,
      "Of the plugin's aggregate: what the readings of each series come to. Each --batch "
      "of them is a window, saved and read again with --restart, and all are merged");
}

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

void add_hub_commands(CLI::App& app, Arguments& a) {
  auto* hub = app.add_subcommand("hub", "Ask a hub about its fleet");
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

void add_top(CLI::App& app, Arguments& a) {
  auto* top = app.add_subcommand(
      "top", "A live view of this node, or of a fleet with --hub; a line per interval in a pipe");
  add_hub_options(*top, a.hub, false);
  top->add_option("--interval", a.interval, "Time between two looks: 500ms, 1s, 1m")
      ->capture_default_str();
  top->add_option("--seconds", a.top.seconds, "Stop after this long (default: on q or Ctrl-C)")
      ->check(whole_number(31'536'000));
  top->add_flag("--ascii", a.top.ascii, "Sparklines for a terminal without Unicode");
  top->callback([&a] {
    a.run = [&a] {
      const auto interval = parse_duration(a.interval);
      if (!interval.ok()) {
        return fail(invalid_argument("--interval " + std::string(interval.status().message())));
      }
      a.top.interval_ns = *interval;
      a.top.json = a.local.json;
      return a.hub.address.empty() ? top_node(a.local.socket_path, a.top) : top_hub(a.hub, a.top);
    };
  });
}

int run(int argc, char** argv) {
  // gRPC would write its own lines beside ours.
  ::setenv("GRPC_VERBOSITY", "NONE", 0);
  Arguments a;
  CLI::App app("sluicectl: looks at the sluice daemon of this machine, or at a fleet's hub.",
               "sluicectl");
  app.footer(kFooter);
  app.fallthrough();
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("sluicectl ") + SLUICE_VERSION);
  app.add_option("--socket", a.local.socket_path, "The daemon's admin socket")
      ->envname("SLUICE_SOCKET")
      ->capture_default_str();
  app.add_flag("--json", a.local.json, "Answer in JSON, for scripts");
  add_local_commands(app, a);
  add_plugins(app, a);
  add_hub_commands(app, a);
  add_top(app, a);
  app.failure_message([](const CLI::App* failed, const CLI::Error& e) {
    const auto words = failed->remaining(true);
    const std::string what =
        words.empty() ? e.what() : "there is no command or option \"" + words.front() + "\"";
    return "sluicectl: " + printable(what) + " (--help tells what there is)\n";
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kExitOk : kExitUsage;
  }
  return finish(a.run());
}

}  // namespace
}  // namespace sluice::ctl

int main(int argc, char** argv) { return sluice::ctl::run(argc, argv); }
