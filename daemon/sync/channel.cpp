#include "sync/channel.h"

#include <grpc/support/log.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <cctype>
#include <mutex>

#include "base/log.h"

namespace sluice {
namespace {

constexpr int kKeepaliveMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;

/// The library writes its own view of each failure to stderr; the caller gets the same as a Status.
void take_library_log() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function([](gpr_log_func_args* line) { log::debug("sync", line->message); });
  });
}

Result<std::shared_ptr<grpc::ChannelCredentials>> make_credentials(
    const std::optional<TlsOptions>& tls) {
  if (!tls) return grpc::InsecureChannelCredentials();
  if (tls->cert_file.empty() != tls->key_file.empty()) {
    return invalid_argument("uplink.tls: cert_file and key_file go together, set both or neither");
  }
  const TlsReading reading = read_tls_files(*tls);
  if (!reading.faults.empty()) {
    const TlsFault& fault = reading.faults.front();
    return invalid_argument("uplink.tls." + fault.key + ": " + fault.message);
  }
  const TlsPem& pem = reading.pem;
  return grpc::SslCredentials({pem.ca, pem.key, pem.cert});
}

grpc::ChannelArguments make_arguments(const ChannelOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // no bound
  // Channels to one address would share a connection, and its backoff, beneath us.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // The config says where to dial; the environment does not.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (options.gzip) arguments.SetCompressionAlgorithm(GRPC_COMPRESS_GZIP);
  if (options.tls && !options.tls->server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls->server_name);
  }
  return arguments;
}

bool mentions(std::string_view text, std::string_view word) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  };
  return std::search(text.begin(), text.end(), word.begin(), word.end(), same) != text.end();
}

}  // namespace

Result<std::shared_ptr<grpc::Channel>> make_channel(const ChannelOptions& options) {
  take_library_log();
  auto credentials = make_credentials(options.tls);
  if (!credentials.ok()) return credentials.status();
  return grpc::CreateCustomChannel(options.hub, *credentials, make_arguments(options));
}

std::string explain_failure(const ChannelOptions& options, std::string_view grpc_message) {
  std::string text = "hub " + options.hub + ": " + std::string(grpc_message);
  if (!options.tls) return text;
  if (mentions(grpc_message, "certificate_verify_failed") ||
      mentions(grpc_message, "certificate verify failed")) {
    const std::string& ca = options.tls->ca_file;
    text += "; the hub's certificate is not signed by " + (ca.empty() ? "a system CA" : ca) +
            " or not valid now: check uplink.tls.ca_file, the hub's certificate and the clock";
  } else if (mentions(grpc_message, "peer name") ||
             mentions(grpc_message, "hostname verification")) {
    text += "; the hub's certificate is for another name: check uplink.tls.server_name";
  } else if (mentions(grpc_message, "wrong_version_number") ||
             mentions(grpc_message, "wrong version number")) {
    text += "; the hub does not speak TLS on this port";
  } else if (mentions(grpc_message, "socket closed") ||
             mentions(grpc_message, "connection reset") || mentions(grpc_message, "broken pipe")) {
    const std::string& cert = options.tls->cert_file;
    text +=
        "; a hub that does not accept our certificate ends the connection so: check "
        "uplink.tls.cert_file, which is " +
        (cert.empty() ? "not set" : cert);
  }
  return text;
}

}  // namespace sluice
