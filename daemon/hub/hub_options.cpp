#include "hub/hub_options.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <sstream>

namespace sluice::hub {
namespace {

constexpr char kAbout[] =
    "The cloud side of Sluice for reference and small fleets: receives the summaries of nodes,\n"
    "keeps the highest revision of each pane in one SQLite file and answers questions about them.";

constexpr char kFooter[] =
    "Serves sluice.v1.Uplink, HubQuery, Control and Fleet, grpc.health.v1.Health and server\n"
    "reflection. Up to 64 nodes at once, three threads each; messages up to 16 MiB, gzip "
    "accepted.\n"
    "Configs are pushed by sluice.v1.Fleet (`sluicectl hub push`). With --tls-client-ca only by\n"
    "those whose certificate bears the name of an --operator, so not by nodes; without it by "
    "whoever\n"
    "reaches the port; in plaintext from other machines by nobody.\n"
    "The TLS files are read again when they change; connections that are there stay. Files that\n"
    "cannot work are told in the log, and the former ones hold.\n"
    "SIGTERM and SIGINT stop it; nodes keep what was not acknowledged.\n\n"
    "Exit codes:\n"
    "  0  stopped by a signal\n"
    "  1  failed at run time: port taken, database not usable\n"
    "  2  wrong usage: options or TLS files";

struct RawOptions {
  std::string listen = "127.0.0.1:50051";
  std::string log_format = "logfmt";
  bool allow_plaintext = false;
};

void add_options(CLI::App& app, RawOptions& raw, HubOptions& options) {
  app.set_version_flag("--version", "sluice-hub " SLUICE_VERSION);
  app.footer(kFooter);
  app.add_option("--listen", raw.listen, "Address to listen on; port 0 takes any free one")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app.add_option("--db", options.database, "SQLite file, created when there is none")
      ->type_name("FILE")
      ->required();
  app.add_option("--port-file", options.port_file, "Write the port there once listening")
      ->type_name("FILE");
  app.add_option("--plugins", options.plugins,
                 "Folder of the plugins with which the nodes' aggregates are merged, NAME.so;\n"
                 "they run in this process")
      ->type_name("DIR");
  app.add_option("--tls-cert", options.tls.certificate, "Server certificate and chain, PEM")
      ->type_name("FILE");
  app.add_option("--tls-key", options.tls.key, "Its private key, PEM")->type_name("FILE");
  app.add_option("--tls-client-ca", options.tls.client_ca,
                 "Require client certificates signed by these, PEM")
      ->type_name("FILE");
  app.add_option(
         "--operator", options.operators,
         "Name in the client certificate (a DNS name or URI, or the common name) of one who\n"
         "may push configs; repeatable")
      ->allow_extra_args(false)
      ->type_name("NAME");
  app.add_flag("--insecure-plaintext", raw.allow_plaintext,
               "Allow an address other machines reach without TLS");
  app.add_option("--log-format", raw.log_format, "logfmt or json")
      ->check(CLI::IsMember({"logfmt", "json"}))
      ->type_name("FORMAT")
      ->capture_default_str();
}

Status check_transport(const HubOptions& options, bool allow_plaintext) {
  const TlsPaths& tls = options.tls;
  if (tls.certificate.empty() != tls.key.empty()) {
    return invalid_argument("--tls-cert and --tls-key go together; give both or neither");
  }
  if (tls.certificate.empty() && !tls.client_ca.empty()) {
    return invalid_argument("--tls-client-ca needs --tls-cert and --tls-key");
  }
  if (!options.operators.empty() && tls.client_ca.empty()) {
    return invalid_argument(
        "--operator needs --tls-client-ca: there is no name to go by without client certificates");
  }
  if (!tls.certificate.empty()) return {};
  const auto loopback = is_loopback(options.listen);
  if (!loopback.ok()) return loopback.status();
  if (*loopback || allow_plaintext) return {};
  return invalid_argument("--listen " + to_string(options.listen) +
                          " can be reached from other machines: give --tls-cert and --tls-key, "
                          "or ask for it with --insecure-plaintext");
}

ParsedArguments refuse(const std::string& why) {
  return {std::nullopt, kExitUsage, "sluice-hub: " + why + "\nRun with --help for the options.\n"};
}

}  // namespace

ParsedArguments parse_arguments(int argc, const char* const* argv) {
  CLI::App app(kAbout, "sluice-hub");
  RawOptions raw;
  HubOptions options;
  add_options(app, raw, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    std::ostringstream text;
    if (e.get_exit_code() != 0) return refuse(e.what());
    app.exit(e, text, text);
    return {std::nullopt, kExitOk, text.str()};
  }
  const auto listen = parse_listen_address(raw.listen);
  if (!listen.ok()) return refuse("--listen: " + std::string(listen.status().message()));
  options.listen = *listen;
  options.log_format = raw.log_format == "json" ? log::Format::json : log::Format::logfmt;
  if (options.database.empty()) return refuse("--db: the file name is empty");
  if (!options.plugins.empty() && !std::filesystem::is_directory(options.plugins)) {
    return refuse("--plugins: " + options.plugins + " is no folder");
  }
  if (Status s = check_transport(options, raw.allow_plaintext); !s.ok()) {
    return refuse(std::string(s.message()));
  }
  return {std::move(options), kExitOk, {}};
}

}  // namespace sluice::hub
