// What a window costs on its way up: bytes of a pane before and after gzip, memory and CPU of a
// reading in the windows, by how many series there are and what the config keeps. Usage:
// pane_bench [readings]. Made-up temperatures, two decimals, one reading a second, minutes; those
// of a series come up to 2 s out of order.
#include <malloc.h>
#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "pipeline/aligned_windows.h"
#include "sync/summary_encoder.h"

namespace {

using namespace sluice;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kDisorder = 2 * kSecond;
constexpr std::size_t kPanesPerBlock = 100;

struct Kept {
  const char* name;
  ExtrasSpec extras;
};

std::vector<Kept> all_kept() {
  std::vector<Kept> all(8);
  all[0] = {"nothing more", {}};
  all[1] = {"histogram 160", {}};
  all[1].extras.histogram = HistogramOptions{};
  all[2] = {"histogram 160, scale 6", {}};
  all[2].extras.histogram = HistogramOptions{160, 6, 0};
  all[3] = {"distinct 12", {}};
  all[3].extras.distinct_precision = 12;
  all[4] = {"top 128", {}};
  all[4].extras.top = TopOptions{};
  all[5] = {"counter", {}};
  all[5].extras.counter = CounterOptions{};
  all[6] = {"states 16", {}};
  all[6].extras.states = StateOptions{};
  all[7] = {"all of them", {}};
  for (std::size_t i = 1; i < 7; ++i) {
    const ExtrasSpec& one = all[i].extras;
    ExtrasSpec& sum = all[7].extras;
    if (one.histogram && !sum.histogram) sum.histogram = one.histogram;
    if (one.distinct_precision) sum.distinct_precision = one.distinct_precision;
    if (one.top) sum.top = one.top;
    if (one.counter) sum.counter = one.counter;
    if (one.states) sum.states = one.states;
  }
  return all;
}

/// Readings second by second, all series in turn.
struct Load {
  explicit Load(std::size_t series) : level(series) {
    std::uniform_real_distribution<double> any(15, 95);
    for (double& v : level) v = any(random);
  }
  Reading next(std::size_t series, std::int64_t second) {
    const double value = std::round((level[series] + noise(random)) * 100) / 100;
    const auto late = static_cast<std::int64_t>(random() % 2000) * 1'000'000;
    const std::int64_t time_ns = std::max<std::int64_t>(second * kSecond - late, 0);
    return {static_cast<SeriesId>(series + 1), static_cast<TopicId>(series + 1), time_ns,
            Value::of(value), Quality::good};
  }
  std::vector<double> level;
  std::mt19937_64 random{1};
  std::normal_distribution<double> noise{0, 0.4};
};

WindowSpec minutes(const ExtrasSpec& extras) {
  WindowSpec spec = WindowSpec::tumbling(kMinute);
  spec.extras = extras;
  return spec;
}

std::size_t zipped(const std::string& bytes) {
  uLongf size = compressBound(bytes.size());
  std::string out(size, '\0');
  compress2(reinterpret_cast<Bytef*>(out.data()), &size,
            reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(), 6);
  return size;
}

struct Cost {
  double ns_per_reading = 0;
  double bytes_per_pane = 0;
  double zipped_per_pane = 0;
  double heap_per_series = 0;
};

Cost measure(const Kept& kept, std::size_t series, std::size_t readings) {
  Load load(series);
  const std::size_t seconds = std::max<std::size_t>(readings / series, 122);
  std::vector<Reading> all;
  std::vector<Pane> panes;
  Watermarks watermarks(kDisorder, kMinute);
  const std::size_t heap_before = mallinfo2().uordblks;
  AlignedWindows windows(minutes(kept.extras));
  Cost cost;
  std::size_t encoded = 0;
  std::chrono::duration<double, std::nano> took{};
  for (std::size_t second = 0; second < seconds; ++second) {
    all.clear();
    for (std::size_t i = 0; i < series; ++i) {
      all.push_back(load.next(i, static_cast<std::int64_t>(second)));
    }
    const auto start = std::chrono::steady_clock::now();
    for (const Reading& reading : all) {
      windows.fold(reading, false, panes);
      if (watermarks.observe(reading.topic, reading.event_time_ns, 0)) {
        windows.advance(reading.topic, watermarks, 0, panes);
      }
    }
    took += std::chrono::steady_clock::now() - start;
    if (second == 58) {
      const std::size_t mine = mallinfo2().uordblks - heap_before;
      cost.heap_per_series = static_cast<double>(mine) / static_cast<double>(series);
    }
    for (std::size_t i = 0; i + kPanesPerBlock <= panes.size(); i += kPanesPerBlock) {
      const auto from = panes.begin() + static_cast<std::ptrdiff_t>(i);
      const std::string bytes =
          ProtoSummaryEncoder().encode({"bench", 1, {from, from + kPanesPerBlock}});
      cost.bytes_per_pane += static_cast<double>(bytes.size());
      cost.zipped_per_pane += static_cast<double>(zipped(bytes));
      encoded += kPanesPerBlock;
    }
    if (panes.size() >= kPanesPerBlock) panes.clear();
  }
  cost.ns_per_reading = took.count() / static_cast<double>(seconds * series);
  cost.bytes_per_pane /= static_cast<double>(std::max<std::size_t>(encoded, 1));
  cost.zipped_per_pane /= static_cast<double>(std::max<std::size_t>(encoded, 1));
  return cost;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t readings = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  std::printf("sizeof: content of an open window %zu, Pane %zu, Moments %zu, HeldTime %zu\n",
              sizeof(OpenContent), sizeof(Pane), sizeof(Moments), sizeof(HeldTime));
  std::printf("| kept | series | ns/reading | bytes/pane | zipped | heap bytes/series |\n");
  std::printf("|---|---|---|---|---|---|\n");
  for (const Kept& kept : all_kept()) {
    for (const std::size_t series : {std::size_t{1}, std::size_t{100}, std::size_t{10'000}}) {
      const Cost cost = measure(kept, series, readings);
      std::printf("| %s | %zu | %.0f | %.1f | %.1f | %.0f |\n", kept.name, series,
                  cost.ns_per_reading, cost.bytes_per_pane, cost.zipped_per_pane,
                  cost.heap_per_series);
    }
  }
  return 0;
}
