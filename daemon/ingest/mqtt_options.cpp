#include "ingest/mqtt_options.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <string_view>
#include <system_error>

namespace sluice {
namespace {

Result<std::uint16_t> parse_port(std::string_view text, const std::string& url) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) {
    return invalid_argument("url '" + url + "': the port must be a number from 1 to 65535");
  }
  return port;
}

Status refuse(const SourceOptions& options, const std::string& why) {
  return invalid_argument("source '" + options.name + "': " + why);
}

Status check_limits(const SourceOptions& options) {
  if (options.receive_maximum == 0) return refuse(options, "receive_maximum must be at least 1");
  if (options.broker_inflight == 0) return refuse(options, "broker_inflight must be at least 1");
  if (options.queue_bytes_max == 0) return refuse(options, "queue_bytes_max must be at least 1");
  if (options.payload_bytes_max == 0 || options.payload_bytes_max > (128u << 20)) {
    return refuse(options, "payload_bytes_max must be between 1 byte and 128 MiB");
  }
  if (options.connect_timeout.count() < 1 || options.connect_timeout.count() > 600'000) {
    return refuse(options, "connect_timeout must be between 1 ms and 10 minutes");
  }
  if (options.backoff_min.count() < 1 || options.backoff_max < options.backoff_min ||
      options.backoff_max.count() > 86'400'000) {
    return refuse(options, "backoff must have 1 ms <= min <= max <= 1 day");
  }
  return Status();
}

Status check_filters(const SourceOptions& options) {
  if (options.filters.empty()) {
    return refuse(options, "no topic filter, so nothing would arrive; give at least one");
  }
  for (const TopicFilter& topic : options.filters) {
    if (topic.filter.empty() || topic.filter.size() > 65'535 ||
        topic.filter.find('\0') != std::string::npos) {
      return refuse(options, "a topic filter must have 1 to 65535 bytes and no NUL");
    }
    if (topic.qos > 1) {
      return refuse(options, "filter '" + topic.filter +
                                 "': qos must be 0 or 1; QoS 2 cannot hold back its "
                                 "acknowledgement until the message is on flash");
    }
  }
  return Status();
}

}  // namespace

Result<BrokerAddress> parse_broker_url(const std::string& url) {
  BrokerAddress address;
  std::string_view rest = url;
  // tcp and ssl are Paho's words for the same.
  const std::string_view scheme = rest.substr(0, rest.find("://"));
  if (scheme != "mqtt" && scheme != "tcp" && scheme != "mqtts" && scheme != "ssl") {
    return invalid_argument("url '" + url +
                            "': must begin with tcp://, ssl://, mqtt:// or mqtts://");
  }
  address.tls = scheme == "mqtts" || scheme == "ssl";
  rest.remove_prefix(std::min(rest.size(), scheme.size() + 3));
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const bool bracketed = rest.starts_with('[');
  const std::size_t host_end = bracketed ? rest.find(']') : rest.find(':');
  if (bracketed && host_end == std::string_view::npos) {
    return invalid_argument("url '" + url + "': the IPv6 address lacks its closing ']'");
  }
  address.host = rest.substr(bracketed ? 1 : 0, host_end - (bracketed ? 1 : 0));
  const bool plain = address.host.find_first_of("/@?# \t\r\n") == std::string::npos &&
                     address.host.find('\0') == std::string::npos;
  if (address.host.empty() || !plain) {
    return invalid_argument("url '" + url +
                            "': expected mqtt://host:port; user, password and paths have options "
                            "of their own");
  }
  rest = host_end == std::string_view::npos ? "" : rest.substr(host_end + (bracketed ? 1 : 0));
  address.port = address.tls ? 8883 : 1883;
  if (rest.empty()) return address;
  if (rest.front() != ':') {
    return invalid_argument("url '" + url + "': unexpected text after the host");
  }
  auto port = parse_port(rest.substr(1), url);
  if (!port.ok()) return port.status();
  address.port = *port;
  return address;
}

Status check_source_options(const SourceOptions& options) {
  if (const auto address = parse_broker_url(options.url); !address.ok()) {
    return refuse(options, std::string(address.status().message()));
  } else if (address->tls && address->host.find(':') != std::string::npos) {
    return refuse(options,
                  "url '" + options.url +
                      "': Paho cannot check a certificate against an IPv6 literal; use the "
                      "broker's host name");
  }
  if (options.client_id.empty()) {
    return refuse(options, "client_id must not be empty: it names the session the broker keeps");
  }
  // MQTT 3.1.1 [MQTT-3.1.2-22]; MQTT 5 dropped the restriction.
  if (options.version == MqttVersion::v3_1_1 && options.user.empty() &&
      !(options.password.empty() && options.password_file.empty())) {
    return refuse(options, "a password needs a user");
  }
  if (options.tls.cert_file.empty() && !options.tls.key_file.empty()) {
    return refuse(options, "tls key_file needs cert_file");
  }
  if (!options.health_topic_prefix.empty() &&
      health_topic(options).find_first_of(std::string_view("+#\0", 3)) != std::string::npos) {
    return refuse(options, "health_topic_prefix and node must not contain '+', '#' or NUL");
  }
  if (Status status = check_limits(options); !status.ok()) return status;
  return check_filters(options);
}

Status check_tls_files(const TlsFiles& tls) {
  const TlsReading reading = read_tls_files(tls);
  if (reading.faults.empty()) return Status();
  const TlsFault& fault = reading.faults.front();
  return unavailable("mqtt.tls." + fault.key + ": " + fault.message);
}

Result<std::string> read_password_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  std::string password;
  if (file && std::getline(file, password) && !password.empty()) return password;
  const std::string why = errno != 0 ? std::strerror(errno) : "its first line is empty";
  return unavailable("cannot read a password from " + path + ": " + why +
                     "; put it there in one line, readable for the user that sluiced runs as");
}

Result<std::string> password_of(const SourceOptions& options) {
  if (options.password_file.empty()) return options.password;
  Result<std::string> password = read_password_file(options.password_file);
  if (password.ok()) return password;
  return unavailable("mqtt.password_file: " + std::string(password.status().message()));
}

std::string health_topic(const SourceOptions& options) {
  return options.health_topic_prefix + "/" + options.node + "/status/health";
}

}  // namespace sluice
