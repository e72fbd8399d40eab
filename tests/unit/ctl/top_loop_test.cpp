#include "ctl/top_loop.h"

#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>

#include "unit/ctl/fake_hub.h"
#include "unit/ctl/local_daemon.h"
#include "unit/ctl/program.h"

namespace sluice::ctl {
namespace {

constexpr const char* kEnterScreen = "\x1b[?1049h";
constexpr const char* kLeaveScreen = "\x1b[0m\x1b[?25h\x1b[?1049l";

TEST(TopLoop, WritesALinePerIntervalIntoAPipeAndStopsAfterItsTime) {
  LocalDaemon daemon;
  const Outcome shown =
      run_sluicectl({"top", "--interval", "200ms", "--seconds", "1", "--socket", daemon.socket});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_EQ(shown.out.find('\x1b'), std::string::npos);
  EXPECT_TRUE(shown.out.starts_with("node=gw-1 ready=true uptime_s=0 messages_per_s=- "))
      << shown.out;
  EXPECT_NE(shown.out.find(" messages_per_s=0 messages=1000 "), std::string::npos) << shown.out;
}

TEST(TopLoop, SurvivesARestartOfTheDaemon) {
  LocalDaemon daemon;
  Program top({"top", "--interval", "50ms", "--socket", daemon.socket});
  ASSERT_TRUE(top.reads("node=gw-1"));
  daemon.stop();
  ASSERT_TRUE(top.reads("daemon not answering, retrying: "));
  v1::Status status = daemon.view.status();
  status.set_node("gw-again");
  daemon.view.set(status);
  daemon.start();
  ASSERT_TRUE(top.reads("node=gw-again"));
  top.signal(SIGTERM);
  EXPECT_EQ(top.wait(), 0);
}

TEST(TopLoop, ExitsWithThreeWhenNoAnswerEverCame) {
  TempDir dir;
  const Outcome shown = run_sluicectl(
      {"top", "--interval", "100ms", "--seconds", "1", "--socket", dir / "admin.sock"});
  EXPECT_EQ(shown.exit_code, 3);
  EXPECT_TRUE(shown.out.starts_with("daemon not answering, retrying: ")) << shown.out;
}

TEST(TopLoop, WritesOneJsonAnswerALine) {
  LocalDaemon daemon;
  const Outcome shown = run_sluicectl(
      {"top", "--json", "--interval", "300ms", "--seconds", "1", "--socket", daemon.socket});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_TRUE(shown.out.starts_with(R"({"node":"gw-1",)")) << shown.out;
}

TEST(TopLoop, TakesTheWholeTerminalAndGivesItBackOnATerm) {
  LocalDaemon daemon;
  Program top({"top", "--interval", "50ms", "--socket", daemon.socket}, true);
  ASSERT_TRUE(top.reads(kEnterScreen)) << top.out();
  ASSERT_TRUE(top.reads("gw-1  READY"));
  ASSERT_TRUE(top.reads("\x1b[J"));
  EXPECT_FALSE(top.terminal_is_cooked());
  top.signal(SIGTERM);
  EXPECT_EQ(top.wait(), 0);
  EXPECT_TRUE(top.out().ends_with(kLeaveScreen));
  EXPECT_TRUE(top.terminal_is_cooked());
}

TEST(TopLoop, StopsOnCtrlCAndOnQ) {
  LocalDaemon daemon;
  for (const char key : {'\x03', 'q'}) {
    Program top({"top", "--interval", "1h", "--socket", daemon.socket}, true);
    ASSERT_TRUE(top.reads("gw-1  READY")) << top.out();
    ASSERT_TRUE(top.reads("\x1b[J"));
    ASSERT_EQ(::write(top.terminal_fd(), &key, 1), 1);
    EXPECT_EQ(top.wait(), 0);
    EXPECT_TRUE(top.out().ends_with(kLeaveScreen));
    EXPECT_TRUE(top.terminal_is_cooked());
  }
}

TEST(TopLoop, GivesTheTerminalToTheShellWhileSuspended) {
  LocalDaemon daemon;
  Program top({"top", "--interval", "1h", "--socket", daemon.socket}, true);
  ASSERT_TRUE(top.reads("gw-1  READY"));
  ASSERT_TRUE(top.reads("\x1b[J"));
  top.signal(SIGTSTP);
  ASSERT_TRUE(top.waits_stopped());
  EXPECT_TRUE(top.terminal_is_cooked());
  top.signal(SIGCONT);
  ASSERT_TRUE(top.reads(kLeaveScreen));
  ASSERT_TRUE(top.reads(kEnterScreen));
  ASSERT_TRUE(top.reads("gw-1  READY"));
  top.signal(SIGINT);
  EXPECT_EQ(top.wait(), 0);
}

TEST(TopLoop, AdaptsToANewSizeAtOnce) {
  LocalDaemon daemon;
  Program top({"top", "--interval", "1h", "--socket", daemon.socket}, true);
  ASSERT_TRUE(top.reads("MIN"));
  ASSERT_TRUE(top.reads("\x1b[J"));
  const std::size_t before = top.out().size();
  const winsize narrow{10, 20, 0, 0};
  ASSERT_EQ(::ioctl(top.terminal_fd(), TIOCSWINSZ, &narrow), 0);
  top.signal(SIGWINCH);
  ASSERT_TRUE(top.reads("gw-1  READY  up 0 s…")) << top.out().substr(before);
  ASSERT_TRUE(top.reads("\x1b[J"));
  EXPECT_EQ(top.out().find("MIN", before), std::string::npos);
  top.signal(SIGINT);
  EXPECT_EQ(top.wait(), 0);
}

TEST(TopLoop, ShowsAFleet) {
  FakeHub hub(5);
  Program screen({"top", "--interval", "50ms", "--hub", hub.address()}, true);
  ASSERT_TRUE(screen.reads("1 of 1 nodes connected")) << screen.out();
  ASSERT_TRUE(screen.reads("gw-1 temperature{device=\"\\x1b[31m\"} Cel"));
  screen.signal(SIGINT);
  EXPECT_EQ(screen.wait(), 0);
  const Outcome lines =
      run_sluicectl({"top", "--interval", "300ms", "--seconds", "1", "--hub", hub.address()});
  EXPECT_EQ(lines.exit_code, 0) << lines.err;
  EXPECT_TRUE(lines.out.starts_with("hub=" + hub.address() + " nodes=1 connected=1")) << lines.out;
}

TEST(TopLoop, RetriesAHubThatIsAway) {
  const Outcome shown =
      run_sluicectl({"top", "--interval", "300ms", "--seconds", "1", "--hub", "127.0.0.1:1"});
  EXPECT_EQ(shown.exit_code, 3);
  EXPECT_TRUE(shown.out.starts_with("hub not answering, retrying: ")) << shown.out;
}

}  // namespace
}  // namespace sluice::ctl
