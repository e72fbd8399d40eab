#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/topic_filter.h"

namespace sluice {

/// Which message of which connection: what the ack gate counts in. Tickets start at 1 for the
/// first gated message (QoS >= 1) of a connection.
struct AckPosition {
  std::uint32_t source = 0;      ///< index of the source in the config
  std::uint64_t connection = 0;  ///< number of the connection since the process started, from 1
  std::uint64_t ticket = 0;      ///< 0: nothing to acknowledge (QoS 0, all that is no message, but
                                 ///< `subscribed`, before which no SUBSCRIBE may leave)
};

/// One MQTT message, or something that happened between messages, in arrival order: an item of the
/// ingest queue.
struct IngestEvent {
  enum class Kind : std::uint8_t {
    message,
    connected,       ///< a connection begins
    disconnected,    ///< it has ended; nothing of it follows
    subscribed,      ///< the filters that the broker may have of us, from now on
    broker_dropped,  ///< the broker says how many messages it dropped, ours or others'
  };
  Kind kind = Kind::message;
  AckPosition position;
  bool session_present = false;      ///< of `connected`: the broker kept our session
  std::vector<TopicFilter> filters;  ///< of `subscribed`
  std::uint64_t dropped = 0;         ///< of `broker_dropped`: messages since the broker started
  std::string topic;
  std::string payload;
  std::uint8_t qos = 0;
  bool dup = false;
  bool retain = false;
  bool retained_again = false;   ///< with `retain`: a repeated SUBSCRIBE brought it
  std::uint16_t packet_id = 0;   ///< 0 for QoS 0
  std::int64_t boottime_ns = 0;  ///< CLOCK_BOOTTIME when it arrived
  std::int64_t wall_ns = 0;      ///< wall clock when it arrived; a label
};

}  // namespace sluice
