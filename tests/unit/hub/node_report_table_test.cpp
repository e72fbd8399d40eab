#include "hub/node_report_table.h"

#include <gtest/gtest.h>

#include "hub/hub_schema.h"
#include "unit/hub/hub_samples.h"

namespace sluice::hub {
namespace {

TEST(NodeReportTable, KeepsWhatEachNodeSaidLast) {
  const TempDir dir;
  auto database = Database::open(dir.file("hub.db"), Database::Mode::read_write);
  ASSERT_TRUE(database.ok());
  ASSERT_TRUE(prepare_hub_schema(*database).ok());
  auto table = NodeReportTable::create(*database);
  ASSERT_TRUE(table.ok()) << table.status().to_string();
  NodeReport node;
  node.hello.set_node("gw-2");
  node.hello.add_groups("north");
  node.last_seen_ns = 1;
  ASSERT_TRUE(table->put(node).ok());
  NodeReport other;
  other.hello.set_node("gw-1");
  ASSERT_TRUE(table->put(other).ok());
  node.report.set_key_error("no keys");
  node.last_seen_ns = 2;
  ASSERT_TRUE(table->put(node).ok());
  const auto all = *table->list();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].hello.node(), "gw-1");
  EXPECT_FALSE(all[0].has_report());
  EXPECT_EQ(all[1].hello.SerializeAsString(), node.hello.SerializeAsString());
  EXPECT_EQ(all[1].report.key_error(), "no keys");
  EXPECT_EQ(all[1].last_seen_ns, 2);
  ASSERT_TRUE(table->remove("gw-1").ok());
  EXPECT_EQ(table->list()->size(), 1u);
}

}  // namespace
}  // namespace sluice::hub
