#include "ctl/format.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>

#include "ctl/text.h"

namespace sluice::ctl {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::int64_t kNsPerDay = 86'400 * kNsPerSecond;

template <typename... Args>
std::string print(const char* format, Args... args) {
  char text[64];
  std::snprintf(text, sizeof text, format, args...);
  return text;
}

/// Takes exactly `digits` decimal digits; -1 when they are not there.
int take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return -1;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take_char(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// ".25" as 250000000; 0 without a fraction, -1 when malformed.
std::int64_t take_fraction_ns(std::string_view& text) {
  if (!take_char(text, ".")) return 0;
  std::int64_t ns = 0;
  int digits = 0;
  for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; ++digits, text.remove_prefix(1)) {
    if (digits >= 9) return -1;
    ns = ns * 10 + (text[0] - '0');
  }
  if (digits == 0) return -1;
  for (; digits < 9; ++digits) ns *= 10;
  return ns;
}

/// ns of the day, with the Z; -1 when malformed.
std::int64_t take_time_of_day(std::string_view& text) {
  const int hours = take_number(text, 2);
  if (!take_char(text, ":")) return -1;
  const int minutes = take_number(text, 2);
  if (!take_char(text, ":")) return -1;
  const int seconds = take_number(text, 2);
  const std::int64_t fraction_ns = take_fraction_ns(text);
  const bool sane = hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60 && seconds >= 0 &&
                    seconds < 60 && fraction_ns >= 0;
  if (!sane || !take_char(text, "Zz")) return -1;
  return (hours * 3600 + minutes * 60 + seconds) * kNsPerSecond + fraction_ns;
}

}  // namespace

std::string grouped(std::uint64_t count) {
  std::string out = std::to_string(count);
  for (std::size_t i = out.size(); i > 3;) {
    i -= 3;
    out.insert(i, 1, ',');
  }
  return out;
}

std::string grouped(std::int64_t count) {
  if (count >= 0) return grouped(static_cast<std::uint64_t>(count));
  return "-" + grouped(0 - static_cast<std::uint64_t>(count));
}

std::string bytes_text(std::uint64_t bytes) { return bytes_text(static_cast<double>(bytes)); }

