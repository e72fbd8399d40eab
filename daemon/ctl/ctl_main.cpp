#include <cstdlib>
#include <string>

#include "ctl/command_line.h"
#include "ctl/text.h"

namespace sluice::ctl {
namespace {

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
  add_node_commands(app, a);
  add_config_commands(app, a);
  add_plugins(app, a);
  add_hub_commands(app, a);
  add_fleet_commands(app, a);
  add_top(app, a);
  add_keys(app, a);
  add_config_signing(app, a);
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
