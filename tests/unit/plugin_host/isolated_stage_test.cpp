#include <gtest/gtest.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "plugin_host/call_record.h"
#include "plugin_host/plugin_stage.h"

namespace sluice {
namespace {

/// Plugins in a process of their own, by the real program behind the real sandbox.
class IsolatedStageTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Stage>> make(const std::string& plugin, const std::string& config,
                                      const std::string& dir = {}, const Clock* clock = nullptr) {
    const char* built = plugin == "hostile" ? HOSTILE_PLUGIN_DIR : BAD_PLUGIN_DIR;
    StageOptions options{.dir = dir.empty() ? built : dir,
                         .plugin = plugin,
                         .stage = "",
                         .config_json = config,
                         .pipeline = "room",
                         .where = "pipelines[0].stages[1]",
                         .series = table_};
    options.isolation = &isolation_;
    options.clock = clock == nullptr ? &clock_ : clock;
    return make_stage(options);
  }
  std::unique_ptr<Stage> hostile(const std::string& way, const Clock* clock = nullptr) {
    auto stage = make("hostile", R"({"way":")" + way + "\"}", {}, clock);
    EXPECT_TRUE(stage.ok()) << way << ": " << stage.status().to_string();
    return stage.ok() ? *std::move(stage) : nullptr;
  }
  void expect_no_way_out(const std::string& but) {
    std::size_t count = 0;
    for (;; ++count) {
      const std::string way = name_of_way(count);
      if (way == "no more ways") break;
      const auto stage = hostile(way);
      ASSERT_NE(stage, nullptr);
      ASSERT_TRUE(process(*stage, {1, 666, 2}).ok()) << way;
      EXPECT_EQ(out_.verdicts == std::vector<Verdict>(3, Verdict::pass), way != but) << way;
    }
    EXPECT_GE(count, 50u);
    EXPECT_FALSE(std::filesystem::exists("/tmp/sluice-hostile"));
  }
  std::string name_of_way(std::size_t index) {
    const auto refused = make("hostile", R"({"name_of":)" + std::to_string(index) + "}");
    const std::string text(refused.status().message());
    return text.substr(text.rfind(": ") + 2);
  }
  ReadingBatch batch(std::initializer_list<double> values) const {
    ReadingBatch in;
    for (const double v : values) in.append({series_, 1, time_ns_, Value::of(v), Quality::good});
    return in;
  }
  Status process(Stage& stage, std::initializer_list<double> values) {
    out_.clear();
    return stage.process(batch(values), out_);
  }

  SeriesTable table_{100};
  SeriesId series_ = table_.intern({"temperature", "Cel", {{"room", "1"}}});
  SystemClock clock_;
  std::int64_t time_ns_ = 1000;
  IsolationOptions isolation_ = [] {
    IsolationOptions options;
    options.program = PLUGIN_HOST_PROGRAM;
    options.limits.deadline = std::chrono::seconds(5);
    return options;
  }();
  StageOutput out_;
};

TEST_F(IsolatedStageTest, AnswersAsInProcess) {
  auto stage = make("plain_c", "");
  ASSERT_TRUE(stage.ok()) << stage.status().to_string();
  EXPECT_EQ((*stage)->name(), "plain_c");
  EXPECT_EQ((*stage)->rules(), std::vector<std::string>{"odd"});
  EXPECT_NE((*stage)->recorded_calls(), nullptr);
  ASSERT_TRUE(process(**stage, {1, 2, 3}).ok());
  EXPECT_EQ(out_.verdicts, (std::vector<Verdict>{Verdict::pass, Verdict::drop, Verdict::pass}));
}

