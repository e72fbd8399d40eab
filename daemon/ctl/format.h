#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sluice::ctl {

/// 1234567 as "1,234,567".
std::string grouped(std::uint64_t count);
std::string grouped(std::int64_t count);

/// Binary units, three digits or so: "512 B", "1.5 KiB", "18.2 MiB".
std::string bytes_text(std::uint64_t bytes);
std::string bytes_text(double bytes);

/// The two largest units: "12 s", "3m 12s", "4h 03m", "2d 07h". Negative counts as 0.
std::string duration_text(double seconds);

/// A sensor value: six significant digits, no trailing zeros, powers of ten only where needed.
std::string value_text(double value);

/// Per second: "6,310", below 100 with one decimal.
std::string rate_text(double per_second);

/// Length of a window in the largest unit that holds it whole: "500 ms", "10 s", "1 min", "1 h".
std::string window_text(std::int64_t start_ns, std::int64_t end_ns);

/// "2024-05-01 12:00:00Z", with as many decimals (0, 3, 6, 9) as the time has.
std::string utc_text(std::int64_t ns);

/// The values as bars of eight heights from the smallest to the largest, oldest first. Without
/// `unicode` in ASCII.
std::string sparkline(const std::vector<double>& values, bool unicode);

/// "500ms", "1s", "2m", "1h", "1d" in ns; at least 1 ms, at most 365 days.
Result<std::int64_t> parse_duration(std::string_view text);

/// "2024-05-01T12:00:00Z" (RFC 3339, UTC, T or a blank, up to 9 decimals), "2024-05-01", or ns
/// since 1970 UTC.
Result<std::int64_t> parse_time(std::string_view text);

}  // namespace sluice::ctl
