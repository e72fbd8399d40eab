#include "ctl/local_commands.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "unit/ctl/local_daemon.h"
#include "unit/ctl/program.h"

// sluicectl as operators run it, against the daemon's real admin server.

namespace sluice::ctl {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(LocalCommands, ShowTheStatusAndExitZeroThoughTheNodeIsNotReady) {
  LocalDaemon daemon;
  v1::Status status = daemon.view.status();
  status.set_ready(false);
  status.add_problems("source plant\x1b[2J: not connected");
  daemon.view.set(status);
  const Outcome shown = run_sluicectl({"status", "--socket", daemon.socket});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_TRUE(has(shown.out, "node     gw-1\n"));
  EXPECT_TRUE(has(shown.out, "problem  source plant\\x1b[2J: not connected\n"));
  EXPECT_EQ(shown.out.find('\x1b'), std::string::npos);
  EXPECT_EQ(run_sluicectl({"status", "--check", "--socket", daemon.socket}).exit_code, 1);
}

TEST(LocalCommands, TakeTheirOptionsBeforeAndAfterTheCommandAndTheSocketFromTheEnvironment) {
  LocalDaemon daemon;
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--socket", daemon.socket, "--json", "status"},
        std::vector<std::string>{"status", "--json", "--socket", daemon.socket}}) {
    const Outcome shown = run_sluicectl(arguments);
    EXPECT_EQ(shown.exit_code, 0) << shown.err;
    EXPECT_TRUE(has(shown.out, R"({"node":"gw-1","epoch":"",)")) << shown.out;
    EXPECT_TRUE(has(shown.out, R"("messages_received":1000,)"));
    EXPECT_EQ(shown.out.back(), '\n');
  }
  const Outcome from_env = run_sluicectl({"status", "--check"}, {{"SLUICE_SOCKET", daemon.socket}});
  EXPECT_EQ(from_env.exit_code, 0) << from_env.err;
}

TEST(LocalCommands, ExitWithOneWhenALedgerDoesNotBalance) {
  LocalDaemon daemon;
  v1::LedgerReport report;
  report.add_differences()->set_owner("room");
  daemon.view.set(report);
  EXPECT_EQ(run_sluicectl({"ledger", "--socket", daemon.socket}).exit_code, 0);
  report.mutable_differences(0)->set_difference(-1);
  daemon.view.set(report);
  const Outcome shown = run_sluicectl({"ledger", "--socket", daemon.socket});
  EXPECT_EQ(shown.exit_code, 1);
  EXPECT_TRUE(has(shown.out, "NOT BALANCED"));
  const Outcome json = run_sluicectl({"ledger", "--json", "--socket", daemon.socket});
  EXPECT_EQ(json.exit_code, 1);
  EXPECT_EQ(json.out, R"({"terms":[],"differences":[{"ledger":"","owner":"room","difference":-1}]})"
                      "\n");
}

TEST(LocalCommands, PassFiltersAndLimitsOn) {
  LocalDaemon daemon;
  v1::ListSeriesResponse series;
  for (const char* name : {"temperature", "pressure", "temperature"}) {
    series.add_series()->set_measurement(name);
  }
  daemon.view.set(series);
  v1::ListRecentSummariesResponse recent;
  for (const char* name : {"room", "hall"}) recent.add_summaries()->set_pipeline(name);
  daemon.view.set(recent);
  const Outcome listed = run_sluicectl(
      {"series", "--measurement", "temperature", "--limit", "1", "--socket", daemon.socket});
  EXPECT_TRUE(has(listed.out, "1 of 3 series")) << listed.out << listed.err;
  EXPECT_EQ(daemon.view.series_limit(), 1u);
  const Outcome hall =
      run_sluicectl({"summaries", "--pipeline", "hall", "--json", "--socket", daemon.socket});
  EXPECT_TRUE(has(hall.out, R"("pipeline":"hall")"));
  EXPECT_FALSE(has(hall.out, R"("pipeline":"room")"));
  EXPECT_EQ(daemon.view.recent_limit(), 100u);
  v1::ListLateReadingsResponse late;
  late.add_readings()->set_measurement("pressure");
  late.mutable_readings(0)->set_number(4);
  daemon.view.set(late);
  const Outcome late_shown =
      run_sluicectl({"late", "--limit", "7", "--json", "--socket", daemon.socket});
  EXPECT_TRUE(has(late_shown.out, R"("measurement":"pressure")")) << late_shown.err;
  EXPECT_EQ(daemon.view.recent_limit(), 7u);
  v1::ListRecentEventsResponse events;
  events.add_events()->mutable_event()->set_name("too_hot");
  events.mutable_events(0)->set_number(4);
  daemon.view.set(events);
  const Outcome told =
      run_sluicectl({"events", "--limit", "8", "--json", "--socket", daemon.socket});
  EXPECT_TRUE(has(told.out, R"("name":"too_hot")")) << told.err;
  EXPECT_EQ(daemon.view.recent_limit(), 8u);
  EXPECT_EQ(run_sluicectl({"plugins", "--socket", daemon.socket}).out, "No plugins.\n");
}

