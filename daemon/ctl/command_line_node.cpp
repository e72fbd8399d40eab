#include "ctl/command_line.h"

namespace sluice::ctl {
namespace {

constexpr const char* kLateColumns =
    "Columns:\n"
    "  NUMBER  since the daemon started, of all pipelines\n"
    "  BEHIND  how far behind the watermark of its topic: the newest event time less\n"
    "          max_out_of_order. -: its window was closed early, see limits.windows_max\n\n";

constexpr const char* kPlanColumns =
    "Signs:\n"
    "  +  added   ~  changed   -  removed\n"
    "Exit codes of this command: 0 it fits, 1 it is refused, 2 it is no config, 3 no daemon\n\n";

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

void add_plan(CLI::App& config, Arguments& a) {
  auto* plan = config.add_subcommand(
      "plan",
      "What the node would do with another config: rehearses it on what was recorded last, beside "
      "the running one; nothing of the node changes");
  plan->footer(std::string(kPlanColumns) + kFooter);
  plan->add_option("FILE", a.file, "The candidate; its node, storage, uplink and log do not count")
      ->required();
  plan->add_option("--since", a.since, "How far back the recording goes: 90s, 15m, 2h")
      ->capture_default_str();
  plan->callback([&a] { a.run = [&a] { return plan_config(a.local, a.file, a.since); }; });
}

}  // namespace

void add_node_commands(CLI::App& app, Arguments& a) {
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

  add_plan(*config, a);

  auto* version = app.add_subcommand("version", "Version of sluicectl");
  version->callback([&a] { a.run = [&a] { return show_version(a.local.json); }; });
}

}  // namespace sluice::ctl
