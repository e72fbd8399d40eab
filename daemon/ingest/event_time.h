#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "model/reading.h"

namespace sluice {

/// How a payload writes the time of its readings.
enum class TimeFormat : std::uint8_t {
  arrival,  ///< not at all: the wall clock when the message arrived
  s,        ///< numbers since 1970 UTC, in this unit
  ms,
  us,
  ns,
  rfc3339,  ///< e.g. "2024-02-10T07:15:31.120Z"
};

// All of these give nanoseconds since 1970 UTC, from 1970-01-01T00:00:00Z to kEventTimeMaxNs,
// 2261-04-10T23:47:16.854775807Z; `invalid_argument` says in a clause that follows the value what
// is wrong with it. `unit` is s, ms, us or ns. No locale takes part. Any thread.

/// Exact.
Result<std::int64_t> event_time_from_integer(std::int64_t count, TimeFormat unit);
Result<std::int64_t> event_time_from_integer(std::uint64_t count, TimeFormat unit);

/// Rounded to the nearest microsecond: a double holds today's time no finer.
Result<std::int64_t> event_time_from_double(double count, TimeFormat unit);

/// Digits, perhaps a point and more digits. Exact; what is finer than a nanosecond is cut off. Some
/// encoders write 64 bit integers as text, since JavaScript has none.
Result<std::int64_t> event_time_from_digits(std::string_view text, TimeFormat unit);

/// RFC 3339, 5.6: date, 'T' or 't', time, up to 9 digits of fraction, and 'Z', 'z' or an offset,
/// which is required: a time without zone is no instant. A leap second (second 60 of the last UTC
/// minute of a month) becomes the last nanosecond of second 59, so that it stays in its minute.
Result<std::int64_t> event_time_from_rfc3339(std::string_view text);

}  // namespace sluice
