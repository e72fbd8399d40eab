#include "ctl/top_screen.h"

#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

v1::Status status() {
  v1::Status s;
  s.set_node("gw-1");
  s.set_version("0.1.0");
  s.set_pid(1);
  s.set_ready(true);
  s.set_uptime_s(192);
  s.set_series(12);
  s.set_rss_bytes(19'083'264);
  s.set_messages_received(1'000'000);
  s.set_readings_in(3'000'000);
  s.set_readings_filtered(2'500);
  s.set_readings_late(17);
  s.set_readings_rejected(3);
  s.set_messages_rejected(4);
  s.set_panes_closed(600);
  s.set_panes_acked(590);
  s.set_panes_outbox(10);
  s.add_sources()->set_bytes_received(124'000);
  s.mutable_uplink()->set_bytes_sent(10'000);
  s.mutable_uplink()->set_rows_sent(61);
  return s;
}

v1::ListRecentSummariesResponse windows() {
  v1::ListRecentSummariesResponse response;
  for (int i = 1; i <= 8; ++i) {
    auto* row = response.add_summaries();
    row->set_pipeline("room");
    row->set_measurement("temperature");
    (*row->mutable_labels())["device"] = "3";
    row->set_start_ns((i - 1) * 10 * kSecond);
    row->set_end_ns(i * 10 * kSecond);
    row->set_revision(1);
    row->set_count(1000);
    row->set_mean(20 + i);
    row->set_min(19.5);
    row->set_max(30.25);
  }
  return response;
}

NodeTop full_top() {
  NodeTop top("/run/sluice/admin.sock");
  v1::Status before = status();
  before.set_messages_received(993'690);
  before.mutable_sources(0)->set_bytes_received(104'000);
  top.answer(0, before);
  top.answer(kSecond, status());
  top.windows(windows());
  return top;
}

std::string text_of(const std::vector<ScreenLine>& lines) {
  std::string text;
  for (const ScreenLine& line : lines) text += line.text + "\n";
  return text;
}

bool has(const std::vector<ScreenLine>& lines, const std::string& part) {
  return text_of(lines).find(part) != std::string::npos;
}

TEST(TopScreen, ShowsTheNodeItsNumbersAndItsLastWindows) {
  const auto lines = render(full_top(), {100, 24, true});
  EXPECT_EQ(lines[0].text,
            "gw-1  READY  up 3m 12s  12 series  sluiced 0.1.0  /run/sluice/admin.sock");
  EXPECT_EQ(lines[0].style, Style::title);
  for (const char* part :
       {"messages/s            6,310", "messages          1,000,000", "readings in       3,000,000",
        "filtered              2,500", "late                     17", "rejected                  7",
        "windows closed          600", "windows acked           590", "backlog (outbox)         10",
        "rows delivered           61", "in : up            12.4 : 1", "MQTT in          19.5 KiB/s",
        "ledger difference         0", "memory             18.2 MiB"}) {
    EXPECT_TRUE(has(lines, part)) << part << "\n" << text_of(lines);
  }
  EXPECT_TRUE(has(lines, "room temperature{device=\"3\"}")) << text_of(lines);
  EXPECT_TRUE(has(lines, "1,000        28      19.5     30.25  ▁▂▃▄▅▆▇█"));
}

TEST(TopScreen, UsesAsciiWhereTheTerminalHasNoUnicode) {
  const auto lines = render(full_top(), {100, 24, false});
  EXPECT_TRUE(has(lines, "_.:-=+*#"));
  EXPECT_FALSE(has(lines, "▁"));
}

TEST(TopScreen, LeavesOutColumnsThatANarrowTerminalLacksRoomFor) {
  EXPECT_TRUE(has(render(full_top(), {80, 40, true}), "MIN"));
  EXPECT_TRUE(has(render(full_top(), {80, 40, true}), "RECENT"));
  EXPECT_FALSE(has(render(full_top(), {70, 40, true}), "RECENT"));
  EXPECT_FALSE(has(render(full_top(), {50, 40, true}), "MIN"));
  EXPECT_TRUE(has(render(full_top(), {50, 40, true}), "MEAN"));
}

TEST(TopScreen, TellsProblemsInTheColourOfTrouble) {
  v1::Status s = status();
  s.set_ready(false);
  for (const char* problem : {"one", "two\x1b[2J", "three", "four", "five"})
    s.add_problems(problem);
  s.set_ledger_difference(-2);
  NodeTop top("sock");
  top.answer(0, s);
  const auto lines = render(top, {80, 24, true});
  EXPECT_TRUE(has(lines, "NOT READY"));
  EXPECT_EQ(lines[0].style, Style::bad);
  EXPECT_EQ(lines[1].text, "! one");
  EXPECT_EQ(lines[1].style, Style::bad);
  EXPECT_EQ(lines[2].text, "! two\\x1b[2J");
  EXPECT_EQ(lines[4].text, "! and 2 more (sluicectl status)");
  EXPECT_EQ(lines[5].text, "! the ledger does not balance (sluicectl ledger)");
  EXPECT_TRUE(has(lines, "ledger difference        -2"));
}

TEST(TopScreen, KeepsTheLastNumbersWhileTheDaemonIsSilent) {
  NodeTop top = full_top();
  top.silence("cannot reach the daemon");
  const auto lines = render(top, {100, 24, true});
  EXPECT_EQ(lines[1].text, "daemon not answering, retrying: cannot reach the daemon");
  EXPECT_EQ(lines[1].style, Style::bad);
  EXPECT_TRUE(has(lines, "1,000,000"));
}

TEST(TopScreen, SaysSoWhenNoAnswerEverCame) {
  NodeTop top("/run/sluice/admin.sock");
  EXPECT_EQ(render(top, {80, 24, true})[0].text, "asking the daemon at /run/sluice/admin.sock");
  top.silence("no socket");
  const auto lines = render(top, {80, 24, true});
  EXPECT_EQ(lines[0].text, "daemon not answering, retrying");
  EXPECT_EQ(lines[1].text, "no socket");
}

HubTop full_hub() {
  HubTop top("hub:7443");
  v1::ListNodesResponse nodes;
  for (int i = 0; i < 30; ++i) {
    auto* row = nodes.add_nodes();
    row->set_node("gw-" + std::to_string(100 + i) + "\x1b");
    row->set_epoch("e");
    row->set_connected(i % 2 == 0);
    row->set_panes(1'234'567);
    row->set_version("0.1.0");
  }
  top.answer(0, nodes);
  v1::ListSummariesResponse page;
  auto* record = page.add_summaries();
  record->set_node("gw-100");
  record->set_measurement("pressure");
  record->set_end_ns(5);
  record->set_count(9);
  top.windows(page);
  return top;
}

TEST(TopScreen, ShowsAFleetAndLeavesRoomForItsWindows) {
  const auto lines = render(full_hub(), {100, 24, true});
  EXPECT_EQ(lines[0].text, "hub hub:7443  15 of 30 nodes connected");
  EXPECT_TRUE(has(lines, "gw-100\\x1b           connected        -            -    1,234,567"))
      << text_of(lines);
  EXPECT_TRUE(has(lines, "gw-100 pressure"));
  EXPECT_FALSE(has(lines, "gw-129"));
}

// Every size a terminal may take, down to nothing sensible: no line too long, none too many,
// nothing that the terminal would obey.
TEST(TopScreen, FitsEverySizeOfTerminal) {
  NodeTop hostile("sock\x1b");
  v1::Status s = status();
  s.set_node("\x1b[2J温度\u202e");
  s.set_version("\x9b");
  s.add_problems(std::string(500, 'x'));
  s.set_readings_in(~0ull);
  hostile.answer(0, s);
  v1::ListRecentSummariesResponse rows = windows();
  (*rows.mutable_summaries(0)->mutable_labels())["\x1b"] = "\x07";
  rows.mutable_summaries(1)->set_mean(-1.7976931348623157e308);
  rows.mutable_summaries(2)->set_count(~0ull);
  hostile.windows(rows);
  const NodeTop node = full_top();
  const HubTop hub = full_hub();
  for (std::size_t width = 1; width < 140; ++width) {
    for (const std::size_t height : {1u, 2u, 3u, 5u, 10u, 24u, 80u}) {
      const ScreenSize size{width, height, true};
      for (const auto& lines : {render(hostile, size), render(node, size), render(hub, size)}) {
        ASSERT_LE(lines.size(), height);
        for (const ScreenLine& line : lines) {
          ASSERT_LE(display_width(line.text), width) << line.text;
          ASSERT_EQ(printable(line.text), line.text);
        }
      }
    }
  }
}

TEST(PlainLine, HoldsOneLineOfKeysAndValues) {
  EXPECT_EQ(plain_line(full_top()),
            "node=gw-1 ready=true uptime_s=192 messages_per_s=6310 messages=1000000 "
            "readings_in=3000000 filtered=2500 late=17 rejected=7 windows_closed=600 "
            "rows_delivered=61 windows_acked=590 outbox=10 bytes_in=124000 bytes_up=10000 "
            "rss_bytes=19083264 ledger_difference=0");
  NodeTop silent("sock");
  silent.silence("no\nsocket");
  EXPECT_EQ(plain_line(silent), "daemon not answering, retrying: no\\x0asocket");
  EXPECT_EQ(plain_line(full_hub()),
            "hub=hub:7443 nodes=30 connected=15 windows=37037010 rows=0 rows_repeated=0");
}

}  // namespace
}  // namespace sluice::ctl
