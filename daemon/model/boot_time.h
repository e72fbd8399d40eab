#pragma once

#include <cstdint>
#include <string>

#include "model/reading.h"

namespace sluice {

// Readings whose payload has no time are stamped with their arrival. While nobody can say what time
// it is, that is CLOCK_BOOTTIME (decisions/0006-boot-time.md).

/// Set in the TopicId of a reading whose `event_time_ns` is CLOCK_BOOTTIME, so that boot time and
/// event time of one topic never share a watermark, an order or a window.
inline constexpr TopicId kBootTopic = TopicId{1} << 31;
/// Set likewise in the series that keys a window of boot time.
inline constexpr SeriesId kBootSeries = SeriesId{1} << 31;

inline bool in_boot_time(TopicId topic) { return (topic & kBootTopic) != 0; }
/// The id as the table of topics has it.
inline TopicId plain_topic(TopicId topic) { return topic & ~kBootTopic; }
/// What keys the windows of this reading.
inline SeriesId window_key(const Reading& reading) {
  return in_boot_time(reading.topic) ? reading.series | kBootSeries : reading.series;
}

/// A time without interruption in which arrivals are stamped in boot time. A boot has more than one
/// when the time that was known for a while turns out to be wrong.
struct BootStretch {
  std::string boot_id;        ///< the kernel's, of the boot that CLOCK_BOOTTIME counts from
  std::int64_t since_ns = 0;  ///< CLOCK_BOOTTIME; tells the stretches of one boot apart
  friend bool operator==(const BootStretch&, const BootStretch&) = default;
};

/// What time it was in a boot: CLOCK_BOOTTIME + offset, wrong by `error_ns` at most. For the cloud,
/// whenever it comes: of those for one boot the one with the largest `boottime_ns` counts.
struct TimeCorrection {
  std::string boot_id;
  std::int64_t offset_ns = 0;
  std::int64_t error_ns = 0;
  std::int64_t boottime_ns = 0;  ///< when this was known
  friend bool operator==(const TimeCorrection&, const TimeCorrection&) = default;
};
inline constexpr std::size_t kBootIdBytesMax = 64;

}  // namespace sluice
