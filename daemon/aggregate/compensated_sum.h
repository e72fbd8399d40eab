#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/bytes.h"

namespace sluice {

/// The nearest finite double: sums of readings near 1.8e308 stay numbers.
inline double finite_or_max(double v) {
  constexpr double kMax = std::numeric_limits<double>::max();
  return std::clamp(v, -kMax, kMax);
}

/// A sum of finite doubles that remembers what rounding took (Neumaier 1974): its relative error is
/// near 1e-16 plus n^2 * 1e-32 of the sum of magnitudes, where a plain sum's grows with n * 1e-16.
/// The last bits still depend on the order of adding.
struct CompensatedSum {
  double sum = 0;
  double error = 0;

  void add(double v) { add(CompensatedSum{v, 0}); }
  /// Adding b to a gives the same bits as adding a to b.
  void add(const CompensatedSum& other) {
    const double t = sum + other.sum;
    if (!std::isfinite(t)) {
      *this = {finite_or_max(t), 0};
      return;
    }
    const bool larger = std::abs(sum) >= std::abs(other.sum);
    const double lost = larger ? (sum - t) + other.sum : (other.sum - t) + sum;
    error = (error + other.error) + lost;
    sum = t;
  }
  double total() const { return finite_or_max(sum + error); }

  void write(ByteWriter& writer) const {
    writer.f64(sum);
    writer.f64(error);
  }
  static CompensatedSum read(ByteReader& reader) {
    CompensatedSum s;
    s.sum = reader.f64() + 0.0;  // adding never gives -0.0
    s.error = reader.f64() + 0.0;
    return s;
  }
  bool finite() const { return std::isfinite(sum) && std::isfinite(error); }
};

}  // namespace sluice
