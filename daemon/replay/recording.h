#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sluice {

/// One recorded MQTT message.
struct RecordedMessage {
  std::int64_t time_ns = 0;  ///< when it was recorded, ns since 1970 UTC
  std::string topic;
  std::string payload;
};

/// Reads a recording: lines of `seconds[.fraction]<TAB>topic<TAB>payload`, as
/// `mosquitto_sub -F '%U\t%t\t%p'` prints them. Times may repeat and step back. A bad line is an
/// error that names it.
Result<std::vector<RecordedMessage>> read_recording(const std::string& path);
Result<RecordedMessage> parse_recorded_message(std::string_view line);

/// When each message is due, ns after the start, in send order. The recording's own gaps are kept,
/// divided by `speed`; a step back in time is due at once.
std::vector<std::int64_t> due_times(const std::vector<RecordedMessage>& messages, double speed);
/// The speed at which the recording takes `seconds`.
double speed_for(const std::vector<RecordedMessage>& messages, double seconds);

}  // namespace sluice
