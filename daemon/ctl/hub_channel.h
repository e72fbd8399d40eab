#pragma once

#include <memory>
#include <string>

#include "base/status.h"

namespace grpc {
class Channel;
}

namespace sluice::ctl {

/// Where the hub is and how to speak to it. Any TLS field set means TLS.
struct HubAddress {
  std::string address;    ///< host:port
  bool tls = false;       ///< TLS with the system's CAs
  std::string ca_file;    ///< PEM of the CA that signed the hub's certificate
  std::string cert_file;  ///< PEM of our certificate and key: mTLS; both or none
  std::string key_file;
  std::string server_name;  ///< to expect in the hub's certificate; empty: the host
};

/// Reads the TLS files; connects with the first call, and again by itself. `invalid_argument` when
/// one is unreadable.
Result<std::shared_ptr<grpc::Channel>> open_hub_channel(const HubAddress& address);

/// "cannot reach `hub`: …", for a call that ended UNAVAILABLE with these words.
std::string hub_unreachable(const std::string& hub, const std::string& words);

}  // namespace sluice::ctl
