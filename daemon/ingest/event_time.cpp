#include "ingest/event_time.h"

#include <cmath>
#include <cstddef>
#include <limits>

namespace sluice {
namespace {
constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
static_assert(kEventTimeMaxNs == kMax - 366 * 86'400 * kSecondNs);

std::int64_t unit_ns(TimeFormat unit) {
  switch (unit) {
    case TimeFormat::s: return kSecondNs;
    case TimeFormat::ms: return 1'000'000;
    case TimeFormat::us: return 1'000;
    case TimeFormat::ns: return 1;
    case TimeFormat::arrival:
    case TimeFormat::rfc3339: break;
  }
  SLUICE_ASSERT(false);
  return 1;
}

Status before_1970() { return invalid_argument("lies before 1970"); }
Status after_2261() {
  return invalid_argument("lies after 2261-04-10, the last day that is kept; is the unit right?");
}

Result<std::int64_t> bounded(std::int64_t ns) {
  if (ns > kEventTimeMaxNs) return after_2261();
  return ns;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Reads a text of fixed form from the left; a failure sticks.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}
  /// Exactly `count` digits.
  int digits(int count) {
    int value = 0;
    for (; count > 0; --count) {
      if (at_ >= text_.size() || !is_digit(text_[at_])) {
        ok_ = false;
        return 0;
      }
      value = value * 10 + (text_[at_++] - '0');
    }
    return value;
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) { ok_ = take(c) && ok_; }
  /// The digits ahead as a fraction of a second; at most nine.
  std::int64_t fraction_ns() {
    std::int64_t value = 0;
    int count = 0;
    for (; at_ < text_.size() && is_digit(text_[at_]); ++at_, ++count) {
      if (count < 9) value = value * 10 + (text_[at_] - '0');
    }
    if (count < 1 || count > 9) ok_ = false;
    for (; count < 9; ++count) value *= 10;
    return value;
  }
  bool ok() const { return ok_; }
  bool at_end() const { return at_ == text_.size(); }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

struct DateTime {
  int year, month, day, hour, minute, second;
  std::int64_t fraction_ns = 0;
  int offset_minutes = 0;
};

bool is_leap_year(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int days_in_month(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap_year(year) ? 29 : kDays[month - 1];
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; year 0 to 9999.
std::int64_t days_since_1970(int year, int month, int day) {
  const auto leap_days_before = [](std::int64_t y) {  // from year 1 on
    return (y - 1) / 4 - (y - 1) / 100 + (y - 1) / 400;
  };
  if (year == 0) return -1'000'000;
  std::int64_t days =
      365 * (std::int64_t{year} - 1970) + leap_days_before(year) - leap_days_before(1970);
  for (int m = 1; m < month; ++m) days += days_in_month(year, m);
  return days + day - 1;
}

/// The form alone; values are not checked.
bool scan_rfc3339(std::string_view text, DateTime& t) {
  Scanner in(text);
  t.year = in.digits(4);
  in.expect('-');
  t.month = in.digits(2);
  in.expect('-');
  t.day = in.digits(2);
  if (!in.take('T')) in.expect('t');
  t.hour = in.digits(2);
  in.expect(':');
  t.minute = in.digits(2);
  in.expect(':');
  t.second = in.digits(2);
  if (in.take('.')) t.fraction_ns = in.fraction_ns();
  if (in.take('Z') || in.take('z')) return in.ok() && in.at_end();
  const bool east = in.take('+');
  if (!east) in.expect('-');
  const int hours = in.digits(2);
  in.expect(':');
  const int minutes = in.digits(2);
  t.offset_minutes = (east ? 1 : -1) * (hours * 60 + minutes);
  return in.ok() && in.at_end() && hours <= 23 && minutes <= 59;
}

/// The second after `utc_s` begins a month.
bool ends_a_month(std::int64_t utc_s) {
  constexpr std::int64_t kDayS = 86'400;
  const std::int64_t next_s = utc_s + 1;
  if (next_s % kDayS != 0) return false;
  std::int64_t day = next_s / kDayS;
  int year = 1970;
  for (; day >= 365 + is_leap_year(year); ++year) day -= 365 + is_leap_year(year);
  for (int month = 1; month <= 12 && day > 0; ++month) day -= days_in_month(year, month);
  return day == 0;
}
}  // namespace

Result<std::int64_t> event_time_from_integer(std::int64_t count, TimeFormat unit) {
  if (count < 0) return before_1970();
  std::int64_t ns = 0;
  if (__builtin_mul_overflow(count, unit_ns(unit), &ns)) return after_2261();
  return bounded(ns);
}

Result<std::int64_t> event_time_from_integer(std::uint64_t count, TimeFormat unit) {
  if (count > static_cast<std::uint64_t>(kMax)) return after_2261();
  return event_time_from_integer(static_cast<std::int64_t>(count), unit);
}

Result<std::int64_t> event_time_from_double(double count, TimeFormat unit) {
  if (!std::isfinite(count)) return invalid_argument("is not finite");
  // Whole microseconds per unit, or units per microsecond: both are exact as doubles.
  const double us =
      unit == TimeFormat::ns ? count / 1e3 : count * static_cast<double>(unit_ns(unit) / 1'000);
  const double whole_us = std::round(us);
  if (whole_us < 0) return before_1970();
  // The bound rounds up to 9223372036854776 as a double, whose nanoseconds would overflow.
  if (whole_us >= static_cast<double>(kMax / 1'000)) return after_2261();
  return bounded(static_cast<std::int64_t>(whole_us) * 1'000);
}

Result<std::int64_t> event_time_from_digits(std::string_view text, TimeFormat unit) {
  const std::string_view whole = text.substr(0, text.find('.'));
  const bool has_fraction = whole.size() < text.size();
  const std::string_view fraction = has_fraction ? text.substr(whole.size() + 1) : "";
  bool digits = !whole.empty() && !(has_fraction && fraction.empty());
  for (const char c : whole) digits = digits && is_digit(c);
  for (const char c : fraction) digits = digits && is_digit(c);
  if (!digits) {
    return invalid_argument("is not a number of digits with at most one point");
  }
  std::int64_t ns = 0;
  for (const char c : whole) {
    if (__builtin_mul_overflow(ns, 10, &ns) || __builtin_add_overflow(ns, c - '0', &ns)) {
      return after_2261();
    }
  }
  std::int64_t step = unit_ns(unit);
  if (__builtin_mul_overflow(ns, step, &ns)) return after_2261();
  for (const char c : fraction) {
    step /= 10;
    if (__builtin_add_overflow(ns, step * (c - '0'), &ns)) return after_2261();
  }
  return bounded(ns);
}

Result<std::int64_t> event_time_from_rfc3339(std::string_view text) {
  DateTime t{};
  if (!scan_rfc3339(text, t)) {
    return invalid_argument(
        "is not an RFC 3339 time with zone, such as 2024-02-10T07:15:31.120Z or "
        "2024-02-10T08:15:31+01:00");
  }
  if (t.month < 1 || t.month > 12 || t.day < 1 || t.day > days_in_month(t.year, t.month)) {
    return invalid_argument("names a day that does not exist");
  }
  if (t.hour > 23 || t.minute > 59 || t.second > 60) {
    return invalid_argument("names a time of day that does not exist");
  }
  const bool leap_second = t.second == 60;
  const std::int64_t utc_s = days_since_1970(t.year, t.month, t.day) * 86'400 + t.hour * 3'600 +
                             t.minute * 60 + (leap_second ? 59 : t.second) - t.offset_minutes * 60;
  if (utc_s < 0) return before_1970();
  if (leap_second && !ends_a_month(utc_s)) {
    return invalid_argument("has second 60, which only the last UTC minute of a month can have");
  }
  std::int64_t ns = 0;
  if (__builtin_mul_overflow(utc_s, kSecondNs, &ns) ||
      __builtin_add_overflow(ns, leap_second ? kSecondNs - 1 : t.fraction_ns, &ns)) {
    return after_2261();
  }
  return bounded(ns);
}

}  // namespace sluice
