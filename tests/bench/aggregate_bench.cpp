// What an aggregate costs: time per reading added, memory after 10, 1,000 and 100,000 readings, and
// the bytes of a snapshot. Usage: aggregate_bench [repeats]. A made-up temperature: a daily swing,
// noise, one decimal, one reading a second.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "aggregate/counter.h"
#include "aggregate/coverage.h"
#include "aggregate/exponential_histogram.h"
#include "aggregate/hyper_log_log.h"
#include "aggregate/space_saving.h"
#include "aggregate/state_duration.h"
#include "aggregate/time_weighted.h"
#include "model/window.h"

namespace {

using namespace sluice;

constexpr std::size_t kReadings = 100'000;
constexpr std::size_t kSizes[] = {10, 1000, kReadings};

struct Series {
  std::vector<std::int64_t> time_ns;
  std::vector<double> value;
};

Series temperature() {
  Series series;
  std::mt19937_64 random(1);
  std::normal_distribution<double> noise(0, 0.4);
  for (std::size_t i = 0; i < kReadings; ++i) {
    const auto s = static_cast<double>(i);
    series.time_ns.push_back(static_cast<std::int64_t>(i) * 1'000'000'000);
    series.value.push_back(
        std::round((21 + 5 * std::sin(s / 86'400 * 6.283185) + noise(random)) * 10) / 10);
  }
  return series;
}

Series growing() {
  Series series = temperature();
  for (std::size_t i = 0; i < kReadings; ++i)
    series.value[i] = std::round(series.value[i] + 3.0 * static_cast<double>(i));
  return series;
}

Series states() {
  Series series = temperature();
  for (double& v : series.value) v = std::floor(v / 2);
  return series;
}

template <typename T>
double ns_per_add(const T& empty, const Series& series, std::size_t count) {
  const auto start = std::chrono::steady_clock::now();
  std::size_t done = 0;
  for (; done < kReadings; done += count) {  // a new window every `count` readings
    T aggregate = empty;
    for (std::size_t i = 0; i < count; ++i) aggregate.add(series.time_ns[i], series.value[i]);
    asm volatile("" : : "g"(&aggregate) : "memory");
  }
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  return took.count() / static_cast<double>(done);
}

template <typename T>
std::size_t state_bytes(const T& aggregate) {
  return aggregate.state_bytes();
}
std::size_t state_bytes(const Moments& moments) { return sizeof moments; }

template <typename T>
std::size_t snapshot_bytes(const T& aggregate) {
  ByteWriter writer;
  aggregate.snapshot(writer);
  return writer.size();
}
std::size_t snapshot_bytes(const Moments&) { return 0; }

template <typename T>
void run(const char* name, const T& empty, const Series& series, int repeats) {
  std::printf("| %s |", name);
  for (const std::size_t count : kSizes) {
    double best = 1e9;
    for (int i = 0; i < repeats; ++i) best = std::min(best, ns_per_add(empty, series, count));
    std::printf(" %.1f |", best);
  }
  std::size_t snapshots[std::size(kSizes)];
  std::size_t place = 0;
  for (const std::size_t count : kSizes) {
    T aggregate = empty;
    for (std::size_t i = 0; i < count; ++i) aggregate.add(series.time_ns[i], series.value[i]);
    std::printf(" %zu |", state_bytes(aggregate));
    snapshots[place++] = snapshot_bytes(aggregate);
  }
  for (const std::size_t bytes : snapshots) std::printf(" %zu |", bytes);
  std::printf("\n");
}

/// Distinct texts, which the numbers above have few of.
void run_keys(int repeats) {
  std::vector<std::string> keys;
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < kReadings; ++i) {
    keys.push_back("site/hall-3/device-" + std::to_string(random() % 20'000));
  }
  double hll = 1e9;
  double top = 1e9;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const auto measure = [&](auto aggregate) {
      const auto start = std::chrono::steady_clock::now();
      for (const std::string& key : keys) aggregate.add_key(key);
      const std::chrono::duration<double, std::nano> took =
          std::chrono::steady_clock::now() - start;
      return took.count() / static_cast<double>(keys.size());
    };
    hll = std::min(hll, measure(HyperLogLog()));
    top = std::min(top, measure(SpaceSaving()));
  }
  std::printf("100,000 keys of 20,000: HyperLogLog %.1f ns/add, SpaceSaving 128 %.1f ns/add\n", hll,
              top);
}

}  // namespace

int main(int argc, char** argv) {
  const int repeats = argc > 1 ? std::atoi(argv[1]) : 5;
  const Series values = temperature();
  std::printf(
      "| aggregate | ns/add, windows of 10 | of 1,000 | of 100,000 "
      "| state bytes 10 | 1,000 | 100,000 | snapshot bytes 10 | 1,000 | 100,000 |\n"
      "|---|---|---|---|---|---|---|---|---|---|\n");
  run("Moments (model)", Moments(), values, repeats);
  run("ExponentialHistogram 160", ExponentialHistogram(), values, repeats);
  run("ExponentialHistogram 320", ExponentialHistogram({.max_size = 320}), values, repeats);
  run("HyperLogLog p 12", HyperLogLog(), values, repeats);
  run("SpaceSaving 128", SpaceSaving(), values, repeats);
  run("Counter", Counter(), growing(), repeats);
  run("StateDuration 16", StateDuration(), states(), repeats);
  run("TimeWeighted, held", TimeWeighted(), values, repeats);
  run("TimeWeighted, linear", TimeWeighted({.between = TimeWeightedOptions::Between::linear}),
      values, repeats);
  run("Coverage", Coverage(), values, repeats);
  run_keys(repeats);
  return 0;
}
