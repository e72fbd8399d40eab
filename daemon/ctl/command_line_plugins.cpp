#include <tuple>

#include "ctl/command_line.h"
#include "ctl/format.h"

namespace sluice::ctl {
namespace {

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

}  // namespace

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

}  // namespace sluice::ctl
