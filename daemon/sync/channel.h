#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/tls_files.h"

namespace grpc {
class Channel;
}

namespace sluice {

/// cert_file and key_file together, or neither.
struct TlsOptions : TlsFiles {
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
/// work, with its key in the config, or only one of certificate and key is set. Keepalive pings go
/// every 20 s while a call is open: the hub must allow them. Any thread.
Result<std::shared_ptr<grpc::Channel>> make_channel(const ChannelOptions& options);

/// What a failed call of such a channel said, as a sentence for the operator: names the hub and,
/// for the usual TLS mistakes, the key of the config to look at.
std::string explain_failure(const ChannelOptions& options, std::string_view grpc_message);

}  // namespace sluice
