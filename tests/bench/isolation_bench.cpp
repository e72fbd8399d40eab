// isolation_bench PLUGIN [CONFIG]: what a call of a plugin costs in this process and in a process
// of its own, at batches of 1, 64 and 1024 readings, in turns. Prints ns per reading, and the time
// from a crash to the next answer.

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "plugin_host/plugin_stage.h"

namespace {

using namespace sluice;
using SteadyClock = std::chrono::steady_clock;

constexpr int kTurns = 7;

double ns_since(SteadyClock::time_point start) {
  return std::chrono::duration<double, std::nano>(SteadyClock::now() - start).count();
}

struct Bench {
  SeriesTable table{100};
  SeriesId series = table.intern({"temperature", "Cel", {{"room", "1"}}});
  StageOutput out;
  IsolationOptions isolation;
  std::int64_t time_ns = 1;

  std::unique_ptr<Stage> make(const std::string& plugin, const std::string& config, bool isolated) {
    StageOptions options{.dir = plugin == "hostile" ? HOSTILE_PLUGIN_DIR
                                : plugin == "empty" ? BENCH_PLUGIN_DIR
                                                    : PLUGIN_DIR,
                         .plugin = plugin,
                         .stage = "",
                         .config_json = config,
                         .pipeline = "p",
                         .where = "bench",
                         .series = table};
    if (isolated) options.isolation = &isolation;
    auto stage = make_stage(options);
    if (!stage.ok()) {
      std::fprintf(stderr, "%s\n", stage.status().to_string().c_str());
      std::exit(1);
    }
    return *std::move(stage);
  }

  ReadingBatch batch(std::size_t size, double value) {
    ReadingBatch in;
    for (std::size_t i = 0; i < size; ++i) {
      in.append({series, 1, time_ns += 1'000'000, Value::of(value), Quality::good});
    }
    return in;
  }

  double ns_per_reading(Stage& stage, std::size_t size) {
    const ReadingBatch in = batch(size, 21.5);
    const std::size_t calls = std::max<std::size_t>(2'000, 1'000'000 / size / 10);
    const auto start = SteadyClock::now();
    for (std::size_t i = 0; i < calls; ++i) {
      out.clear();
      if (!stage.process(in, out).ok()) std::exit(1);
    }
    return ns_since(start) / static_cast<double>(calls * size);
  }
};

}  // namespace

int main(int argc, char** argv) {
  const std::string plugin = argc > 1 ? argv[1] : "range";
  const std::string config = argc > 2 ? argv[2] : "{\"min\": -40, \"max\": 125}";
  Bench bench;
  bench.isolation.program = PLUGIN_HOST_PROGRAM;
  bench.isolation.failures_max = 0;
  bench.isolation.backoff_min = std::chrono::nanoseconds(0);
  const auto local = bench.make(plugin, config, false);
  const auto isolated = bench.make(plugin, config, true);
  std::printf("%s, ns per reading, median of %d turns\n", plugin.c_str(), kTurns);
  std::printf("%8s %12s %12s %10s\n", "batch", "in process", "isolated", "throughput");
  for (const std::size_t size : {1u, 64u, 1024u}) {
    std::vector<double> here;
    std::vector<double> there;
    for (int turn = 0; turn < kTurns; ++turn) {
      here.push_back(bench.ns_per_reading(*local, size));
      there.push_back(bench.ns_per_reading(*isolated, size));
    }
    std::sort(here.begin(), here.end());
    std::sort(there.begin(), there.end());
    std::printf("%8zu %12.1f %12.1f %9.0f%%\n", size, here[kTurns / 2], there[kTurns / 2],
                100 * here[kTurns / 2] / there[kTurns / 2]);
  }

  const auto crashing = bench.make("hostile", "{\"way\": \"exit_now\"}", true);
  std::vector<double> ms;
  for (int i = 0; i < 50; ++i) {
    bench.out.clear();
    (void)crashing->process(bench.batch(1, 666), bench.out).ok();
    const auto start = SteadyClock::now();
    bench.out.clear();
    if (!crashing->process(bench.batch(1, 1), bench.out).ok()) return 1;
    ms.push_back(ns_since(start) / 1e6);
  }
  std::sort(ms.begin(), ms.end());
  std::printf("from a crash to the next answer: median %.1f ms, worst of 50 %.1f ms\n", ms[25],
              ms[49]);
}
