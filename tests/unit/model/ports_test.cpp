#include "model/ports.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(StageOutput, ComesBackEmptyAfterClear) {
  StageOutput output;
  output.verdicts.push_back(Verdict::drop);
  output.drops.push_back({0, 1});
  output.altered.append({});
  output.derived.append({});
  output.settled.append({});
  output.settled_dropped.push_back(2);
  output.clear();
  EXPECT_TRUE(output.verdicts.empty() && output.drops.empty() && output.altered.empty() &&
              output.derived.empty() && output.settled.empty() && output.settled_dropped.empty());
}

}  // namespace
}  // namespace sluice
