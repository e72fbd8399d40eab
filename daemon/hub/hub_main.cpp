#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <signal.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/clock.h"
#include "base/log.h"
#include "hub/hub_options.h"
#include "hub/hub_service.h"
#include "hub/hub_store.h"
#include "plugin_host/aggregate_library.h"

namespace sluice::hub {
namespace {

int fail(const Status& status, int exit_code) {
  std::fprintf(stderr, "sluice-hub: %s\n", std::string(status.message()).c_str());
  return exit_code;
}

// One voice for the whole program: gRPC's lines go through our log, escaped and rate-limited.
void log_grpc_line(gpr_log_func_args* line) {
  const auto level =
      line->severity == GPR_LOG_SEVERITY_ERROR ? log::Level::warn : log::Level::debug;
  log::write(level, "grpc", "message from the library", {{"text", line->message}});
}

// Whoever waits for the file sees all of it or none.
Status write_port_file(const std::string& path, std::uint16_t port) {
  const std::string part = path + ".part";
  std::FILE* file = std::fopen(part.c_str(), "we");
  bool written = file != nullptr && std::fprintf(file, "%u\n", unsigned{port}) > 0;
  if (file != nullptr) written = std::fclose(file) == 0 && written;
  if (written && std::rename(part.c_str(), path.c_str()) == 0) return {};
  return unavailable("cannot write --port-file " + path + ": " + std::strerror(errno));
}

// Blocked before any thread starts, so that all inherit it and only sigwait sees the signals.
sigset_t block_stop_signals() {
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGINT);
  sigaddset(&stops, SIGHUP);  // of a closed terminal
  pthread_sigmask(SIG_BLOCK, &stops, nullptr);
  // A closed stdout is not a reason to drop the nodes.
  signal(SIGPIPE, SIG_IGN);
  return stops;
}

int run(const HubOptions& options) {
  const sigset_t stops = block_stop_signals();
  log::configure(log::Level::info, options.log_format);
  gpr_set_log_function(log_grpc_line);
  HubServiceOptions service_options;
  service_options.listen = options.listen;
  if (!options.tls.certificate.empty()) {
    auto tls = load_tls(options.tls);
    if (!tls.ok()) return fail(tls.status(), kExitUsage);
    service_options.tls = std::move(*tls);
    service_options.tls_files = options.tls;
  }
  service_options.operators = options.operators;
  if (!options.plugins.empty()) {
    service_options.find_aggregate = [folder = std::make_shared<AggregateFolder>(options.plugins)](
                                         const PluginAggregateKey& key) {
      return folder->find(key);
    };
  }
  const SystemClock clock;
  auto store = HubStore::open(options.database, clock);
  if (!store.ok()) return fail(store.status(), kExitFailed);
  auto service = HubService::start(service_options, **store, clock);
  if (!service.ok()) return fail(service.status(), kExitFailed);

  ListenAddress bound = options.listen;
  bound.port = (*service)->port();
  log::info("hub", "listening on " + to_string(bound),
            {{"db", options.database},
             {"tls", service_options.tls.has_value()},
             {"client_certificates", !options.tls.client_ca.empty()},
             {"version", SLUICE_VERSION}});
  if (!options.port_file.empty()) {
    if (Status s = write_port_file(options.port_file, bound.port); !s.ok()) {
      return fail(s, kExitFailed);
    }
  }
  int signal_number = 0;
  sigwait(&stops, &signal_number);
  log::info("hub", "stopping", {{"signal", signal_number}});
  return kExitOk;
}

}  // namespace
}  // namespace sluice::hub

int main(int argc, char** argv) {
  google::protobuf::SetLogHandler(nullptr);  // else any peer can fill stderr with parse errors
  const auto parsed = sluice::hub::parse_arguments(argc, argv);
  if (parsed.options) return sluice::hub::run(*parsed.options);
  std::fputs(parsed.text.c_str(), parsed.exit_code == 0 ? stdout : stderr);
  return parsed.exit_code;
}
