#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "model/reading.h"

namespace sluice {

/// How grave: OpenTelemetry's severity numbers.
enum class Severity : std::uint8_t { info = 9, warn = 13, error = 17, fatal = 21 };

/// What an event says of a condition that lasts: nothing, that it holds from now on, or no more.
enum class EventPhase : std::uint8_t { moment = 0, begin = 1, end = 2 };

/// Something that people should know, told by a stage: an alert, a fault. It is counted, kept and
/// synced apart from readings.
struct Event {
  SeriesId series = 0;
  TopicId topic = 0;
  std::int64_t event_time_ns = 0;  ///< ns since 1970 UTC, or boot time as the topic's readings
  Severity severity = Severity::info;
  EventPhase phase = EventPhase::moment;
  std::string name;     ///< [a-z0-9_]{1,64}: which condition; its begin and end have the same
  std::string message;  ///< one sentence, 1..512 bytes of UTF-8
  std::vector<std::pair<std::string, std::string>> attributes;  ///< context; each key once
  friend bool operator==(const Event&, const Event&) = default;
};

/// An event as it leaves its pipeline: who told it, and in which time.
struct ToldEvent {
  Event event;
  std::string pipeline;
  std::string stage;
  /// Of the boot whose CLOCK_BOOTTIME the event's time is, if its topic is in boot time; empty: it
  /// is not, or that boot was over when the stage told it.
  std::string boot_id;
  friend bool operator==(const ToldEvent&, const ToldEvent&) = default;
};

/// An event that waits for the cloud. It never changes.
struct EventRow {
  std::int64_t seq = 0;  ///< unique within the epoch, rising
  std::string epoch;     ///< of the database when the event was written; 32 hex digits
  ToldEvent told;
  friend bool operator==(const EventRow&, const EventRow&) = default;
};

/// About what an event takes in memory and on flash.
inline std::size_t bytes_of(const ToldEvent& told) {
  std::size_t bytes = 64 + told.event.name.size() + told.event.message.size() +
                      told.pipeline.size() + told.stage.size() + told.boot_id.size();
  for (const auto& [key, value] : told.event.attributes) bytes += 4 + key.size() + value.size();
  return bytes;
}

}  // namespace sluice
