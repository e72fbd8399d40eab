#include "hub/node_roster.h"

#include <gtest/gtest.h>

namespace sluice::hub {
namespace {

v1::ControlHello hello_of(const std::string& node) {
  v1::ControlHello hello;
  hello.set_node(node);
  return hello;
}

v1::ConfigReport report_of(const std::string& text) {
  v1::ConfigReport report;
  report.set_key_error(text);
  return report;
}

TEST(NodeRoster, WritesANodeOnceHoweverOftenItSpeaks) {
  NodeRoster roster({});
  roster.greet(hello_of("gw"), 1);
  for (int i = 0; i < 1000; ++i) roster.report("gw", report_of(std::to_string(i)), i);
  const auto changes = roster.take_changes();
  ASSERT_EQ(changes.changed.size(), 1u);
  EXPECT_EQ(changes.changed[0].report.key_error(), "999");
  EXPECT_TRUE(roster.take_changes().changed.empty());
  // The same again is nothing to write.
  roster.report("gw", report_of("999"), 1001);
  roster.see("gw", 1002);
  EXPECT_TRUE(roster.take_changes().changed.empty());
  EXPECT_EQ(roster.find("gw")->last_seen_ns, 1002);
  roster.leave("gw");
  EXPECT_EQ(roster.take_changes().changed[0].last_seen_ns, 1002);
  EXPECT_FALSE(roster.is_connected("gw"));
}

TEST(NodeRoster, KeepsTheReportOfANodeThatComesBack) {
  NodeReport saved;
  saved.hello = hello_of("gw");
  saved.report = report_of("before");
  NodeRoster roster({saved});
  EXPECT_FALSE(roster.is_connected("gw"));
  v1::ControlHello hello = hello_of("gw");
  hello.add_groups("north");
  roster.greet(hello, 5);
  EXPECT_TRUE(roster.is_connected("gw"));
  EXPECT_EQ(roster.find("gw")->report.key_error(), "before");
  EXPECT_EQ(roster.find("gw")->hello.groups_size(), 1);
  EXPECT_EQ(roster.find("unknown"), nullptr);
  roster.report("unknown", report_of("x"), 6);
  EXPECT_EQ(roster.find("unknown"), nullptr);
}

TEST(NodeRoster, GivesUpTheNodeThatWasNotSeenForLongest) {
  NodeRoster roster({});
  for (std::size_t i = 0; i < NodeRoster::kNodesMax; ++i) {
    const std::string name = "n" + std::to_string(i);
    roster.greet(hello_of(name), static_cast<std::int64_t>(i));
    if (i > 0) roster.leave(name);
  }
  (void)roster.take_changes();
  roster.greet(hello_of("new"), 9'999);
  EXPECT_NE(roster.find("n0"), nullptr) << "it is connected";
  EXPECT_EQ(roster.find("n1"), nullptr);
  const auto changes = roster.take_changes();
  EXPECT_EQ(changes.gone, std::vector<std::string>{"n1"});
  EXPECT_EQ(changes.changed.size(), 1u);
}

TEST(NodeRoster, GivesBackWhatCouldNotBeSaved) {
  NodeRoster roster({});
  roster.greet(hello_of("gw"), 1);
  const auto changes = roster.take_changes();
  roster.put_back({changes.changed, {"gone"}});
  const auto again = roster.take_changes();
  EXPECT_EQ(again.changed.size(), 1u);
  EXPECT_EQ(again.gone.size(), 1u);
}

TEST(NodeRoster, GoesThroughNodesByName) {
  NodeRoster roster({});
  for (const char* name : {"b", "a", "a.1"}) roster.greet(hello_of(name), 1);
  std::string order;
  for (const auto* n = roster.next(""); n != nullptr; n = roster.next(n->hello.node() + '\0')) {
    order += n->hello.node() + " ";
  }
  EXPECT_EQ(order, "a a.1 b ");
}

}  // namespace
}  // namespace sluice::hub