TEST_F(IsolatedStageTest, SaysWhatIsWrongWithAConfigOrAFile) {
  const auto message = [&](const std::string& plugin, const std::string& config) {
    const auto stage = make(plugin, config);
    return stage.ok() ? "it was made" : std::string(stage.status().message());
  };
  EXPECT_EQ(message("hostile", R"({"way":3})"),
            "pipelines[0].stages[1] (hostile): config.way: expected a string, got 3");
  EXPECT_EQ(message("hostile", R"({"name_of":999})"),
            "pipelines[0].stages[1] (hostile): config: no more ways");
  EXPECT_NE(message("no_version", "").find("it has no version of 1..64 bytes"), std::string::npos);
  EXPECT_NE(message("wrong_abi", "").find("built for plugin ABI"), std::string::npos);
  EXPECT_NE(message("nobody", "").find("no plugin \"nobody\""), std::string::npos);
  EXPECT_NE(message("hostile", R"({"way":"create_segv"})").find("its process "), std::string::npos);
  isolation_.program = "/nonexistent/sluice-plugin-host";
  EXPECT_NE(message("plain_c", "").find("cannot be started: No such file or directory"),
            std::string::npos);
}

bool kernel_has_landlock() {
  return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

TEST_F(IsolatedStageTest, HasNoWayOut) {
  if (!kernel_has_landlock()) GTEST_SKIP() << "this kernel has no landlock, see the next test";
  expect_no_way_out("");
}

// What its constructors can read then, the daemon's README says.
TEST_F(IsolatedStageTest, HasNoWayOutWithoutLandlockButThatItsConstructorsReadFiles) {
  isolation_.program = NO_LANDLOCK;
  expect_no_way_out("constructor_open");
}

TEST_F(IsolatedStageTest, LosesOneCallToWhateverThePluginDoes) {
  isolation_.limits.deadline = std::chrono::milliseconds(1000);
  for (const char* way :
       {"segv", "abort", "divide", "illegal", "stack", "exit", "exit_now", "spin", "wait_for_ever",
        "memory", "throw", "emit_millions", "derive_millions", "nan"}) {
    const auto stage = hostile(way);
    ASSERT_NE(stage, nullptr);
    ASSERT_TRUE(process(*stage, {1, 2}).ok()) << way;
    EXPECT_FALSE(process(*stage, {3, 666, 4}).ok()) << way;
    EXPECT_TRUE(out_.verdicts.empty()) << way;
    ASSERT_EQ(out_.events.size(), 1u) << way;
    EXPECT_EQ(out_.events[0].name, "plugin_failed") << way;
    ASSERT_TRUE(process(*stage, {5, 6}).ok()) << way;
    EXPECT_EQ(out_.verdicts, std::vector<Verdict>(2, Verdict::pass)) << way;
    EXPECT_TRUE(out_.events.empty()) << way;
  }
}

TEST_F(IsolatedStageTest, TellsOnceOfEachFailureByWhomAndWhy) {
  isolation_.backoff_min = std::chrono::hours(1);
  const auto stage = hostile("segv");
  EXPECT_FALSE(process(*stage, {1, 666}).ok());
  ASSERT_EQ(out_.events.size(), 1u);
  const Event& event = out_.events[0];
  EXPECT_EQ(event.series, series_);
  EXPECT_EQ(event.topic, 1u);
  EXPECT_EQ(event.event_time_ns, time_ns_);
  EXPECT_EQ(event.severity, Severity::error);
  ASSERT_EQ(event.attributes.size(), 3u);
  EXPECT_EQ(event.attributes[0], (std::pair<std::string, std::string>("plugin", "hostile")));
  EXPECT_EQ(event.attributes[1], (std::pair<std::string, std::string>("version", "6.6.6")));
  EXPECT_EQ(event.attributes[2].first, "reason");
  EXPECT_NE(event.attributes[2].second.find("its process "), std::string::npos);
  EXPECT_FALSE(process(*stage, {666}).ok());
  EXPECT_EQ(out_.events.size(), 1u);
  for (int i = 0; i < 50; ++i) {  // it waits, and fails each batch
    EXPECT_FALSE(process(*stage, {1}).ok());
    EXPECT_TRUE(out_.events.empty()) << out_.events[0].message;
  }
}

// Time alone passed: there is no reading that it could be of.
TEST_F(IsolatedStageTest, TellsOfAFailureInOnTimeToo) {
  const auto stage = hostile("on_time_segv");
  ASSERT_TRUE(process(*stage, {1}).ok());
  out_.clear();
  EXPECT_FALSE(stage->on_time(2'000, out_).ok());
  ASSERT_EQ(out_.events.size(), 1u);
  EXPECT_EQ(out_.events[0].name, "plugin_failed");
  EXPECT_EQ(out_.events[0].series, 0u);
  EXPECT_EQ(out_.events[0].topic, 0u);
  EXPECT_EQ(out_.events[0].event_time_ns, 2'000);
  EXPECT_TRUE(out_.fatal_input.empty());
}

// Silence moves the time on beyond that of any reading, and the hub takes no event from there: it
// would end every stream that brings one.
TEST_F(IsolatedStageTest, TellsOfNoFailureAfterTheEndOfTime) {
  const auto stage = hostile("on_time_segv");
  ASSERT_TRUE(process(*stage, {1}).ok());
  out_.clear();
  EXPECT_FALSE(stage->on_time(INT64_MAX, out_).ok());
  ASSERT_EQ(out_.events.size(), 1u);
  EXPECT_EQ(out_.events[0].event_time_ns, kEventTimeMaxNs);
}

// What is in the snapshot is the count of readings seen: with the failed call's, it would be wrong.
TEST_F(IsolatedStageTest, BeginsAgainAsIfTheFailedCallHadNotBeenMade) {
  isolation_.failures_max = 0;
  isolation_.backoff_min = std::chrono::nanoseconds(0);
  const auto stage = hostile("segv");
  const auto calm = hostile("");
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(process(*stage, {1, 2}).ok());
    ASSERT_TRUE(process(*calm, {1, 2}).ok());
    if (i % 3 == 0) {
      EXPECT_FALSE(process(*stage, {7, 666}).ok());
    }
    if (i == 10) {
      ASSERT_TRUE(stage->snapshot().ok());
    }
  }
  const auto ours = stage->snapshot();
  const auto theirs = calm->snapshot();
  ASSERT_TRUE(ours.ok() && theirs.ok());
  EXPECT_EQ(*ours, *theirs);
}

TEST_F(IsolatedStageTest, WaitsLongerAfterEachFailureAndQuarantinesInTheEnd) {
  isolation_.failures_max = 3;
  isolation_.backoff_min = std::chrono::milliseconds(50);
  const auto stage = hostile("segv");
  EXPECT_FALSE(process(*stage, {666}).ok());
  EXPECT_FALSE(process(*stage, {666}).ok());
  const Status waits = process(*stage, {1});
  EXPECT_NE(waits.message().find("it starts again in"), std::string::npos) << waits.message();
  while (!process(*stage, {1}).ok()) ::usleep(1000);
  EXPECT_FALSE(process(*stage, {666}).ok());
  ASSERT_EQ(out_.events.size(), 1u);
  EXPECT_EQ(out_.events[0].name, "plugin_quarantined");
  ::usleep(200'000);
  const Status over = process(*stage, {1});
  EXPECT_NE(over.message().find("it is quarantined: 3 failures, the last: "), std::string::npos)
      << over.message();
}

TEST_F(IsolatedStageTest, KeepsItsStateWhileItIsDownAndOverARestart) {
  isolation_.failures_max = 1;
  const auto stage = hostile("segv");
  ASSERT_TRUE(process(*stage, {1, 2, 3}).ok());
  EXPECT_FALSE(process(*stage, {666}).ok());
  const auto saved = stage->snapshot();
  ASSERT_TRUE(saved.ok()) << saved.status().to_string();
  const auto next = hostile("segv");
  ASSERT_TRUE(next->restore(*saved).ok());
  const auto calm = hostile("");
  ASSERT_TRUE(process(*calm, {1, 2, 3}).ok());
  EXPECT_EQ(*next->snapshot(), *calm->snapshot());
}

TEST_F(IsolatedStageTest, FailsToRestoreWhenThePluginDies) {
  const auto calm = hostile("");
  ASSERT_TRUE(process(*calm, {1}).ok());
  const auto stage = hostile("restore_segv");
  const Status status = stage->restore(*calm->snapshot());
  EXPECT_NE(status.message().find("its process "), std::string::npos) << status.message();
}

TEST_F(IsolatedStageTest, LeavesNoProcessBehind) {
  {
    const auto one = hostile("");
    const auto other = hostile("destroy_segv");
    ASSERT_TRUE(process(*one, {1}).ok());
  }
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

/// The only one.
pid_t pid_of_child() {
  const std::string parent = " " + std::to_string(::getpid()) + " ";
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "stat");
    std::string stat;
    std::getline(file, stat);
    const std::size_t name_end = stat.rfind(") ");
    if (name_end != std::string::npos && stat.compare(name_end + 3, parent.size(), parent) == 0) {
      return std::stoi(entry.path().filename());
    }
  }
  return -1;
}

TEST_F(IsolatedStageTest, WaitsForAProcessThatTheSystemHoldsUpButNotForOneThatIdlesOrSpins) {
  isolation_.limits.deadline = std::chrono::milliseconds(500);
  {
    const auto stage = hostile("");
    const pid_t pid = pid_of_child();
    ASSERT_GT(pid, 0);
    ::kill(pid, SIGSTOP);
    std::thread later([pid] {
      std::this_thread::sleep_for(std::chrono::milliseconds(1500));
      ::kill(pid, SIGCONT);
    });
    const Status status = process(*stage, {1});
    later.join();
    EXPECT_TRUE(status.ok()) << status.to_string();
  }
  for (const auto& [way, why] : {std::pair("spin", " ms of the processor and gave no answer"),
                                 std::pair("wait_for_ever", " ms and does nothing")}) {
    const auto stage = hostile(way);
    const Status status = process(*stage, {666});
    EXPECT_NE(status.message().find(why), std::string::npos) << status.message();
  }
}

// A model is loaded, a state of up to 64 MiB comes or goes: that is no call that hangs.
TEST_F(IsolatedStageTest, HasMoreTimeForItsWholeStateThanForACall) {
  const auto calm = hostile("");
  ASSERT_TRUE(process(*calm, {1, 2}).ok());
  isolation_.limits.deadline = std::chrono::milliseconds(250);
  const auto stage = hostile("takes_time");
  ASSERT_NE(stage, nullptr);
  ASSERT_TRUE(process(*stage, {1, 2}).ok());
  const auto saved = stage->snapshot();
  EXPECT_EQ(*saved, *calm->snapshot()) << "else it has the calls instead of the state";
  EXPECT_TRUE(hostile("takes_time")->restore(*saved).ok());
}

/// While it is slow, whoever looks at it is held up.
class ClockThatHoldsUp final : public Clock {
 public:
  std::int64_t boottime_ns() const override {
    if (is_slow) std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return kernel_.boottime_ns();
  }
  std::int64_t wall_ns() const override { return kernel_.wall_ns(); }
  bool is_slow = false;

 private:
  SystemClock kernel_;
};

// It has asked and got its answer, said what it has to say, and sleeps; only then do we look.
TEST_F(IsolatedStageTest, IsNotTakenForIdleBecauseTheDaemonIsHeldUp) {
  isolation_.limits.deadline = std::chrono::milliseconds(250);
  ClockThatHoldsUp clock;
  const auto stage = hostile("derive_once", &clock);
  clock.is_slow = true;
  const Status status = process(*stage, {666});
  EXPECT_TRUE(status.ok()) << status.to_string();
}

bool has_process() { return ::waitpid(-1, nullptr, WNOHANG) == 0; }

TEST_F(IsolatedStageTest, HasNoProcessBeforeItsFirstCallAndAfterItsLastButKeepsItsState) {
  isolation_.idle_unload = std::chrono::nanoseconds(1);
  const auto stage = hostile("");
  EXPECT_TRUE(has_process());
  stage->let_rest();
  EXPECT_FALSE(has_process());
  std::string expected;
  {
    isolation_.idle_unload = std::chrono::nanoseconds(0);
    const auto restless = hostile("");
    restless->let_rest();
    EXPECT_TRUE(has_process());
    for (int call = 0; call < 3; ++call) ASSERT_TRUE(process(*restless, {1, 2}).ok());
    expected = *restless->snapshot();
  }
  for (int call = 0; call < 3; ++call) {
    ASSERT_TRUE(process(*stage, {1, 2}).ok());
    EXPECT_EQ(out_.verdicts, std::vector<Verdict>(2, Verdict::pass));
    EXPECT_TRUE(has_process());
    stage->let_rest();
    EXPECT_FALSE(has_process());
  }
  EXPECT_EQ(*stage->snapshot(), expected);
  EXPECT_FALSE(has_process()) << "a checkpoint wakes nobody";
  isolation_.idle_unload = std::chrono::hours(1);
  const auto busy = hostile("");
  ASSERT_TRUE(busy->restore(expected).ok());
  ASSERT_TRUE(process(*busy, {1}).ok());
  busy->let_rest();
  EXPECT_TRUE(has_process());
}

// Between the installation of a new version and its reload.
TEST_F(IsolatedStageTest, StartsAgainFromItsOwnFileThoughAnotherHasTheNameNow) {
  isolation_.idle_unload = std::chrono::nanoseconds(1);
  std::string dir = ::testing::TempDir() + "sluice-pinned-XXXXXX";
  ASSERT_NE(mkdtemp(dir.data()), nullptr);
  for (const char* program : {PLUGIN_HOST_PROGRAM, NO_LANDLOCK}) {
    isolation_.program = program;
    std::filesystem::copy_file(HOSTILE_PLUGIN_DIR "/hostile.so", dir + "/hostile.so");
    const auto stage = make("hostile", R"({"way":"segv"})", dir);
    ASSERT_TRUE(stage.ok()) << stage.status().to_string();
    ASSERT_TRUE(process(**stage, {1}).ok());
    (*stage)->let_rest();
    std::ofstream(dir + "/next") << "not even a plugin";
    std::filesystem::rename(dir + "/next", dir + "/hostile.so");
    const Status woken = process(**stage, {2});
    EXPECT_TRUE(woken.ok()) << woken.to_string();
    EXPECT_FALSE(process(**stage, {666}).ok());
    const Status again = process(**stage, {3});
    EXPECT_TRUE(again.ok()) << again.to_string();
    std::filesystem::remove(dir + "/hostile.so");
  }
  std::filesystem::remove_all(dir);
}

TEST_F(IsolatedStageTest, RepeatsACallFromItsRecordWhateverThePluginWouldSayNow) {
  const auto stage = make("plain_c", "");
  ASSERT_TRUE(stage.ok());
  ASSERT_TRUE(process(**stage, {1, 2, 3}).ok());
  const std::string first = (*stage)->recorded_calls()->take_record();
  ASSERT_TRUE(process(**stage, {4}).ok());
  const auto again = make("plain_c", "");
  ASSERT_TRUE(again.ok());
  const ReadingBatch in = batch({1, 2, 3});
  out_.clear();
  ASSERT_TRUE((*again)->recorded_calls()->replay(&in, 0, first, out_).ok());
  EXPECT_EQ(out_.verdicts, (std::vector<Verdict>{Verdict::pass, Verdict::drop, Verdict::pass}));
  ASSERT_TRUE(process(**again, {4}).ok());
  EXPECT_EQ(*(*again)->snapshot(), *(*stage)->snapshot());
  out_.clear();
  EXPECT_FALSE((*again)->recorded_calls()->replay(&in, 0, first.substr(0, 3), out_).ok());
}

// A power cut between the installation of a version with fewer rules and its reload.
TEST_F(IsolatedStageTest, RepeatsACallOfAVersionThatHadMoreRules) {
  const auto stage = make("plain_c", "");
  ASSERT_TRUE(stage.ok());
  constexpr std::uint16_t kRuleThatWas = 3;
  CallRecorder recorder;
  recorder.begin(1, 0, 3);
  const sluice_verdict verdicts[] = {{SLUICE_VERDICT_PASS, 0, 0},
                                     {SLUICE_VERDICT_DROP, 0, kRuleThatWas},
                                     {SLUICE_VERDICT_PASS, 0, 0}};
  const std::string taken = std::string(1, 1) + *recorder.finish(verdicts, 3);
  const ReadingBatch in = batch({1, 2, 3});
  const Status status = (*stage)->recorded_calls()->replay(&in, 0, taken, out_);
  EXPECT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(out_.verdicts, (std::vector<Verdict>{Verdict::pass, Verdict::drop, Verdict::pass}))
      << "two readings are in the ledger, and in no window any more";
}

}  // namespace
}  // namespace sluice