TEST(LocalCommands, ReloadPluginsAndFailWhenAPipelineStaysAsItWas) {
  LocalDaemon daemon;
  v1::ReloadPluginsResponse reloaded;
  reloaded.add_pipelines()->set_pipeline("room");
  daemon.view.set(reloaded);
  EXPECT_EQ(run_sluicectl({"plugins", "reload", "--socket", daemon.socket}).exit_code, kExitOk);
  EXPECT_FALSE(daemon.view.began_anew());
  reloaded.mutable_pipelines(0)->set_error("its config is another");
  daemon.view.set(reloaded);
  const Outcome refused =
      run_sluicectl({"plugins", "reload", "--anew", "--json", "--socket", daemon.socket});
  EXPECT_EQ(refused.exit_code, kExitBadAnswer);
  EXPECT_TRUE(has(refused.out, "its config is another")) << refused.out << refused.err;
  EXPECT_TRUE(daemon.view.began_anew());
}

TEST(LocalCommands, ShowWhatSeriesKeepAndWhatMakesThemGrow) {
  LocalDaemon daemon;
  v1::SeriesStateReport state;
  state.add_pipelines()->set_pipeline("room");
  daemon.view.set(Result<v1::SeriesStateReport>(state));
  v1::SeriesGrowth growth;
  growth.add_topic_patterns()->set_what("plant a/+");
  daemon.view.set(growth);
  const Outcome held = run_sluicectl({"series", "--state", "--socket", daemon.socket});
  EXPECT_TRUE(has(held.out, "room, 0 series")) << held.out << held.err;
  EXPECT_EQ(daemon.view.series_limit(), 20u);
  const Outcome grows = run_sluicectl({"series", "--top", "--socket", daemon.socket});
  EXPECT_TRUE(has(grows.out, "plant a/+")) << grows.out << grows.err;
  EXPECT_EQ(daemon.view.series_limit(), 10u);
  const Outcome json =
      run_sluicectl({"series", "--top", "--limit", "1000", "--json", "--socket", daemon.socket});
  EXPECT_TRUE(has(json.out, R"("topic_patterns":[{"what":"plant a/+","count":0}])")) << json.out;
  EXPECT_EQ(daemon.view.series_limit(), 100u);

  daemon.view.set(Result<v1::SeriesStateReport>(unavailable("the pipelines are too busy")));
  const Outcome busy = run_sluicectl({"series", "--state", "--socket", daemon.socket});
  EXPECT_EQ(busy.exit_code, 3) << busy.err;
}

TEST(LocalCommands, ShowALargeAnswerWhole) {
  LocalDaemon daemon;
  v1::ListSeriesResponse series;
  for (int i = 0; i < 50'000; ++i) {
    auto* row = series.add_series();
    row->set_id(static_cast<std::uint32_t>(i));
    row->set_measurement("temperature");
    (*row->mutable_labels())["device"] = std::string(100, 'd') + std::to_string(i);
  }
  daemon.view.set(series);
  const Outcome shown =
      run_sluicectl({"series", "--limit", "100000", "--json", "--socket", daemon.socket});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_TRUE(has(shown.out, R"("id":49999,)"));
}

