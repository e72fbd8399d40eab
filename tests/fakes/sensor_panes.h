#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>
#include <utility>
#include <vector>

#include "model/window.h"

namespace sluice {

inline constexpr std::int64_t kSecond = 1'000'000'000;
inline constexpr std::int64_t kMinute = 60 * kSecond;
inline constexpr std::int64_t kBase = 29'000'000 * kMinute;

/// Printed, so that a failure can be repeated.
inline std::uint64_t fresh_seed() {
  const std::uint64_t seed = std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

inline double to_decimal(double v, int digits) {
  const double power = std::pow(10.0, digits);
  return std::nearbyint(v * power) / power;
}

/// What a window of these readings, (event time in ns, value) in order of time, holds.
inline WindowContent content_of(const std::vector<std::pair<std::int64_t, double>>& readings) {
  WindowContent content;
  double last = 0;
  for (const auto& [time_ns, value] : readings) {
    Moments& m = content.moments;
    if (m.count > 0 && time_ns > m.last_time_ns) {
      content.held.hold(last, static_cast<std::uint64_t>(time_ns - m.last_time_ns));
    }
    m.add(time_ns, value);
    last = m.last;
  }
  return content;
}

/// A minute of readings of one sensor, one every `step_ns`, stamped to the millisecond.
inline Pane sensor_pane(SeriesId series, std::int64_t start_ns, std::int64_t step_ns, double level,
                        double spread, int digits, std::mt19937_64& random) {
  std::normal_distribution<double> noise(level, spread);
  std::uniform_int_distribution<std::int64_t> jitter(0, step_ns / 2 / 1'000'000);
  Pane pane;
  pane.window = {WindowKind::tumbling, series, start_ns, start_ns + kMinute};
  std::vector<std::pair<std::int64_t, double>> readings;
  for (std::int64_t at = start_ns; at < pane.window.end_ns; at += step_ns) {
    const std::int64_t time_ns = at + jitter(random) * 1'000'000;
    readings.emplace_back(time_ns, to_decimal(noise(random), digits));
  }
  pane.content = content_of(readings);
  return pane;
}

/// `panes` series, one minute each, a reading every 5 s with two decimals.
inline SummaryBlock sensor_block(std::size_t panes, std::mt19937_64& random) {
  std::uniform_real_distribution<double> level(15, 95);
  SummaryBlock block{"room", 0x1234567890ABCDEFull, {}};
  for (std::size_t i = 0; i < panes; ++i) {
    const auto series = static_cast<SeriesId>(i + 1);
    block.panes.push_back(sensor_pane(series, kBase, 5 * kSecond, level(random), 0.4, 2, random));
  }
  return block;
}

}  // namespace sluice
