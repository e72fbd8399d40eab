#include "pipeline/left_sessions.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

SessionId id(int n) { return {"broker:1883", "gw" + std::to_string(n)}; }

TEST(LeftSessions, GivesASessionBackOnce) {
  LeftSessions left;
  left.add(id(1), "one");
  left.add(id(2), "two");
  EXPECT_FALSE(left.take({"elsewhere:1883", "gw1"}));
  EXPECT_EQ(left.take(id(1)), "one");
  EXPECT_FALSE(left.take(id(1)));
  left.add({"broker:1883", ""}, "nobody's");
  EXPECT_FALSE(left.take({"broker:1883", ""})) << "a session without a name is no session";
  EXPECT_EQ(left.size(), 1u);
}

TEST(LeftSessions, ForgetsTheOneThatWasLeftFirstPastTheBound) {
  LeftSessions left;
  const int n = LeftSessions::kSessionsMax + 2;
  for (int i = 0; i < n; ++i) left.add(id(i), std::to_string(i));
  EXPECT_EQ(left.size(), LeftSessions::kSessionsMax);
  EXPECT_FALSE(left.take(id(1)));
  EXPECT_EQ(left.take(id(2)), "2");
}

TEST(LeftSessions, SurvivesASnapshotInItsOrderAndRefusesADamagedOne) {
  LeftSessions left;
  // From 9 to 10 the names of the parts do not sort like their numbers.
  for (int i = 0; i < 12; ++i) left.add(id(i), std::to_string(i));
  std::vector<CheckpointPart> parts = {{"source/a", "x"}};
  left.snapshot(parts);
  std::vector<CheckpointPart> reversed(parts.rbegin(), parts.rend());
  LeftSessions next;
  ASSERT_TRUE(next.restore(reversed).ok());
  std::vector<CheckpointPart> again = {{"source/a", "x"}};
  next.snapshot(again);
  ASSERT_EQ(again.size(), parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(again[i].name, parts[i].name);
    EXPECT_EQ(again[i].bytes, parts[i].bytes);
  }
  for (std::size_t n = 0; n < parts[1].bytes.size(); ++n) {
    EXPECT_FALSE(next.restore({{"session/1", parts[1].bytes.substr(0, n)}}).ok()) << n;
  }
}

}  // namespace
}  // namespace sluice
