#include "fault/history.h"

#include <gtest/gtest.h>

namespace sluice::fault {
namespace {

v1::SummaryRecord window(std::int64_t start_ms, std::uint64_t count, double sum) {
  v1::SummaryRecord row;
  (*row.mutable_labels())["device"] = "d0";
  row.set_start_ns(start_ms * 1'000'000);
  row.set_count(count);
  row.set_sum(sum);
  return row;
}

/// Three acknowledged readings, then one unknown, in the window from 1,000 ms on.
Comparison against(std::uint64_t count, double sum) {
  const std::vector<Published> history = {{1000, 10, 0, Fate::acknowledged},
                                          {1001, 200, 0, Fate::acknowledged},
                                          {1002, 3000, 0, Fate::acknowledged},
                                          {1003, 40000, 0, Fate::unknown}};
  return compare(history, {"fault/d0"}, {window(1000, count, sum)}, 500, 0, 2000);
}

// The campaigns are worth as much as this oracle: it must tell each kind of fault.
TEST(History, TellsALossFromADoubleAndFromASwap) {
  EXPECT_TRUE(against(3, 3210).equal());
  EXPECT_TRUE(against(4, 43210).equal()) << "the unknown one may be in";
  EXPECT_EQ(against(2, 3010).lost, 1);
  EXPECT_EQ(against(5, 46210).doubled, 1);
  EXPECT_EQ(against(3, 3400).wrong_sums, 1) << "one lost, another twice";
  EXPECT_EQ(against(4, 6210).wrong_sums, 1) << "a double is not an unknown one";
}

TEST(History, AWindowThatIsNotThereIsALoss) {
  const std::vector<Published> history = {{1000, 10, 0, Fate::acknowledged}};
  EXPECT_EQ(compare(history, {"fault/d0"}, {}, 500, 0, 2000).lost, 1);
  EXPECT_EQ(compare(history, {"fault/d0"}, {window(1000, 1, 10), window(1500, 1, 10)}, 500, 0, 2000)
                .doubled,
            1);
}

}  // namespace
}  // namespace sluice::fault
