#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <random>

#include "fault/rig.h"
#include "fault/tracer.h"

namespace sluice::fault {
namespace {

constexpr std::uint64_t kMessages = 60;
constexpr int kRounds = 8;  // in which a point may be reached

/// What the daemon does while it is watched.
enum class Phase {
  start,  ///< from exec until ready, after a kill and with messages waiting at the broker
  cycle,  ///< ingest, windows, upload, the hub's answer, the answered rows leave
  stop,   ///< SIGTERM until exit
};

struct Point {
  Phase phase;
  KillPoint where;
  std::string to_string() const {
    constexpr const char* kNames[] = {"start", "cycle", "stop"};
    return std::string(kNames[static_cast<int>(phase)]) + ": " + where.to_string();
  }
};

/// Takes one daemon through its phases, again and again, with strace at its side.
class Cycle {
 public:
  explicit Cycle(Campaign& campaign) : rig(campaign, options()) {}

  /// Every call of one undisturbed run.
  std::vector<Point> all_points() {
    const std::string file = rig.site.dir() + "/calls";
    std::string trace = "trace=";
    for (const std::string& name : write_like()) trace += (name == "pwrite64" ? "" : ",") + name;
    std::vector<Point> all;
    for (const Phase phase : {Phase::start, Phase::cycle, Phase::stop}) {
      const Run seen = run(phase, {"-e", trace, "-o", file}, {});
      for (const KillPoint& where : kill_points(file, seen.threads)) all.push_back({phase, where});
    }
    return all;
  }

  /// False when this run did not come to the point: threads share their work differently each time.
  bool kill(const Point& point) {
    return run(point.phase, kill_at(point.where), point.where.thread).killed;
  }

  void recover() {
    if (!rig.site.daemon.running()) rig.site.spawn_daemon(rig.config(), kQuiet);
    ASSERT_TRUE(rig.ready_within(60)) << "not ready by itself";
  }

  Rig rig;

 private:
  struct Run {
    std::map<ThreadName, pid_t> threads;
    bool killed = false;
  };
  /// LeakSanitizer cannot work while strace looks on.
  const std::vector<std::string> kQuiet = {"env", "ASAN_OPTIONS=detect_leaks=0"};

  static RigOptions options() {
    RigOptions options;
    options.per_second = 5000;
    options.max_out_of_order_ms = 0;
    options.window_ms = 10;
    return options;
  }

  /// `only` is the thread to watch; all of them when it has no name.
  Run run(Phase phase, const std::vector<std::string>& strace, const ThreadName& only) {
    return phase == Phase::start ? run_start(strace) : run_attached(phase, strace, only);
  }

  Run run_start(const std::vector<std::string>& strace) {
    recover();
    rig.site.daemon.end(SIGKILL);
    EXPECT_TRUE(rig.publisher->send(kMessages));
    std::vector<std::string> wrapper = kQuiet;
    // -D: strace is the grandchild, so the child that we watch is the daemon.
    for (const char* word : {"strace", "-D", "-f", "--seccomp-bpf"}) wrapper.emplace_back(word);
    wrapper.insert(wrapper.end(), strace.begin(), strace.end());
    rig.site.spawn_daemon(rig.config(), wrapper);
    e2e::until(30, [&] { return !rig.site.daemon.running() || rig.site.status().ready(); });
    for (int i = 0; i < 30 && rig.site.daemon.running(); ++i) sleep_ms(10);
    const bool killed = !rig.site.daemon.running();
    rig.site.daemon.end(SIGKILL);  // the injection must not wait for a later phase
    return {{}, killed};
  }

  Run run_attached(Phase phase, const std::vector<std::string>& strace, const ThreadName& only) {
    recover();
    const pid_t process = rig.site.daemon.pid();
    Run result{threads_of(process), false};
    const auto chosen = result.threads.find(only);
    if (!only.first.empty() && chosen == result.threads.end()) return result;
    Tracer tracer(only.first.empty() ? process : chosen->second, only.first.empty(), strace,
                  rig.site.dir());
    if (phase == Phase::cycle) ingest_and_upload();
    if (phase == Phase::stop) ::kill(process, SIGTERM);
    if (phase == Phase::stop) e2e::until(10, [&] { return !rig.site.daemon.running(); });
    result.killed = rig.site.daemon.running() ? false : rig.site.daemon.end(0) == -SIGKILL;
    tracer.end();
    return result;
  }

  /// Asks the hub alone, because questions to the daemon would be calls of its own. Readings are in
  /// order and the next closes a window, so that the first windows are up before the last reading.
  void ingest_and_upload() {
    const std::size_t before = rig.site.summaries().size();
    EXPECT_TRUE(rig.publisher->send(kMessages));
    e2e::until(
        5, [&] { return !rig.site.daemon.running() || rig.site.summaries().size() >= before + 4; });
    // Answered rows join a commit within 250 ms.
    for (int i = 0; i < 40 && rig.site.daemon.running(); ++i) sleep_ms(10);
  }
};

// strace kills the daemon just before the k-th write-like call of one thread, in start-up, in one
// ingest-window-upload-ack cycle, or in a clean stop. SLUICE_FAULT_N is the number of kills; at or
// above the number of calls, every one of them is tried until it is reached, or kRounds times.
TEST(SyscallKill, DyingBeforeAnyWriteLosesNothingAndCountsNothingTwice) {
  Campaign campaign("syscall_kill", 6);
  Cycle cycle(campaign);
  const std::string refused = tracing_refused(cycle.rig.site.dir());
  if (!refused.empty()) GTEST_SKIP() << "needs strace and the right to use it: " << refused;
  ASSERT_NO_FATAL_FAILURE(cycle.rig.start());
  ASSERT_NO_FATAL_FAILURE(cycle.recover());
  std::vector<Point> points = cycle.all_points();
  ASSERT_GT(points.size(), 50u) << "strace saw nearly nothing";
  const std::size_t all = points.size();
  std::shuffle(points.begin(), points.end(), std::mt19937_64(campaign.seed()));
  std::uint64_t killed = 0;
  std::size_t tried = 0;
  // What a run did not come to is tried again, after the others.
  for (int round = 0; round < kRounds && killed < campaign.n() && !points.empty(); ++round) {
    std::vector<Point> left;
    for (const Point& point : points) {
      if (killed >= campaign.n()) break;
      SCOPED_TRACE(point.to_string());
      const bool reached = cycle.kill(point);
      killed += reached ? 1 : 0;
      if (!reached) left.push_back(point);
      ASSERT_NO_FATAL_FAILURE(cycle.recover());
      if (++tried % 4 == 0) cycle.rig.check(tried);
      if (testing::Test::HasFailure()) return;
    }
    points = std::move(left);
  }
  ASSERT_NO_FATAL_FAILURE(cycle.rig.check(tried));
  std::printf("fault syscall_kill: %llu kills in %zu tries, of %zu calls seen\n",
              static_cast<unsigned long long>(killed), tried, all);
  EXPECT_GT(killed, 0u) << "strace killed nothing";
}

}  // namespace
}  // namespace sluice::fault