TEST(LocalCommands, ExitWithThreeWhenThereIsNoDaemon) {
  LocalDaemon daemon;
  daemon.stop();
  const Outcome gone = run_sluicectl({"status", "--socket", daemon.socket});
  EXPECT_EQ(gone.exit_code, 3);
  EXPECT_EQ(gone.out, "");
  EXPECT_EQ(gone.err, "sluicectl: cannot reach the daemon at " + daemon.socket +
                          ": is sluiced running? (--socket to use another)\n");
}

// A socket file without a listener, one that hangs up at once, and a file that is no socket.
TEST(LocalCommands, ExitWithThreeWhenTheSocketLeadsNowhere) {
  TempDir dir;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, (dir / "s").c_str());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const Outcome refused = run_sluicectl({"status", "--socket", dir / "s"});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_TRUE(has(refused.err, "is sluiced running?"));

  ASSERT_EQ(::listen(fd, 4), 0);
  Program caller({"status", "--socket", dir / "s"});
  ::close(::accept(fd, nullptr, nullptr));
  EXPECT_EQ(caller.wait(), 3);
  EXPECT_TRUE(has(caller.err(), "closed the connection")) << caller.err();
  ::close(fd);

  std::ofstream(dir / "file") << "x";
  EXPECT_EQ(run_sluicectl({"status", "--socket", dir / "file"}).exit_code, 3);
}

TEST(LocalCommands, ExitWithThreeWhenTheDaemonHangs) {
  TempDir dir;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, (dir / "s").c_str());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(fd, 4), 0);
  const Outcome hung = run_sluicectl({"status", "--socket", dir / "s"});
  EXPECT_EQ(hung.exit_code, 3);
  EXPECT_TRUE(has(hung.err, "did not answer within 5 s")) << hung.err;
  ::close(fd);
}

TEST(LocalCommands, ExitWithTwoForWrongArguments) {
  const std::vector<std::string> wrong[] = {{},
                                            {"bogus"},
                                            {"status", "--bogus"},
                                            {"series", "--limit", "0"},
                                            {"series", "--limit", "many"},
                                            {"series", "--top", "--state"},
                                            {"series", "--top", "--measurement", "t"},
                                            {"summaries", "--limit", "5000"},
                                            {"config"},
                                            {"config", "validate"},
                                            {"top", "--interval", "soon"},
                                            {"status", "--socket", std::string(200, 'x')}};
  for (const auto& arguments : wrong) {
    const Outcome shown = run_sluicectl(arguments);
    EXPECT_EQ(shown.exit_code, 2) << (arguments.empty() ? "" : arguments[0]) << shown.err;
    EXPECT_EQ(shown.out, "");
    EXPECT_EQ(std::count(shown.err.begin(), shown.err.end(), '\n'), 1) << shown.err;
  }
  EXPECT_TRUE(has(run_sluicectl({"bogus"}).err, "\"bogus\""));
}

TEST(LocalCommands, TellTheirExitCodesInTheHelp) {
  const Outcome help = run_sluicectl({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* part : {"Exit codes:", "status", "ledger", "top", "hub", "SLUICE_SOCKET"}) {
    EXPECT_TRUE(has(help.out, part)) << part;
  }
  EXPECT_EQ(run_sluicectl({"top", "--help"}).exit_code, 0);
}

TEST(LocalCommands, ExitWithOneWhenTheAnswerCannotBeWritten) {
  const std::string command = std::string(SLUICECTL_PATH) + " version >/dev/full 2>/dev/null";
  const int state = std::system(command.c_str());
  EXPECT_TRUE(WIFEXITED(state));
  EXPECT_EQ(WEXITSTATUS(state), 1);
}

TEST(LocalCommands, ShowTheVersion) {
  EXPECT_EQ(run_sluicectl({"version"}).out, "sluicectl " SLUICE_VERSION "\n");
  EXPECT_EQ(run_sluicectl({"--version"}).out, "sluicectl " SLUICE_VERSION "\n");
  EXPECT_EQ(run_sluicectl({"version", "--json"}).out, "{\"version\":\"" SLUICE_VERSION "\"}\n");
}

constexpr const char* kGoodConfig = R"(node:
  name: gw-1
sources:
  - name: plant
    mqtt:
      url: tcp://localhost:1883
      topics:
        - pattern: site/{site}/telemetry
)";

