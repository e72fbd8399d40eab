#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace sluice {

/// Sensor values are decimals: 21.37 is 2137 / 10^2. These functions find that form, and only where
/// it gives back the very same 64 bits, so that a codec may store the small integer instead.

inline constexpr unsigned kDecimalExponentMax = 15;

/// The integer with `v` == double(integer) / 10^`exponent`, bit for bit, |integer| < 2^53. Empty
/// when there is none: too many digits, too large, -0.0, NaN, infinity, or an exponent above 15.
std::optional<std::int64_t> decimal_scale(double v, unsigned exponent);

/// double(`scaled`) / 10^`exponent`; the inverse of decimal_scale. NaN for an exponent above 15.
double decimal_value(std::int64_t scaled, unsigned exponent);

/// The smallest exponent in 0..15 that covers most of `values`: no larger one covers more than an
/// eighth of them in addition. 0 for no values and for values that are no decimals.
unsigned decimal_exponent(std::span<const double> values);

}  // namespace sluice
