#include "ctl/command_line.h"
#include "ctl/config_commands.h"
#include "ctl/plan_command.h"

namespace sluice::ctl {
namespace {

constexpr const char* kConfigFooter =
    "A config that is applied takes effect while data flows; what only differs in pipelines "
    "touches "
    "no\nother pipeline. Then it is on probation (control.probation): the node compares how it "
    "does "
    "with the\ntime before, and goes back by itself when it does worse.\n\n";

constexpr const char* kPlanColumns =
    "Signs:\n"
    "  +  added   ~  changed   -  removed\n"
    "Exit codes of this command: 0 it fits, 1 it is refused, 2 it is no config, 3 no daemon\n\n";

CLI::App* add_waiting(CLI::App& config, Arguments& a, const char* name, const char* what,
                      ExitCode (*run)(const Arguments&)) {
  auto* command = config.add_subcommand(name, what);
  command->footer(std::string(kConfigFooter) + kFooter);
  command->add_flag("--no-wait", a.no_wait, "Do not wait for the end of its probation");
  command->callback([&a, run] { a.run = [&a, run] { return run(a); }; });
  return command;
}

void add_validate(CLI::App& config, Arguments& a) {
  auto* validate = config.add_subcommand(
      "validate",
      "Check a config's keys, types, bounds and the rules between them; no daemon needed");
  validate->add_option("FILE", a.file, "The config, e.g. /etc/sluice/sluice.yaml")->required();
  validate->callback([&a] { a.run = [&a] { return validate_config(a.file, a.local.json); }; });
}

void add_plan(CLI::App& config, Arguments& a) {
  auto* plan = config.add_subcommand(
      "plan",
      "What the node would do with another config: rehearses it on what was recorded last, beside "
      "the running one; nothing of the node changes");
  plan->footer(std::string(kPlanColumns) + kFooter);
  plan->add_option("FILE", a.file, "The candidate; its local keys do not count")
      ->required();
  plan->add_option("--since", a.since, "How far back the recording goes: 90s, 15m, 2h")
      ->capture_default_str();
  plan->callback([&a] { a.run = [&a] { return plan_config(a.local, a.file, a.since); }; });
}

void add_history(CLI::App& config, Arguments& a) {
  auto* history = config.add_subcommand("history", "The configs that the node was given");
  history->add_option("--limit", a.local_limit, "Rows at most (default 20)")
      ->check(whole_number(100));
  history->callback([&a] { a.run = [&a] { return show_config_history(a.local, a.local_limit); }; });
}

void add_show(CLI::App& config, Arguments& a) {
  auto* get = config.add_subcommand("get", "The config in effect");
  get->callback([&a] { a.run = [&a] { return show_config(a.local, 0); }; });
  auto* show = config.add_subcommand("show", "One of the configs that the node was given");
  show->add_option("REVISION", a.revision, "Its number, see `config history`")
      ->required()
      ->check(whole_number(INT64_MAX));
  show->callback([&a] { a.run = [&a] { return show_config(a.local, a.revision); }; });
}

void add_diff(CLI::App& config, Arguments& a) {
  auto* diff = config.add_subcommand("diff", "What differs between two revisions");
  diff->add_option("FROM", a.revision, "The number of the one")
      ->required()
      ->check(whole_number(INT64_MAX));
  diff->add_option("TO", a.other_revision, "The number of the other (default: the one in effect)")
      ->check(whole_number(INT64_MAX));
  diff->callback(
      [&a] { a.run = [&a] { return diff_configs(a.local, a.revision, a.other_revision); }; });
}

}  // namespace

void add_config_commands(CLI::App& app, Arguments& a) {
  auto* config = app.add_subcommand("config", "Config files, and the configs of the running node");
  config->require_subcommand(1);
  add_validate(*config, a);
  add_plan(*config, a);
  auto* apply = add_waiting(
      *config, a, "apply", "Put a config into effect", +[](const Arguments& given) {
        return apply_config(given.local, given.file, !given.no_wait);
      });
  apply->add_option("FILE", a.file, "The config; its local keys may be left out")->required();
  auto* rollback = add_waiting(
      *config, a, "rollback", "Go back to the config before, or to an earlier one",
      +[](const Arguments& given) {
        return roll_back_config(given.local, given.revision, !given.no_wait);
      });
  rollback->add_option("REVISION", a.revision, "Its number, see `config history`")
      ->check(whole_number(INT64_MAX));
  add_history(*config, a);
  add_show(*config, a);
  add_diff(*config, a);
}

}  // namespace sluice::ctl
