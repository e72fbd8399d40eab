#include "model/window.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sluice {

namespace {
constexpr double kNsPerSecond = 1e9;

void add_compensated(double& sum, double& error, double value) {
  const double t = sum + value;
  error += std::abs(sum) >= std::abs(value) ? (sum - t) + value : (value - t) + sum;
  sum = t;
}

double finite(double v) {
  constexpr double kMax = std::numeric_limits<double>::max();
  return std::clamp(v, -kMax, kMax);
}
}  // namespace

void Moments::add(std::int64_t event_time_ns, double value) {
  value += 0.0;  // -0.0 becomes 0.0: they are equal, and which of them stayed would tell the order
  Moments one;
  one.count = 1;
  one.sum = one.mean = one.min = one.max = one.first = one.last = value;
  one.first_time_ns = one.last_time_ns = event_time_ns;
  if (count == 0) {
    *this = one;
    return;
  }
  merge(one);
}

void Moments::merge(const Moments& other) {
  if (other.count == 0) return;
  if (count == 0) {
    *this = other;
    return;
  }
  const auto n_a = static_cast<double>(count);
  const auto n_b = static_cast<double>(other.count);
  const double delta = other.mean - mean;
  mean += delta * n_b / (n_a + n_b);
  m2 += other.m2 + delta * delta * n_a * n_b / (n_a + n_b);
  add_compensated(sum, sum_error, other.sum);
  sum_error += other.sum_error;
  count += other.count;
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  if (other.first_time_ns < first_time_ns ||
      (other.first_time_ns == first_time_ns && other.first < first)) {
    first_time_ns = other.first_time_ns;
    first = other.first;
  }
  if (other.last_time_ns > last_time_ns ||
      (other.last_time_ns == last_time_ns && other.last > last)) {
    last_time_ns = other.last_time_ns;
    last = other.last;
  }
}

double Moments::stddev() const {
  return count < 2 ? 0 : std::sqrt(m2 / static_cast<double>(count - 1));
}

void HeldTime::hold(double value, std::uint64_t length_ns) {
  largest_gap_ns = std::max(largest_gap_ns, length_ns);
  add_area(finite(value * (static_cast<double>(length_ns) / kNsPerSecond)));
}

void HeldTime::append(const HeldTime& later) {
  largest_gap_ns = std::max(largest_gap_ns, later.largest_gap_ns);
  add_area(later.integral_s);
  add_area(later.integral_error_s);
}

void HeldTime::add_area(double area_s) {
  add_compensated(integral_s, integral_error_s, area_s);
  if (std::isfinite(integral_s) && std::isfinite(integral_error_s)) return;
  integral_s = finite(integral_s);
  integral_error_s = 0;
}

double HeldTime::integral() const { return finite(integral_s + integral_error_s); }

double WindowContent::time_weighted_mean() const {
  const std::uint64_t span = span_ns();
  if (span == 0) return moments.last;
  return finite(held.integral() / (static_cast<double>(span) / kNsPerSecond));
}

}  // namespace sluice