TEST(ConfigValidate, PassesAGoodConfig) {
  TempDir dir;
  std::ofstream(dir / "good.yaml") << kGoodConfig;
  const Outcome checked = run_sluicectl({"config", "validate", dir / "good.yaml"});
  EXPECT_EQ(checked.exit_code, 0) << checked.out;
  EXPECT_EQ(checked.out, (dir / "good.yaml") + ": ok\n");
  const Outcome json = run_sluicectl({"--json", "config", "validate", dir / "good.yaml"});
  EXPECT_EQ(json.out, R"({"ok":true,"errors":[],"errors_left_out":0,"notes":[]})"
                      "\n");
}

TEST(ConfigValidate, NamesFileLineAndKeyOfEveryErrorAndExitsWithTwo) {
  TempDir dir;
  std::ofstream(dir / "bad.yaml") << kGoodConfig << "storage:\n  commit_interval: soon\nbogus: 1\n";
  const Outcome checked = run_sluicectl({"config", "validate", dir / "bad.yaml"});
  EXPECT_EQ(checked.exit_code, 2);
  EXPECT_TRUE(has(checked.out, (dir / "bad.yaml") + ":10:")) << checked.out;
  EXPECT_TRUE(has(checked.out, "storage.commit_interval")) << checked.out;
  EXPECT_TRUE(has(checked.out, "bogus")) << checked.out;
  const Outcome json = run_sluicectl({"config", "validate", dir / "bad.yaml", "--json"});
  EXPECT_EQ(json.exit_code, 2);
  EXPECT_TRUE(has(json.out, R"({"ok":false,"errors":[{"file":)"));
  EXPECT_TRUE(has(json.out, R"("line":10,)")) << json.out;
}

TEST(ConfigValidate, FindsATopicPatternThatTheDaemonWouldRefuse) {
  TempDir dir;
  std::string text = kGoodConfig;
  const std::string good = "site/{site}/telemetry";
  text.replace(text.find(good), good.size(), "a/{b-c}");
  std::ofstream(dir / "bad.yaml") << text;
  const Outcome checked = run_sluicectl({"config", "validate", dir / "bad.yaml"});
  EXPECT_EQ(checked.exit_code, 2);
  EXPECT_TRUE(
      has(checked.out, (dir / "bad.yaml") +
                           ":8:20: sources[0].mqtt.topics[0].pattern: topic pattern 'a/{b-c}': "
                           "level 2, '{b-c}', captures without a proper name"))
      << checked.out;
}

TEST(ConfigValidate, TakesOverridesFromTheEnvironmentAndSaysSo) {
  TempDir dir;
  std::ofstream(dir / "good.yaml") << kGoodConfig;
  const Outcome checked =
      run_sluicectl({"config", "validate", dir / "good.yaml"}, {{"SLUICE__NODE__NAME", "gw-2"}});
  EXPECT_EQ(checked.exit_code, 0) << checked.out;
  EXPECT_TRUE(has(checked.out, "SLUICE__NODE__NAME")) << checked.out;
}

TEST(ConfigValidate, ExitsWithTwoForAMissingFile) {
  const Outcome checked = run_sluicectl({"config", "validate", "/nowhere/x.yaml"});
  EXPECT_EQ(checked.exit_code, 2);
  EXPECT_TRUE(has(checked.out, "/nowhere/x.yaml")) << checked.out;
}

}  // namespace
}  // namespace sluice::ctl
