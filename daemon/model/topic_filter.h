#pragma once

#include <cstdint>
#include <string>

namespace sluice {

/// What is sent in SUBSCRIBE: an MQTT topic filter and the QoS it is asked for. The filters of a
/// source do not overlap; QoS 2 is never asked for, it acknowledges before we see the message.
struct TopicFilter {
  std::string filter;
  std::uint8_t qos = 1;  ///< 0 or 1; kUnsettledQos in what is remembered
  friend bool operator==(const TopicFilter&, const TopicFilter&) = default;
};

/// Of a remembered filter: the broker may have it, may not, or may have it at another QoS. It is
/// subscribed again where it is wanted and unsubscribed where it is not.
inline constexpr std::uint8_t kUnsettledQos = 0xFF;

}  // namespace sluice
