#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>

#include "state.hpp"

namespace sluice::shape {

/// The first four central moments of a window's values, which merge (Pébay, SAND2008-6212; Chan,
/// Golub and LeVeque for the second).
///
/// All is kept in units of 2^exponent, the exponent of the largest value, so that no power of a
/// finite value overflows or vanishes; to change the unit is exact. The mean is origin + offset,
/// where the origin is a value that was seen: differences from it are exact where the values lie
/// close together, so the moments are as good as the spread, not as the values.
struct Moments {
  static constexpr std::int64_t kExponentOfZero = -1100;  ///< below that of any other double
  static constexpr std::int64_t kExponentMax = 1023;
  static constexpr std::uint64_t kCountMax = std::uint64_t{1} << 53;  ///< exact as a double
  static constexpr std::uint32_t kSavedBytes = 56;

  std::uint64_t count = 0;
  std::int64_t exponent = kExponentOfZero;
  double origin = 0;
  double offset = 0;
  double m2 = 0;  ///< sums of the powers of the distances from the mean
  double m3 = 0;
  double m4 = 0;

  void add(double value) {
    Moments one;
    one.count = 1;
    if (value != 0) one.exponent = std::ilogb(value);
    one.origin = scaled(value, -one.exponent);
    merge(one);
  }

  /// Throws std::length_error past kCountMax.
  void merge(Moments other) {
    if (other.count == 0) return;
    if (count == 0) {
      *this = other;
      return;
    }
    if (count + other.count > kCountMax) throw std::length_error("too many readings");
    const std::int64_t unit = std::max(exponent, other.exponent);
    change_unit(unit);
    other.change_unit(unit);
    const auto a = static_cast<double>(count);
    const auto b = static_cast<double>(other.count);
    const double n = a + b;
    const double p = a / n;
    const double q = b / n;
    const double d = (other.origin - origin) + (other.offset - offset);
    m4 += other.m4 + d * d * d * d * a * q * (p * p - p * q + q * q) +
          6 * d * d * (p * p * other.m2 + q * q * m2) + 4 * d * (p * other.m3 - q * m3);
    m3 += other.m3 + d * d * d * a * q * (p - q) + 3 * d * (p * other.m2 - q * m2);
    m2 += other.m2 + d * d * a * q;
    offset += d * q;
    count += other.count;
  }

  /// Whether two values differ; else there is no shape.
  bool has_spread() const { return m2 > 0; }
  /// As of all there are, of which there are two that differ.
  double skewness() const {
    return std::sqrt(static_cast<double>(count)) * m3 / (m2 * std::sqrt(m2));
  }
  double excess_kurtosis() const { return static_cast<double>(count) * m4 / (m2 * m2) - 3; }

  void save(sdk::StateWriter& w) const {
    w.u64(count);
    w.i64(exponent);
    for (const double v : {origin, offset, m2, m3, m4}) w.f64(v);
  }
  /// Throws std::invalid_argument for what save() cannot have written.
  static Moments restore(sdk::StateReader& r) {
    Moments m;
    m.count = r.u64();
    m.exponent = r.i64();
    for (double* v : {&m.origin, &m.offset, &m.m2, &m.m3, &m.m4}) *v = r.f64();
    if (!m.is_sound()) throw std::invalid_argument("no moments of any readings");
    return m;
  }

 private:
  static double scaled(double value, std::int64_t exponent) {
    return std::scalbln(value, static_cast<long>(exponent));
  }
  void change_unit(std::int64_t unit) {
    const std::int64_t by = exponent - unit;
    if (by == 0) return;
    exponent = unit;
    origin = scaled(origin, by);
    offset = scaled(offset, by);
    m2 = scaled(m2, 2 * by);
    m3 = scaled(m3, 3 * by);
    m4 = scaled(m4, 4 * by);
  }
  /// In their unit all values lie between -2 and 2, which bounds the rest.
  bool is_sound() const {
    constexpr double kSlack = 1 + 1e-6;
    const auto n = static_cast<double>(count) * kSlack;
    if (count > kCountMax || exponent < kExponentOfZero || exponent > kExponentMax) return false;
    // NaN fails each of these.
    if (!(std::abs(origin) < 2 && std::abs(offset) <= 4 * kSlack)) return false;
    if (!(m2 >= 0 && m2 <= n * 4 && std::abs(m3) <= n * 64 && m4 >= 0 && m4 <= n * 256)) {
      return false;
    }
    return m2 * m2 <= n * m4 && (m2 > 0 || (m3 == 0 && m4 == 0));
  }
};

}  // namespace sluice::shape
