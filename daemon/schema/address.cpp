#include "schema/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>

#include "schema/scalar_forms.h"

namespace sluice::schema {
namespace {

bool is_ipv6(const std::string& text) {
  in6_addr address;
  return inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

/// Labels of 1 to 63 letters, digits, - and _ (which internal DNS names do carry), joined by dots.
bool is_host_name(std::string_view text) {
  constexpr std::size_t kHostMax = 253;
  constexpr std::size_t kLabelMax = 63;
  if (text.empty() || text.size() > kHostMax) return false;
  while (true) {
    const std::size_t dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    const bool letters = std::all_of(label.begin(), label.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
    });
    if (label.empty() || label.size() > kLabelMax || !letters) return false;
    if (label.front() == '-' || label.back() == '-') return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

}  // namespace

std::optional<HostPort> parse_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_whole_number(text.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) return std::nullopt;
  std::string host(text.substr(0, colon));
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (!is_ipv6(host)) return std::nullopt;
  } else if (!is_host_name(host)) {
    return std::nullopt;
  }
  return HostPort{std::move(host), static_cast<std::uint16_t>(*port)};
}

std::optional<BrokerUrl> parse_broker_url(std::string_view text) {
  BrokerUrl url;
  url.tls = text.starts_with("ssl://");
  if (!url.tls && !text.starts_with("tcp://")) return std::nullopt;
  auto address = parse_host_port(text.substr(6));
  if (!address) return std::nullopt;
  url.address = *std::move(address);
  return url;
}

}  // namespace sluice::schema
