#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace sluice::hub {

struct ListenAddress {
  std::string host;        ///< name or numeric address, without brackets
  std::uint16_t port = 0;  ///< 0: any free one
};

/// Reads "127.0.0.1:50051", "[::1]:0", "localhost:0". `invalid_argument` says what is wrong.
Result<ListenAddress> parse_listen_address(const std::string& text);

/// "host:port", with brackets around an IPv6 address.
std::string to_string(const ListenAddress& address);

/// Whether only this machine can reach it. `invalid_argument` when the host does not resolve.
Result<bool> is_loopback(const ListenAddress& address);

/// Tries to bind, and gives the port back. `unavailable` with the kernel's reason when it is taken
/// or not ours to bind: gRPC would not tell.
Status check_bindable(const ListenAddress& address);

}  // namespace sluice::hub
