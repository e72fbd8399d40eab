#include "ctl/top_model.h"

#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

TEST(Rate, NeedsTwoAnswersAndStartsAfreshWhenACounterGoesBack) {
  Rate rate;
  EXPECT_FALSE(rate.per_second());
  rate.sample(10 * kSecond, 100);
  EXPECT_FALSE(rate.per_second());
  rate.sample(12 * kSecond, 300);
  EXPECT_DOUBLE_EQ(*rate.per_second(), 100);
  rate.sample(13 * kSecond, 300);
  EXPECT_DOUBLE_EQ(*rate.per_second(), 0);
  rate.sample(14 * kSecond, 5);
  EXPECT_FALSE(rate.per_second());
  rate.sample(15 * kSecond, 6);
  EXPECT_DOUBLE_EQ(*rate.per_second(), 1);
  rate.sample(15 * kSecond, 7);
  EXPECT_FALSE(rate.per_second()) << "no time has passed";
}

WindowResult window(std::int64_t end_ns, double mean, std::uint32_t revision = 1) {
  return {end_ns - 10, end_ns, revision, 1, mean, mean, mean};
}

TEST(WindowHistory, KeepsTheNewestWindowsInTheOrderOfTheirEnds) {
  WindowHistory history;
  for (const int end : {30, 10, 20}) history.add("a", window(end, end));
  const auto series = history.newest(10);
  ASSERT_EQ(series.size(), 1u);
  ASSERT_EQ(series[0].windows.size(), 3u);
  EXPECT_EQ(series[0].windows.front().end_ns, 10);
  EXPECT_EQ(series[0].windows.back().end_ns, 30);
  for (int end = 100; end < 200; ++end) history.add("a", window(end, end));
  history.add("a", window(5, 5));
  const auto later = history.newest(10);
  EXPECT_EQ(later[0].windows.size(), WindowHistory::kWindowsMax);
  EXPECT_EQ(later[0].windows.front().end_ns, 184);
  EXPECT_EQ(later[0].windows.back().end_ns, 199);
}

TEST(WindowHistory, TakesARevisionAndIgnoresAnOlderOneThatComesLater) {
  WindowHistory history;
  history.add("a", window(10, 1, 1));
  history.add("a", window(10, 3, 3));
  history.add("a", window(10, 2, 2));
  const auto series = history.newest(1);
  ASSERT_EQ(series[0].windows.size(), 1u);
  EXPECT_EQ(series[0].windows[0].mean, 3);
}

TEST(WindowHistory, ShowsTheNewestFirstThenByNameAndForgetsTheOldestSeries) {
  WindowHistory history;
  history.add("old", window(1, 0));
  for (std::size_t i = 0; i < WindowHistory::kSeriesMax; ++i) {
    history.add("s" + std::to_string(1000 + i), window(50, 0));
  }
  history.add("newest", window(60, 0));
  const auto all = history.newest(5000);
  EXPECT_EQ(all.size(), WindowHistory::kSeriesMax);
  EXPECT_EQ(all[0].name, "newest");
  EXPECT_LT(all[1].name, all[2].name);
  for (const auto& series : all) EXPECT_NE(series.name, "old");
  EXPECT_EQ(history.newest(3).size(), 3u);
}

v1::Status status(std::int64_t pid, double uptime_s, std::uint64_t messages, std::uint64_t closed) {
  v1::Status s;
  s.set_pid(pid);
  s.set_uptime_s(uptime_s);
  s.set_messages_received(messages);
  s.set_panes_closed(closed);
  s.add_sources()->set_bytes_received(messages * 10);
  s.add_sources()->set_bytes_received(messages * 20);
  s.mutable_uplink()->set_bytes_sent(messages);
  return s;
}

v1::ListRecentSummariesResponse one_window() {
  v1::ListRecentSummariesResponse response;
  auto* row = response.add_summaries();
  row->set_pipeline("room\x1b");
  row->set_measurement("temperature");
  row->set_end_ns(10);
  row->set_count(4);
  return response;
}

TEST(NodeTop, PassesOverWindowsThatNothingCameFor) {
  NodeTop top("sock");
  auto response = one_window();
  response.mutable_summaries(0)->set_count(0);
  top.windows(response);
  EXPECT_TRUE(top.history().empty());
}

TEST(NodeTop, AddsUpSourcesAndMakesRates) {
  NodeTop top("sock");
  top.answer(0, status(1, 5, 100, 0));
  EXPECT_FALSE(top.messages_per_s());
  top.answer(2 * kSecond, status(1, 7, 300, 0));
  EXPECT_DOUBLE_EQ(*top.messages_per_s(), 100);
  EXPECT_EQ(top.bytes_in(), 9000u);
  EXPECT_EQ(top.bytes_up(), 300u);
  EXPECT_DOUBLE_EQ(*top.bytes_in_per_s(), 3000);
  EXPECT_DOUBLE_EQ(*top.bytes_up_per_s(), 100);
}

TEST(NodeTop, AsksForAsManyWindowsAsClosed) {
  NodeTop top("sock");
  EXPECT_EQ(top.windows_wanted(), 2000u);
  top.answer(0, status(1, 5, 0, 1'000'000));
  EXPECT_EQ(top.windows_wanted(), 4096u);
  top.answer(kSecond, status(1, 6, 0, 1'000'300));
  EXPECT_EQ(top.windows_wanted(), 300u);
  top.answer(2 * kSecond, status(1, 7, 0, 1'000'300));
  EXPECT_EQ(top.windows_wanted(), 50u);
}

TEST(NodeTop, KeepsItsLastAnswerInSilenceAndStartsAfreshAfterARestart) {
  NodeTop top("sock");
  top.answer(0, status(1, 5, 100, 0));
  top.answer(kSecond, status(1, 6, 200, 0));
  top.windows(one_window());
  EXPECT_EQ(top.history().newest(1)[0].name, "room\\x1b temperature");
  top.silence("gone");
  EXPECT_EQ(top.trouble(), "gone");
  ASSERT_TRUE(top.status().has_value());
  EXPECT_EQ(top.status()->messages_received(), 200u);
  top.answer(9 * kSecond, status(2, 1, 220, 0));
  EXPECT_EQ(top.trouble(), "");
  EXPECT_FALSE(top.messages_per_s());
  EXPECT_TRUE(top.history().empty());
}

TEST(HubTop, FollowsEachNodeAndForgetsThoseThatLeft) {
  HubTop top("hub:1");
  v1::ListNodesResponse nodes;
  for (const char* name : {"b", "a"}) {
    auto* row = nodes.add_nodes();
    row->set_node(name);
    row->set_epoch("e");
    row->set_rows_received(10);
  }
  top.answer(0, nodes);
  nodes.mutable_nodes()->RemoveLast();
  nodes.mutable_nodes(0)->set_rows_received(30);
  top.answer(kSecond, nodes);
  ASSERT_EQ(top.nodes().size(), 1u);
  EXPECT_DOUBLE_EQ(*top.nodes().at({"b", "e"}).rows.per_second(), 20);
  top.silence("gone");
  EXPECT_EQ(top.nodes().size(), 1u);
}

}  // namespace
}  // namespace sluice::ctl
