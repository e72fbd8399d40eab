#include "model/window.h"

#include <algorithm>
#include <cmath>

namespace sluice {

namespace {
void add_compensated(double& sum, double& error, double value) {
  const double t = sum + value;
  error += std::abs(sum) >= std::abs(value) ? (sum - t) + value : (value - t) + sum;
  sum = t;
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

}  // namespace sluice
