#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "hub/listen_address.h"
#include "hub/tls_files.h"

namespace sluice::hub {

/// Exit codes of sluice-hub; documented in --help.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

/// What sluice-hub was asked to do, checked: nothing re-parses it.
struct HubOptions {
  ListenAddress listen;
  std::string database;                ///< path of the SQLite file
  std::string port_file;               ///< empty: none
  std::string plugins;                 ///< folder of those whose aggregates are merged; empty: none
  TlsPaths tls;                        ///< certificate and key are both given or both empty
  std::vector<std::string> operators;  ///< names in client certificates; with tls.client_ca only
  log::Format log_format = log::Format::logfmt;
};

/// Options, or an answer that ends the program: help, version, or what is wrong with the usage.
struct ParsedArguments {
  std::optional<HubOptions> options;
  int exit_code = kExitOk;
  std::string text;  ///< for stdout when the code is 0, else for stderr
};

/// Plaintext on an address that other machines reach is refused unless asked for by name.
ParsedArguments parse_arguments(int argc, const char* const* argv);

}  // namespace sluice::hub
