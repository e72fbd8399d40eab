#include "base/decimal.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace sluice {
namespace {

// All exact in a double: 10^22 is the last power of ten that is.
constexpr std::array<double, kDecimalExponentMax + 1> kPowers = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
constexpr double kIntegerEnd = 9007199254740992.0;  // 2^53: beyond it not every integer is a double

}  // namespace

std::optional<std::int64_t> decimal_scale(double v, unsigned exponent) {
  if (exponent > kDecimalExponentMax) return std::nullopt;
  const double product = std::nearbyint(v * kPowers[exponent]);
  if (!(std::fabs(product) < kIntegerEnd)) return std::nullopt;  // NaN fails it too
  const auto scaled = static_cast<std::int64_t>(product);
  // Division is rounded correctly, so this is the decimal's own double; +0 != -0 in bits.
  const double back = decimal_value(scaled, exponent);
  if (std::bit_cast<std::uint64_t>(back) != std::bit_cast<std::uint64_t>(v)) return std::nullopt;
  return scaled;
}

double decimal_value(std::int64_t scaled, unsigned exponent) {
  if (exponent > kDecimalExponentMax) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(scaled) / kPowers[exponent];
}

unsigned decimal_exponent(std::span<const double> values) {
  std::array<std::size_t, kDecimalExponentMax + 1> count{};
  for (const double v : values) {
    unsigned e = 0;
    while (e <= kDecimalExponentMax && !decimal_scale(v, e)) ++e;
    if (e <= kDecimalExponentMax) ++count[e];
  }
  std::size_t above = 0;
  for (unsigned e = kDecimalExponentMax; e > 0; --e) {
    above += count[e];
    if (above * 8 > values.size()) return e;
  }
  return 0;
}

}  // namespace sluice