std::string bytes_text(double bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  // 1023.95 would be shown as 1024.0.
  while (bytes >= (unit == 0 ? 1023.5 : 1023.95) && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  return print(unit == 0 ? "%.0f %s" : "%.1f %s", bytes, kUnits[unit]);
}

std::string duration_text(double seconds) {
  const auto s = static_cast<long long>(std::clamp(seconds, 0.0, 1e12));
  if (s < 60) return print("%lld s", s);
  if (s < 3600) return print("%lldm %02llds", s / 60, s % 60);
  if (s < 86'400) return print("%lldh %02lldm", s / 3600, s / 60 % 60);
  return print("%lldd %02lldh", s / 86'400, s / 3600 % 24);
}

std::string value_text(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (value == 0) return "0";
  const double size = std::fabs(value);
  if (size >= 1e12 || size < 1e-4) return print("%.6g", value);
  const int before = size < 1 ? 1 : static_cast<int>(std::floor(std::log10(size))) + 1;
  std::string out = print("%.*f", std::max(0, 6 - before), value);
  if (out.find('.') != std::string::npos) {
    out.erase(out.find_last_not_of('0') + 1);
    if (out.back() == '.') out.pop_back();
  }
  return out;
}

std::string rate_text(double per_second) {
  if (!std::isfinite(per_second) || per_second < 0) return "-";
  if (per_second < 99.95) return print("%.1f", per_second);
  return grouped(static_cast<std::uint64_t>(std::llround(std::min(per_second, 1e18))));
}

std::string window_text(std::int64_t start_ns, std::int64_t end_ns) {
  static constexpr std::pair<std::int64_t, const char*> kUnits[] = {
      {kNsPerDay, "d"},    {3600 * kNsPerSecond, "h"}, {60 * kNsPerSecond, "min"},
      {kNsPerSecond, "s"}, {1'000'000, "ms"},          {1000, "us"}};
  // Unsigned, since a hostile peer may send ends that lie further apart than int64 reaches.
  const auto length = static_cast<std::uint64_t>(end_ns) - static_cast<std::uint64_t>(start_ns);
  for (const auto& [ns, unit] : kUnits) {
    const auto size = static_cast<std::uint64_t>(ns);
    if (length >= size && length % size == 0) return grouped(length / size) + " " + unit;
  }
  return grouped(length) + " ns";
}

std::string utc_text(std::int64_t ns) {
  std::int64_t day = ns / kNsPerDay;
  std::int64_t rest_ns = ns % kNsPerDay;
  if (rest_ns < 0) {
    rest_ns += kNsPerDay;
    --day;
  }
  const std::chrono::year_month_day date{
      std::chrono::sys_days{std::chrono::days{static_cast<int>(day)}}};
  const std::int64_t s = rest_ns / kNsPerSecond;
  const std::int64_t fraction = rest_ns % kNsPerSecond;
  std::string out =
      print("%04d-%02u-%02u %02d:%02d:%02d", static_cast<int>(date.year()),
            static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
            static_cast<int>(s / 3600), static_cast<int>(s / 60 % 60), static_cast<int>(s % 60));
  if (fraction != 0) {
    std::string digits = print(".%09d", static_cast<int>(fraction));
    while (digits.size() > 4 && digits.compare(digits.size() - 3, 3, "000") == 0) {
      digits.resize(digits.size() - 3);
    }
    out += digits;
  }
  return out + "Z";
}

std::string sparkline(const std::vector<double>& values, bool unicode) {
  static constexpr const char* kBars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr const char* kAscii[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const double v : values) {
    if (!std::isfinite(v)) continue;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  std::string out;
  for (const double v : values) {
    if (!std::isfinite(v)) {
      out += " ";
      continue;
    }
    // Halved first: the span of two huge values of opposite sign would overflow.
    const double span = high / 2 - low / 2;
    const double place = span > 0 ? (v / 2 - low / 2) / span : 0.5;
    const auto bar = static_cast<std::size_t>(std::clamp(place * 8, 0.0, 7.0));
    out += unicode ? kBars[bar] : kAscii[bar];
  }
  return out;
}

Result<std::int64_t> parse_duration(std::string_view text) {
  static constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {{"ms", 1'000'000},
                                                                         {"s", kNsPerSecond},
                                                                         {"m", 60 * kNsPerSecond},
                                                                         {"h", 3600 * kNsPerSecond},
                                                                         {"d", kNsPerDay}};
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const auto& [name, ns] : kUnits) {
    if (error != std::errc() || unit != name) continue;
    if (number < 1 || number > 365 * kNsPerDay / ns) break;
    return number * ns;
  }
  return invalid_argument(
      "\"" + printable(text) +
      "\" is no duration: write a whole number and ms, s, m, h or d, e.g. 500ms");
}

Result<std::int64_t> parse_time(std::string_view text) {
  const Status failure =
      invalid_argument("\"" + printable(text) +
                       "\" is no time: write 2024-05-01T12:00:00Z, 2024-05-01 or ns since 1970");
  std::int64_t ns = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ns);
  if (error == std::errc() && end == text.data() + text.size()) return ns;

  const int year = take_number(text, 4);
  if (!take_char(text, "-")) return failure;
  const int month = take_number(text, 2);
  if (!take_char(text, "-")) return failure;
  const int day = take_number(text, 2);
  // The years that int64 ns can hold whole.
  if (year < 1678 || year > 2261 || month < 0 || day < 0) return failure;
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return failure;
  if (!text.empty()) {
    if (!take_char(text, "Tt ")) return failure;
    ns = take_time_of_day(text);
    if (ns < 0 || !text.empty()) return failure;
  } else {
    ns = 0;
  }
  return std::chrono::sys_days{date}.time_since_epoch().count() * kNsPerDay + ns;
}

}  // namespace sluice::ctl
