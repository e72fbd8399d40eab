#include "aggregate/state_duration.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "unit/aggregate/real_series.h"

namespace sluice {
namespace {

using State = StateDuration::State;

StateDuration of(const std::vector<Stamped>& readings, const StateOptions& options = {}) {
  StateDuration durations(options);
  for (const Stamped& r : readings) durations.add(r.time_ns, r.value);
  return durations;
}

TEST(StateDuration, KnowsNoStateWhenEmpty) {
  EXPECT_EQ(StateDuration().times(100), StateDuration::Times{});
}

TEST(StateDuration, LetsEachStateLastUntilTheNextReading) {
  const StateDuration durations = of({{0, 1}, {10, 2}, {15, 1}, {20, 1}, {30, 3}});
  const auto times = durations.times();
  EXPECT_EQ(times.states, (std::vector<State>{{1, 25}, {2, 5}}));
  EXPECT_EQ(times.changes, 3u);
  EXPECT_EQ(times.covered_ns(), 30u);
  EXPECT_EQ(durations.times(40).states, (std::vector<State>{{1, 25}, {2, 5}, {3, 10}}));
  EXPECT_EQ(durations.times(7).covered_ns(), 30u);  // before the last reading: no effect
}

TEST(StateDuration, HoldsAStateNoLongerThanItIsTold) {
  const StateDuration durations = of({{0, 1}, {10, 2}, {100, 1}}, {.hold_max_ns = 20});
  EXPECT_EQ(durations.times(200).states, (std::vector<State>{{1, 30}, {2, 20}}));
}

TEST(StateDuration, TakesTheLargestOfEqualStampsAndOneZero) {
  EXPECT_EQ(of({{0, 0}, {5, -0.0}, {9, 1}}).times().states, (std::vector<State>{{0, 9}}));
  EXPECT_EQ(of({{0, 1}, {0, 2}, {9, 1}}).times().states, (std::vector<State>{{2, 9}}));
  EXPECT_EQ(of({{0, 2}, {0, 1}, {9, 1}}).times().states, (std::vector<State>{{2, 9}}));
}

TEST(StateDuration, TellsTheSmallestApartWhateverCameFirst) {
  const StateOptions options{.states_max = 2};
  const auto up = of({{0, 1}, {1, 2}, {3, 3}, {6, 4}, {10, 1}}, options).times();
  EXPECT_EQ(up.states, (std::vector<State>{{1, 1}, {2, 2}}));
  EXPECT_EQ(up.other_ns, 7u);
  const auto down = of({{0, 4}, {4, 3}, {7, 2}, {9, 1}, {10, 4}}, options).times();
  EXPECT_EQ(down.states, up.states);
  EXPECT_EQ(down.other_ns, up.other_ns);
}

TEST(StateDuration, RefusesNanAndOtherOptions) {
  StateDuration durations = of({{0, 1}});
  EXPECT_FALSE(durations.add(1, std::nan("")));
  EXPECT_FALSE(durations.merge(StateDuration({.states_max = 3})).ok());
  EXPECT_EQ(durations.count(), 1u);
}

// Forty states, room for eight: whatever the cut and the order of arrival.
TEST(StateDuration, IsTheSameHoweverPartsAreGroupedAndWhenTheyArrive) {
  std::mt19937_64 random(announced_seed());
  for (int round = 0; round < 200; ++round) {
    const StateOptions options{.states_max = 8, .hold_max_ns = random() % 2 * 7};
    StateDuration whole(options);
    std::vector<StateDuration> parts(1, StateDuration(options));
    std::int64_t t = 0;
    for (int i = 0; i < 200; ++i) {
      t += static_cast<std::int64_t>(random() % 10) + 1;
      const auto state = static_cast<double>(random() % 40);
      if (random() % 10 == 0) parts.emplace_back(options);
      whole.add(t, state);
      parts.back().add(t, state);
    }
    while (parts.size() > 1) {
      std::shuffle(parts.begin(), parts.end(), random);
      ASSERT_TRUE(parts[0].merge(parts.back()).ok());
      parts.pop_back();
    }
    ASSERT_EQ(parts[0].times(t + 5), whole.times(t + 5));
  }
}

// -0.0 equals 0.0 and has other bytes: it must not show which of two was merged into the other.
TEST(StateDuration, TakesAStoredMinusZeroForZero) {
  const auto restored = [](double zero) {
    StateDuration durations = of({{0, 0}, {10, 1}, {15, 2}});
    ByteWriter writer;
    durations.snapshot(writer);
    std::string bytes = writer.take();
    ByteWriter plain;
    plain.f64(0.0);
    ByteWriter wanted;
    wanted.f64(zero);
    const std::size_t at = bytes.find(plain.bytes());
    EXPECT_NE(at, std::string::npos);
    bytes.replace(at, plain.bytes().size(), wanted.bytes());
    ByteReader reader(bytes);
    return *StateDuration::restore(reader);
  };
  const auto bytes_of = [](const StateDuration& durations) {
    ByteWriter writer;
    durations.snapshot(writer);
    return writer.take();
  };
  EXPECT_EQ(bytes_of(restored(-0.0)), bytes_of(restored(0.0)));
}

}  // namespace
}  // namespace sluice
