#include "hub/push_table.h"

#include <gtest/gtest.h>

#include "hub/hub_schema.h"
#include "unit/hub/hub_samples.h"

namespace sluice::hub {
namespace {

class PushTableTest : public testing::Test {
 protected:
  void SetUp() override {
    auto database = Database::open(dir_.file("hub.db"), Database::Mode::read_write);
    ASSERT_TRUE(database.ok());
    database_ = std::make_unique<Database>(std::move(*database));
    ASSERT_TRUE(prepare_hub_schema(*database_).ok());
    auto table = PushTable::create(*database_);
    ASSERT_TRUE(table.ok()) << table.status().to_string();
    table_ = std::make_unique<PushTable>(std::move(*table));
  }
  static v1::ConfigPush sample_push() {
    v1::ConfigPush push;
    (*push.mutable_target()->mutable_labels()->mutable_labels())["site"] = "a";
    push.set_is_signed(true);
    push.set_version(INT64_MAX);
    push.set_sha256(std::string("\0\xff", 2));
    push.set_pushed_ns(kNoonNs);
    return push;
  }

  TempDir dir_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<PushTable> table_;
};

TEST_F(PushTableTest, GivesBackWhatWasPushedNewestFirst) {
  const std::string bytes("\0\x01\xff", 3);
  EXPECT_EQ(*table_->add(sample_push(), bytes), 1u);
  EXPECT_EQ(*table_->add(v1::ConfigPush(), "a: 1\n"), 2u);
  const auto all = *table_->list();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].offer_id(), 2u);
  v1::ConfigPush expected = sample_push();
  expected.set_offer_id(1);
  EXPECT_EQ(all[1].SerializeAsString(), expected.SerializeAsString());
  EXPECT_EQ((*table_->offer(1))->signed_config(), bytes);
  EXPECT_EQ((*table_->offer(2))->document(), "a: 1\n");
  EXPECT_FALSE(*table_->offer(3));
}

// A node remembers it by its number.
TEST_F(PushTableTest, NeverGivesANumberAgain) {
  EXPECT_EQ(*table_->add(sample_push(), "x"), 1u);
  ASSERT_TRUE(table_->remove(1).ok());
  EXPECT_EQ(*table_->add(sample_push(), "x"), 2u);
}

TEST_F(PushTableTest, HasNoOfferOfWhatWasWithdrawn) {
  EXPECT_FALSE(*table_->withdraw(1));
  EXPECT_EQ(*table_->add(sample_push(), "x"), 1u);
  EXPECT_TRUE(*table_->withdraw(1));
  EXPECT_TRUE(*table_->withdraw(1));
  EXPECT_FALSE(*table_->offer(1));
  EXPECT_TRUE(table_->list()->front().is_withdrawn());
}

}  // namespace
}  // namespace sluice::hub
