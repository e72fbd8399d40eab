// What every aggregate promises about its bytes, one test for all.
#include <gtest/gtest.h>

#include <random>

#include "aggregate/counter.h"
#include "aggregate/coverage.h"
#include "aggregate/exponential_histogram.h"
#include "aggregate/hyper_log_log.h"
#include "aggregate/space_saving.h"
#include "aggregate/state_duration.h"
#include "aggregate/time_weighted.h"
#include "unit/aggregate/real_series.h"

namespace sluice {
namespace {

template <Aggregate T>
class Restore : public ::testing::Test {
 protected:
  Restore() : random_(announced_seed()) {}

  T empty() {
    if constexpr (std::is_same_v<T, ExponentialHistogram>) {
      return T({.max_size = static_cast<std::uint16_t>(2 + random_() % 200),
                .zero_threshold = random_() % 2 * 0.3});
    } else if constexpr (std::is_same_v<T, HyperLogLog>) {
      return T(static_cast<int>(4 + random_() % 6));
    } else if constexpr (std::is_same_v<T, SpaceSaving>) {
      return T({.capacity = static_cast<std::uint16_t>(1 + random_() % 40)});
    } else if constexpr (std::is_same_v<T, Counter>) {
      return T({.wrap_bits = 32, .wrap_rate_max = 1e9});
    } else if constexpr (std::is_same_v<T, StateDuration>) {
      return T({.states_max = 5, .hold_max_ns = random_() % 2 * 20});
    } else if constexpr (std::is_same_v<T, TimeWeighted>) {
      return T({.between = static_cast<TimeWeightedOptions::Between>(random_() % 2)});
    } else {
      return T();
    }
  }
  void feed(T& aggregate, std::uint64_t readings) {
    std::int64_t t = 0;
    for (std::uint64_t i = 0; i < readings; ++i) {
      t += static_cast<std::int64_t>(random_() % 40) - 2;
      aggregate.add(t, static_cast<double>(static_cast<int>(random_() % 300) - 100) / 4);
    }
  }
  std::mt19937_64 random_;
};

using All = ::testing::Types<ExponentialHistogram, HyperLogLog, SpaceSaving, Counter, StateDuration,
                             TimeWeighted, Coverage>;
TYPED_TEST_SUITE(Restore, All);

template <typename T>
std::string bytes(const T& aggregate) {
  ByteWriter writer;
  aggregate.snapshot(writer);
  return writer.take();
}

TYPED_TEST(Restore, GivesWhatGoesOnLikeTheOriginal) {
  for (const std::uint64_t readings : {0, 1, 2, 3, 10, 100, 1000}) {
    TypeParam original = this->empty();
    this->feed(original, readings);
    const std::string snapshot = bytes(original) + "rest";
    ByteReader reader(snapshot);
    auto restored = TypeParam::restore(reader);
    ASSERT_TRUE(restored.ok()) << restored.status().to_string();
    EXPECT_EQ(reader.remaining(), 4u);
    EXPECT_EQ(bytes(*restored), bytes(original));
    const std::uint64_t seed = this->random_();
    this->random_.seed(seed);
    this->feed(original, 200);
    this->random_.seed(seed);
    this->feed(*restored, 200);
    EXPECT_EQ(bytes(*restored), bytes(original));
    TypeParam part = original;
    ASSERT_TRUE(part.merge(*restored).ok());
    ASSERT_TRUE(original.merge(original).ok());
    EXPECT_EQ(bytes(part), bytes(original));
  }
}

TYPED_TEST(Restore, RefusesEveryTruncation) {
  for (const std::uint64_t readings : {0, 1, 30, 300}) {
    TypeParam original = this->empty();
    this->feed(original, readings);
    const std::string snapshot = bytes(original);
    for (std::size_t n = 0; n < snapshot.size(); ++n) {
      const std::string cut = snapshot.substr(0, n);
      ByteReader reader(cut);
      ASSERT_EQ(TypeParam::restore(reader).status().code(), StatusCode::data_loss) << n;
    }
  }
}

// Whatever is taken must be usable, and give bytes that are taken again.
TYPED_TEST(Restore, TakesOfDamagedBytesOnlyWhatItCouldHaveWritten) {
  for (int round = 0; round < 2000; ++round) {
    TypeParam original = this->empty();
    this->feed(original, this->random_() % 60);
    std::string snapshot = bytes(original);
    for (std::uint64_t n = this->random_() % 3; n != ~std::uint64_t{0}; --n) {
      snapshot[this->random_() % snapshot.size()] = static_cast<char>(this->random_());
    }
    ByteReader reader(snapshot);
    auto restored = TypeParam::restore(reader);
    if (!restored.ok()) {
      EXPECT_EQ(restored.status().code(), StatusCode::data_loss);
      continue;
    }
    const std::string again = bytes(*restored);
    ByteReader again_reader(again);
    ASSERT_TRUE(TypeParam::restore(again_reader).ok());
    ASSERT_TRUE(again_reader.at_end());
    this->feed(*restored, 20);
    (void)restored->merge(original);
    EXPECT_LT(restored->state_bytes(), 100'000u);
  }
}

TYPED_TEST(Restore, OfAnEmptyOneNeedsNoMemoryBeyondItself) {
  const TypeParam empty = this->empty();
  EXPECT_EQ(empty.state_bytes(), sizeof empty);
  EXPECT_LE(bytes(empty).size(), 20u);
}

TYPED_TEST(Restore, MergingAnEmptyOneChangesNothing) {
  const TypeParam empty = this->empty();
  TypeParam aggregate = empty;
  this->feed(aggregate, 50);
  const std::string before = bytes(aggregate);
  ASSERT_TRUE(aggregate.merge(empty).ok());
  EXPECT_EQ(bytes(aggregate), before);
}

}  // namespace
}  // namespace sluice
