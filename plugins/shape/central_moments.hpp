#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

#include "state.hpp"

namespace sluice::shape {

/// Count, mean and the sums of the second to fourth powers of the deviations from it, of values
/// that are divided by a power of two common to all (2^scale), so that no power overflows.
///
/// Merging: Pébay, "Formulas for robust, one-pass parallel computation of covariances and
/// arbitrary-order statistical moments", SAND2008-6212, equations 2.1 and 3.1. One reading is a
/// part of one value.
struct CentralMoments {
  std::uint64_t count;
  double mean;
  double m2;
  double m3;
  double m4;
  std::int64_t scale;  ///< 0 until a value is larger than kLarge

  /// Fourth powers of less stay below the largest double even when 2^53 of them add up.
  static constexpr int kLargeExponent = 240;
  /// Of less the higher powers leave what a double can hold.
  static constexpr double kSmallest = 1e-140;

  void add(double value) {
    const double magnitude = std::abs(value);
    if (magnitude >= std::ldexp(1.0, kLargeExponent)) fit(std::ilogb(magnitude));
    merge_scaled({1, std::ldexp(value, static_cast<int>(-scale)), 0, 0, 0, scale});
  }

  void merge(CentralMoments other) {
    if (other.count == 0) return;
    if (other.scale > scale) rescale(other.scale);
    if (scale > other.scale) other.rescale(scale);
    merge_scaled(other);
  }

  /// What a state may be; the rest is damage.
  bool valid() const {
    if (count > std::uint64_t{1} << 53 || scale < 0 || scale > 1024) return false;
    if (count == 0) return mean == 0 && m2 == 0 && m3 == 0 && m4 == 0 && scale == 0;
    return std::isfinite(mean) && std::isfinite(m2) && std::isfinite(m3) && std::isfinite(m4) &&
           m2 >= 0 && m4 >= 0;
  }

  void save(sdk::StateWriter& w) const {
    w.u64(count);
    for (const double v : {mean, m2, m3, m4}) w.f64(v);
    w.i64(scale);
  }
  static constexpr std::uint32_t kSavedBytes = 48;

  static CentralMoments restored(sdk::StateReader& r) {
    CentralMoments m{};
    m.count = r.u64();
    for (double* v : {&m.mean, &m.m2, &m.m3, &m.m4}) *v = r.f64();
    m.scale = r.i64();
    if (!m.valid()) throw std::invalid_argument("no moments of a window");
    return m;
  }

  /// Fisher-Pearson g1 = (m3/n) / (m2/n)^1.5; `corrected` for a sample: G1 = g1 sqrt(n(n-1))/(n-2),
  /// from three values on. NaN where it is not defined.
  double skewness(bool corrected) const {
    const double n = static_cast<double>(count);
    if (!varies() || (corrected && count < 3)) return std::numeric_limits<double>::quiet_NaN();
    const double g1 = std::sqrt(n) * m3 / std::pow(m2, 1.5);
    return corrected ? g1 * std::sqrt(n * (n - 1)) / (n - 2) : g1;
  }

  /// Excess: 0 for a normal distribution. g2 = n m4 / m2^2 - 3; `corrected` for a sample:
  /// G2 = ((n+1) g2 + 6) (n-1) / ((n-2)(n-3)), from four values on.
  double excess_kurtosis(bool corrected) const {
    const double n = static_cast<double>(count);
    if (!varies() || (corrected && count < 4)) return std::numeric_limits<double>::quiet_NaN();
    const double g2 = n * (m4 / m2) / m2 - 3;
    return corrected ? ((n + 1) * g2 + 6) * (n - 1) / ((n - 2) * (n - 3)) : g2;
  }

 private:
  /// Deviations that are rounding of equal values say nothing of a shape.
  bool varies() const {
    const double n = static_cast<double>(count);
    const double rounding = std::abs(mean) * std::numeric_limits<double>::epsilon();
    return count >= 2 && m2 > n * rounding * rounding && m2 > kSmallest;
  }

  void fit(int exponent) {
    if (exponent - kLargeExponent + 1 > scale) rescale(exponent - kLargeExponent + 1);
  }
  void rescale(std::int64_t to) {
    const int by = static_cast<int>(scale - to);
    mean = std::ldexp(mean, by);
    m2 = std::ldexp(m2, 2 * by);
    m3 = std::ldexp(m3, 3 * by);
    m4 = std::ldexp(m4, 4 * by);
    scale = to;
  }

  void merge_scaled(const CentralMoments& b) {
    if (count == 0) {
      *this = b;
      return;
    }
    const double na = static_cast<double>(count);
    const double nb = static_cast<double>(b.count);
    const double n = na + nb;
    const double d = b.mean - mean;
    const double dn = d / n;
    m4 += b.m4 + d * dn * dn * dn * na * nb * (na * na - na * nb + nb * nb) +
          6 * dn * dn * (na * na * b.m2 + nb * nb * m2) + 4 * dn * (na * b.m3 - nb * m3);
    m3 += b.m3 + d * dn * dn * na * nb * (na - nb) + 3 * dn * (na * b.m2 - nb * m2);
    m2 += b.m2 + d * dn * na * nb;
    mean += dn * nb;
    count += b.count;
    if (m4 < 0) m4 = 0;
  }
};

}  // namespace sluice::shape
