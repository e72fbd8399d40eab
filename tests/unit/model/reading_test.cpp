#include "model/reading.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Value, KeepsItsKindAndIsSeenByAggregatesAsADouble) {
  EXPECT_EQ(Value::of(-2.5).as_double(), -2.5);
  EXPECT_EQ(Value::of(std::int64_t{-3}).as_double(), -3);
  EXPECT_EQ(Value::of(~std::uint64_t{0}).as_double(), 18446744073709551616.0);
  EXPECT_EQ(Value::of(true).as_double(), 1);
  EXPECT_EQ(Value::of(false).kind, ValueKind::boolean);
}

TEST(ReadingBatch, UndoesAHalfDecodedMessage) {
  ReadingBatch batch;
  const Reading first{1, 2, 3, Value::of(4.0), Quality::uncertain};
  batch.append(first);
  batch.append({});
  batch.truncate(1);
  ASSERT_EQ(batch.size(), 1u);
  EXPECT_EQ(batch.at(0), first);
}

}  // namespace
}  // namespace sluice
