#include "store/epoch_table.h"

#include <gtest/gtest.h>

#include "store/migrations.h"
#include "unit/store/scratch.h"

namespace sluice::storage {
namespace {

const Identity kOld{"gw-1", "old"};
const Identity kNew{"gw-2", "new"};

TEST(EpochTable, KeepsRangesAndRefusesDamage) {
  const ScratchDir dir;
  Database database = *Database::open(dir.database());
  ASSERT_TRUE(migrate(database).ok());
  EpochTable table(database);
  EXPECT_TRUE(table.load()->empty());
  ASSERT_TRUE(table.store({{0, kOld}, {7, kNew}}).ok());
  ASSERT_TRUE(table.store({{0, kOld}, {9, kNew}}).ok());
  const auto ranges = table.load();
  ASSERT_TRUE(ranges.ok());
  ASSERT_EQ(ranges->size(), 2u);
  EXPECT_EQ((*ranges)[1].first_seq, 9);
  EXPECT_EQ((*ranges)[1].identity, kNew);
  for (const char* damage : {"UPDATE epoch SET node='x' WHERE first_seq=0",
                             "UPDATE epoch SET first_seq=1 WHERE first_seq=0"}) {
    ASSERT_TRUE(table.store({{0, kOld}, {9, kNew}}).ok());
    ASSERT_TRUE(database.execute(damage).ok());
    EXPECT_EQ(table.load().status().code(), StatusCode::data_loss) << damage;
  }
}

TEST(EpochTable, FindsTheIdentityOfANumber) {
  const EpochRanges ranges{{0, kOld}, {5, kNew}, {9, kOld}};
  EXPECT_EQ(identity_of(ranges, 1), kOld);
  EXPECT_EQ(identity_of(ranges, 4), kOld);
  EXPECT_EQ(identity_of(ranges, 5), kNew);
  EXPECT_EQ(identity_of(ranges, 8), kNew);
  EXPECT_EQ(identity_of(ranges, 1'000), kOld);
}

TEST(EpochTable, WithNothingLeftToSayTheNextEpochGoesOnCounting) {
  EpochRanges ranges{{0, kOld}};
  EXPECT_EQ(end_epoch(ranges, kNew, 5, 5, 100, 77, 0), 5);
  EXPECT_EQ(identity_of(ranges, 4), kOld);
  EXPECT_EQ(identity_of(ranges, 5), kNew);
}

TEST(EpochTable, TheLastWordsOfAnEpochStandFarAboveAllItsNumbers) {
  EpochRanges ranges{{0, kOld}};
  EXPECT_EQ(end_epoch(ranges, kNew, 5, 5, 100, 77, 2), 101 + 77);
  EXPECT_EQ(identity_of(ranges, 178), kOld);
  EXPECT_EQ(identity_of(ranges, 179), kOld);
  EXPECT_EQ(identity_of(ranges, 180), kNew);
}

TEST(EpochTable, NumbersThatMoveGoOverAndTheLastWordsStay) {
  EpochRanges ranges{{0, kOld}};
  EXPECT_EQ(end_epoch(ranges, kNew, 3, 5, 0, 77, 1), 5 + 77);
  EXPECT_EQ(identity_of(ranges, 2), kOld);
  EXPECT_EQ(identity_of(ranges, 3), kNew);
  EXPECT_EQ(identity_of(ranges, 4), kNew);
  EXPECT_EQ(identity_of(ranges, 82), kOld);
  EXPECT_EQ(identity_of(ranges, 83), kNew);
}

TEST(EpochTable, AnEpochWithoutRowsLeavesNoRange) {
  EpochRanges ranges{{0, kOld}, {5, kNew}};
  EXPECT_EQ(end_epoch(ranges, kOld, 5, 5, 0, 77, 0), 5);
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_EQ(ranges[1].identity, kOld);
}

}  // namespace
}  // namespace sluice::storage
