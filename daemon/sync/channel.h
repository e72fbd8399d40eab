#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace grpc {
class Channel;
}

namespace sluice {

/// PEM files; an empty name means the field is not used.
struct TlsOptions {
  std::string ca_file;    ///< the CA that signed the hub's certificate; empty: the system's
  std::string cert_file;  ///< ours, shown to the hub; together with key_file
  std::string key_file;
  std::string server_name;  ///< expected in the hub's certificate; empty: the host of the address
};

struct ChannelOptions {
  std::string hub;                ///< "host:port"
  std::optional<TlsOptions> tls;  ///< empty: plaintext
  bool gzip = false;              ///< requests are compressed where that makes them smaller
};

/// A channel to the hub; it dials at its first call. Each channel is one connection of its own, so
/// whoever makes one sets the pace of reconnecting by making the next. The files are read here, so
/// a renewed certificate is in use from the next channel on. `invalid_argument` when a file cannot
/// be read or only one of certificate and key is set. Keepalive pings go every 20 s while a call is
/// open: the hub must allow them. Any thread.
Result<std::shared_ptr<grpc::Channel>> make_channel(const ChannelOptions& options);

/// What a failed call of such a channel said, as a sentence for the operator: names the hub and,
/// for the usual TLS mistakes, the key of the config to look at.
std::string explain_failure(const ChannelOptions& options, std::string_view grpc_message);

}  // namespace sluice
