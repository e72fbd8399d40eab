#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/tls_files.h"
#include "model/topic_filter.h"

namespace sluice {

enum class MqttVersion : std::uint8_t { v3_1_1, v5 };

/// One broker to read from. The defaults are those of the configuration.
struct SourceOptions {
  std::string name;
  std::string url;  ///< tcp or mqtt://host[:1883], ssl or mqtts://host[:8883]; IPv6 in brackets
  MqttVersion version = MqttVersion::v5;
  std::string client_id;  ///< not empty: it names the session that the broker keeps for us
  std::string user;       ///< empty: none
  std::string password;
  std::string password_file;  ///< not empty: its first line is the password, at every attempt anew
  TlsFiles tls;               ///< used when the URL says mqtts
  std::vector<TopicFilter> filters;
  bool watch_broker_drops = false;                 ///< mosquitto's $SYS counter of dropped messages
  std::uint32_t session_expiry_s = 7 * 24 * 3600;  ///< MQTT 5 only; 3.1.1 has no limit to give
  std::uint16_t keep_alive_s = 60;
  std::uint16_t receive_maximum = 1000;  ///< MQTT 5: most unacknowledged messages
  std::uint16_t broker_inflight = 20;    ///< 3.1.1: what the broker is set to, mosquitto's default
  std::size_t queue_bytes_max = 8u << 20;      ///< unacknowledged topic and payload bytes
  std::size_t payload_bytes_max = 256u << 10;  ///< a longer payload arrives cut to one byte more
  std::chrono::milliseconds connect_timeout{10'000};  ///< each of: dial, CONNACK, SUBACK
  std::chrono::milliseconds backoff_min{100};
  std::chrono::milliseconds backoff_max{30'000};
  /// Retained up/down goes to `<prefix>/<node>/status/health`; an empty prefix turns it off.
  std::string health_topic_prefix;
  std::string node;

  /// "Full in-flight window": as many unacknowledged messages as the broker sends.
  std::uint32_t in_flight_window() const {
    return version == MqttVersion::v5 ? receive_maximum : broker_inflight;
  }
};

/// Where a URL points.
struct BrokerAddress {
  bool tls = false;
  std::string host;  ///< without brackets
  std::uint16_t port = 0;
};

/// `invalid_argument` says which part of the URL is wrong and what it should be.
Result<BrokerAddress> parse_broker_url(const std::string& url);

/// Refuses what could not work: `invalid_argument` names the source, the option and the remedy.
Status check_source_options(const SourceOptions& options);

/// `unavailable` names the first file that cannot work and its key in the config: a better one may
/// come, so this is asked at every attempt.
Status check_tls_files(const TlsFiles& tls);

/// The first line of the file. `unavailable` says what is wrong with it.
Result<std::string> read_password_file(const std::string& path);
/// What to send now; errors name the key in the config too.
Result<std::string> password_of(const SourceOptions& options);

/// `<prefix>/<node>/status/health`.
std::string health_topic(const SourceOptions& options);

}  // namespace sluice
