#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "health/process.h"
#include "node/compose.h"
#include "node/daemon.h"
#include "node/state_budget.h"
#include "schema/config_reader.h"

namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;
constexpr int kExitConfig = 78;  // EX_CONFIG of sysexits.h: restarting does not help

void configure_log(const sluice::v1::LogConfig& config) {
  using sluice::log::Format;
  using sluice::log::Level;
  const Level level = config.level() == sluice::v1::LogConfig::LEVEL_DEBUG   ? Level::debug
                      : config.level() == sluice::v1::LogConfig::LEVEL_WARN  ? Level::warn
                      : config.level() == sluice::v1::LogConfig::LEVEL_ERROR ? Level::error
                                                                             : Level::info;
  sluice::log::configure(
      level, config.format() == sluice::v1::LogConfig::FORMAT_JSON ? Format::json : Format::logfmt);
}

/// Paho and gRPC would dial a proxy named here instead of the broker and the hub.
void clear_proxies() {
  for (const char* name : {"http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "grpc_proxy",
                           "all_proxy", "ALL_PROXY"}) {
    unsetenv(name);
  }
}

/// Blocks the signals that mean something to us, in this and all later threads, so that only
/// Daemon::run() sees them.
sigset_t block_end_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);  // reads the config file again
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

void print_errors(const sluice::LoadResult& loaded) {
  for (const sluice::ConfigError& error : loaded.errors) {
    std::fprintf(stderr, "%s\n", error.to_string().c_str());
  }
  if (loaded.errors_left_out > 0) {
    std::fprintf(stderr, "%s: %zu more errors\n", loaded.file_name.c_str(), loaded.errors_left_out);
  }
}

int check(sluice::LoadResult& loaded) {
  sluice::check_composition(loaded, sluice::SystemClock().wall_ns());
  print_errors(loaded);
  if (loaded.ok()) std::printf("the config is good\n");
  return loaded.ok() ? 0 : kExitConfig;
}

int run(const std::string& path, const sluice::LoadResult& loaded, const std::string& document,
        const sigset_t& signals) {
  auto daemon = sluice::Daemon::start(path, loaded, document);
  if (!daemon.ok()) {
    const sluice::Status& status = daemon.status();
    sluice::log::error("node", "cannot start", {{"error", status.to_string()}});
    const bool hopeless = status.code() == sluice::StatusCode::invalid_argument ||
                          status.code() == sluice::StatusCode::failed_precondition;
    return hopeless ? kExitConfig : kExitFailure;
  }
  sluice::log::info("node", "running",
                    {{"node", loaded.config.node().name()}, {"version", SLUICE_VERSION}});
  sluice::notify_supervisor("READY=1");
  const int signal = (*daemon)->run(signals);
  sluice::log::info("node", "stopping", {{"signal", signal}});
  sluice::notify_supervisor("STOPPING=1");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string path = "/etc/sluice/sluice.yaml";
  bool only_check = false;
  CLI::App app(
      "The Sluice gateway daemon: MQTT in, plugins, SQLite, aggregates up over gRPC.\n"
      "Exit codes: 0 stopped, 1 failure worth a restart, 2 bad usage, 78 bad config.",
      "sluiced");
  app.add_option("--config", path, "the config file")->capture_default_str();
  app.add_flag("--check", only_check,
               "check config, TLS and password files and plugins, then exit");
  app.set_version_flag("--version", std::string("sluiced ") + SLUICE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kExitUsage;
  }
  const sigset_t signals = block_end_signals();
  clear_proxies();
  const auto document = sluice::read_config_text(path);
  sluice::LoadResult loaded =
      document.ok() ? sluice::load_config_text(*document, path, sluice::process_environment())
                    : sluice::load_config_file(path, {});
  sluice::check_state_budget(
      loaded, only_check ? sluice::BudgetCheck::takes_over : sluice::BudgetCheck::starts);
  if (!loaded.ok()) {
    print_errors(loaded);
    return kExitConfig;
  }
  configure_log(loaded.config.log());
  for (const std::string& line : loaded.notes) sluice::log::info("node", line);
  return only_check ? check(loaded) : run(path, loaded, *document, signals);
}
