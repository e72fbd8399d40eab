#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::schema {

/// `host:port`; an IPv6 host stands in brackets, which are not part of `host`.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;  ///< never 0
};

/// Empty unless the text is a host name (RFC 1123), an IPv4 address or a bracketed IPv6 address,
/// and a port from 1 to 65535.
std::optional<HostPort> parse_host_port(std::string_view text);

struct BrokerUrl {
  bool tls = false;  ///< ssl://, else tcp://
  HostPort address;
};

/// Empty unless the text is tcp://host:port or ssl://host:port and nothing more.
std::optional<BrokerUrl> parse_broker_url(std::string_view text);

}  // namespace sluice::schema
