#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ctl/fleet_commands.h"
#include "ctl/hub_commands.h"
#include "ctl/key_commands.h"
#include "ctl/local_commands.h"
#include "ctl/output.h"
#include "ctl/plan_command.h"
#include "ctl/plugin_commands.h"
#include "ctl/signing_commands.h"
#include "ctl/top_loop.h"

namespace sluice::ctl {

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
  std::int64_t revision = 0;
  std::int64_t other_revision = 0;
  bool no_wait = false;
  bool all = false;
  bool oldest_first = false;
  bool check = false;
  bool series_state = false;
  bool series_top = false;
  bool begins_anew = false;
  std::string since = "15m";
  TopOptions top;
  PluginTarget plugin;
  TrialOptions trial;
  std::string plugin_config;
  std::string max_out_of_order;
  std::string advance;
  KeyArguments keys;
  SigningArguments signing;
  PushArguments push;
  std::string wait_timeout = "10m";  ///< a duration, as written
  std::uint64_t offer_id = 0;
  std::string not_before;  ///< a time, as written
  std::function<ExitCode()> run;
};

// What several commands' help says.
extern const char* const kFooter;
extern const char* const kEventColumns;

/// From 1; CLI11's own words for it do not say what would be right.
CLI::Validator whole_number(std::uint64_t max);

void add_hub_options(CLI::App& command, HubAddress& hub, bool required);

// Each adds commands, which set `run`.
void add_node_commands(CLI::App& app, Arguments& a);
void add_config_commands(CLI::App& app, Arguments& a);
void add_plugins(CLI::App& app, Arguments& a);
void add_hub_commands(CLI::App& app, Arguments& a);
/// Below `hub`, which must be there.
void add_fleet_commands(CLI::App& app, Arguments& a);
void add_top(CLI::App& app, Arguments& a);
void add_keys(CLI::App& app, Arguments& a);
/// Below `config`, which must be there.
void add_config_signing(CLI::App& app, Arguments& a);

}  // namespace sluice::ctl
