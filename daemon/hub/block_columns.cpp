#include "hub/block_columns.h"

#include <cmath>
#include <cstdint>

#include "base/decimal.h"
#include "sluice/v1/summary.pb.h"

namespace sluice {
namespace {

constexpr std::int64_t kScaledEnd = std::int64_t{1} << 53;

Status read_scaled(std::string_view field, const v1::NumberColumn& column, Numbers& out) {
  std::int64_t sum = 0;
  for (int i = 0; i < column.scaled_size(); ++i) {
    if (__builtin_add_overflow(sum, column.scaled(i), &sum) || sum >= kScaledEnd ||
        sum <= -kScaledEnd) {
      return broken_at(field, static_cast<std::size_t>(i), "scaled sum beyond 2^53");
    }
    out.values[static_cast<std::size_t>(i)] = decimal_value(sum, column.exponent());
  }
  return {};
}

Status read_exceptions(std::string_view field, const v1::NumberColumn& column, Numbers& out) {
  const bool all_raw = column.scaled_size() == 0;
  std::uint64_t place = 0;
  for (int i = 0; i < column.exceptions_size(); ++i) {
    if (all_raw) {
      place = static_cast<std::uint64_t>(i);
    } else {
      const std::uint32_t step = column.exception_places(i);
      if (i > 0 && step == 0) return broken_at(field, place, "two exceptions");
      place += step;
    }
    if (place >= out.values.size()) return broken_at(field, place, "exception beyond the panes");
    const double value = column.exceptions(i);
    if (!std::isfinite(value)) return broken_at(field, place, "not a finite number");
    out.values[place] = value;
    out.raw[place] = true;
  }
  return {};
}

}  // namespace

Status broken(std::string_view field, const std::string& what) {
  return invalid_argument("SummaryBlock." + std::string(field) + ": " + what);
}
Status broken_at(std::string_view field, std::size_t place, const std::string& what) {
  return broken(field, what + " at place " + std::to_string(place));
}
Status wrong_length(std::string_view field, int got, std::size_t panes) {
  return broken(field, std::to_string(got) + " entries for " + std::to_string(panes) + " panes");
}

Result<Numbers> read_numbers(std::string_view field, const v1::NumberColumn& column,
                             std::size_t panes) {
  if (column.exponent() > kDecimalExponentMax) {
    return broken(field, "exponent " + std::to_string(column.exponent()) + ", allowed are 0..15");
  }
  const bool all_raw = column.scaled_size() == 0;
  const int numbers = all_raw ? column.exceptions_size() : column.scaled_size();
  if (!fits_each(numbers, panes)) return wrong_length(field, numbers, panes);
  const int places = all_raw ? 0 : column.exceptions_size();
  if (column.exception_places_size() != places) {
    return broken(field, std::to_string(column.exception_places_size()) + " exception places for " +
                             std::to_string(column.exceptions_size()) + " exceptions");
  }
  Numbers out{std::vector<double>(panes), std::vector<bool>(panes)};
  if (Status s = read_scaled(field, column, out); !s.ok()) return s;
  if (Status s = read_exceptions(field, column, out); !s.ok()) return s;
  return out;
}

}  // namespace sluice
