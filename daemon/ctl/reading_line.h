#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/reading.h"
#include "model/series.h"

namespace sluice::ctl {

/// One reading as people and scripts write it: a JSON object on a line of its own.
struct ReadingLine {
  std::size_t line = 0;  ///< from 1
  Series series;
  Reading reading;  ///< its series and topic are 0
  friend bool operator==(const ReadingLine&, const ReadingLine&) = default;
};

inline constexpr std::size_t kReadingLinesMax = 1'000'000;

/// Reads
///
///   {"measurement": "temperature", "unit": "Cel", "labels": {"room": "a"},
///    "time": "2024-05-01T12:00:00Z", "value": 21.5, "quality": "good"}
///
/// on one line. `measurement`, `time` (RFC 3339 in UTC, or ns since 1970) and `value` are needed.
/// As when the daemon decodes a message, a number without point and exponent is an integer. Any
/// other key is refused. `invalid_argument` names the key, what is accepted and what was found.
Result<ReadingLine> parse_reading_line(std::string_view line);

/// One a line; lines without anything are skipped. `invalid_argument` starts with "line N: ".
Result<std::vector<ReadingLine>> parse_reading_lines(std::string_view text);

/// `{"measurement":"temperature","unit":"Cel","labels":{"room":"a"}}`
std::string series_json(const Series& series);

/// As parse_reading_line() takes it; a u64 below 2^63 comes back as an i64.
std::string reading_json(const Series& series, const Reading& reading);

/// The value with all its digits: 21.5, 21.0, 21 (an integer), true.
std::string exact_text(const Value& value);
std::string quality_text(Quality quality);

}  // namespace sluice::ctl
