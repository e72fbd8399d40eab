#include "hub/unread_table.h"

#include <gtest/gtest.h>

#include "hub/hub_schema.h"
#include "unit/hub/hub_samples.h"

namespace sluice::hub {
namespace {

class UnreadTableTest : public testing::Test {
 protected:
  void SetUp() override {
    auto database = Database::open(dir_.file("hub.db"), Database::Mode::read_write);
    ASSERT_TRUE(database.ok());
    database_ = std::make_unique<Database>(std::move(*database));
    ASSERT_TRUE(prepare_hub_schema(*database_).ok());
    ASSERT_TRUE(database_
                    ->run("INSERT INTO node (id, node, epoch, version, last_seen_ns, unread)"
                          " VALUES (1, 'a', 'x', '', 1, 2), (2, 'a', 'y', '', 1, 1)")
                    .ok());
    auto table = UnreadTable::create(*database_);
    ASSERT_TRUE(table.ok()) << table.status().to_string();
    table_ = std::make_unique<UnreadTable>(std::move(*table));
  }

  TempDir dir_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<UnreadTable> table_;
};

TEST_F(UnreadTableTest, GivesEveryByteBackInTheOrderOfArrival) {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  EXPECT_TRUE(*table_->keep({0, 1, 9, all, "why"}, 7));
  EXPECT_TRUE(*table_->keep({0, 1, 4, "", "empty"}, 7));
  EXPECT_FALSE(*table_->keep({0, 1, 9, all, "other words"}, 8)) << "it is there";
  EXPECT_FALSE(*table_->keep({0, 1, 4, "", "empty"}, 8));
  EXPECT_TRUE(*table_->keep({0, 2, 9, all, "another epoch"}, 8));
  auto row = *table_->next(0);
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->node_id, 1);
  EXPECT_EQ(row->seq, 9);
  EXPECT_EQ(row->block, all);
  EXPECT_EQ(row->text, "why");
  row = *table_->next(row->id);
  EXPECT_EQ(row->seq, 4);
  EXPECT_EQ(row->block, "");
  row = *table_->next(row->id);
  EXPECT_EQ(row->node_id, 2);
  EXPECT_FALSE(table_->next(row->id)->has_value());
}

TEST_F(UnreadTableTest, TellsTheNewestOfAName) {
  EXPECT_TRUE(*table_->keep({0, 2, 9, "one", "first"}, 7));
  EXPECT_TRUE(*table_->keep({0, 1, 4, "two", "second"}, 7));
  const auto rows = *table_->of("a");
  ASSERT_TRUE(rows.has_value());
  EXPECT_EQ(rows->rows, 3u) << "what the node rows say";
  EXPECT_EQ(rows->seq, 4);
  EXPECT_EQ(rows->text, "second");
  ASSERT_TRUE(table_->explain((*table_->next(0))->id, "in other words").ok());
  ASSERT_TRUE(table_->remove(2).ok());
  EXPECT_EQ((*table_->of("a"))->text, "in other words");
  EXPECT_FALSE(table_->of("b")->has_value());
}

}  // namespace
}  // namespace sluice::hub
