// hostile_bench [SECONDS]: what a hostile plugin costs the one beside it. Every 10 ms a batch goes
// to a good plugin and then to a hostile one, as the pipeline thread does it, with the default
// limits; one batch in twenty makes the hostile one do its worst, until it is quarantined. Prints,
// for each way, how late the good plugin had answered.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "plugin_host/plugin_stage.h"

namespace {

using namespace sluice;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kInterval = std::chrono::milliseconds(10);
constexpr std::size_t kRows = 64;

class Bench {
 public:
  Bench() { isolation_.program = PLUGIN_HOST_PROGRAM; }

  /// Delays of the good plugin's answers, ms, sorted.
  std::vector<double> delays(const std::string& way, std::chrono::seconds time) {
    const auto good = make(BENCH_PLUGIN_DIR, "empty", "{}");
    const auto bad = make(HOSTILE_PLUGIN_DIR, "hostile", "{\"way\":\"" + way + "\"}");
    std::vector<double> all;
    auto due = SteadyClock::now();
    for (std::int64_t n = 0; n < time / kInterval; ++n, due += kInterval) {
      std::this_thread::sleep_until(due);
      run(*good, 1);
      all.push_back(std::chrono::duration<double, std::milli>(SteadyClock::now() - due).count());
      run(*bad, n % 20 == 19 ? 666 : 1);
    }
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  std::unique_ptr<Stage> make(const char* dir, const char* plugin, const std::string& config) {
    auto stage = make_stage({.dir = dir,
                             .plugin = plugin,
                             .stage = "",
                             .config_json = config,
                             .pipeline = "p",
                             .where = "bench",
                             .series = table_,
                             .isolation = &isolation_});
    if (stage.ok()) return *std::move(stage);
    std::fprintf(stderr, "%s\n", stage.status().to_string().c_str());
    std::exit(1);
  }

  void run(Stage& stage, double value) {
    ReadingBatch in;
    for (std::size_t i = 0; i < kRows; ++i) {
      in.append({series_, 1, time_ns_ += 1'000'000, Value::of(value), Quality::good});
    }
    out_.clear();
    // The hostile one's failure is what is measured.
    [[maybe_unused]] const Status status = stage.process(in, out_);
  }

  SeriesTable table_{100};
  SeriesId series_ = table_.intern({"temperature", "Cel", {}});
  IsolationOptions isolation_;
  StageOutput out_;
  std::int64_t time_ns_ = 1;
};

double at(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) {
  const std::chrono::seconds time(argc > 1 ? std::max(1, std::atoi(argv[1])) : 30);
  std::printf("ms from a batch's time to the good plugin's answer, %lld s each\n",
              static_cast<long long>(time.count()));
  std::printf("%-16s %8s %8s %8s %8s\n", "hostile way", "p50", "p99", "p99.9", "worst");
  for (const char* way : {"", "segv", "exit_now", "spin", "wait_for_ever", "memory",
                          "emit_millions", "derive_millions", ""}) {
    Bench bench;
    const std::vector<double> ms = bench.delays(way, time);
    std::printf("%-16s %8.2f %8.2f %8.2f %8.2f\n", *way == '\0' ? "(none)" : way, at(ms, 0.5),
                at(ms, 0.99), at(ms, 0.999), ms.back());
    std::fflush(stdout);
  }
}
