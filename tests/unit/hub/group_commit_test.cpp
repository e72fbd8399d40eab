#include "hub/group_commit.h"

#include <gtest/gtest.h>

#include <thread>

#include "unit/hub/hub_samples.h"

namespace sluice::hub {
namespace {

TEST(GroupCommit, GivesEveryCallerItsOwnOutcome) {
  const TempDir dir;
  const TestClock clock;
  const auto store = open_store(dir.file("hub.db"), clock);
  GroupCommit commits(*store, 4);
  constexpr int kCallers = 8;
  constexpr int kRounds = 25;
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      const NodeKey node = sample_node("node-" + std::to_string(caller));
      if (!commits.commit(hello_change(node)).status.ok()) ++wrong;
      if (!commits.commit(series_change(1, node)).status.ok()) ++wrong;
      for (int i = 1; i <= kRounds; ++i) {
        // Every third caller sends what must be refused; nobody else may notice.
        const bool is_bad = caller % 3 == 0;
        const SamplePane pane{1, kNoonNs + kMinuteNs * i};
        const NodeKey sender = is_bad ? sample_node("stranger") : node;
        const Outcome outcome = commits.commit(row_change(i, sample_block({pane}), sender));
        if (outcome.status.ok() == is_bad) ++wrong;
        if (!is_bad && outcome.highest_seq != i) ++wrong;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(read_all(store->path()).size(), static_cast<std::size_t>(5 * kRounds));
}

TEST(GroupCommit, IsDurableWhenItReturns) {
  const TempDir dir;
  const TestClock clock;
  const auto store = open_store(dir.file("hub.db"), clock);
  GroupCommit commits(*store, 1);
  for (int i = 1; i <= 20; ++i) {
    const SamplePane pane{1, kNoonNs + kMinuteNs * i};
    ASSERT_TRUE(commits.commit(row_change(i, sample_block({pane}))).status.ok());
    // Another connection sees committed rows only.
    ASSERT_EQ(read_all(store->path()).size(), static_cast<std::size_t>(i));
  }
}

}  // namespace
}  // namespace sluice::hub
