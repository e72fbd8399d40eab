#include "aggregate/time_parts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "unit/aggregate/real_series.h"

namespace sluice {
namespace {

/// Steps as text, "1:5>2:7 " for 5 at 1 to 7 at 2.
std::string text(const Step& step) {
  const auto one = [](const Stamped& s) {
    return std::to_string(s.time_ns) + ":" + std::to_string(static_cast<int>(s.value));
  };
  return one(step.from) + ">" + one(step.to) + " ";
}

/// TimeParts and what became final, as an owner would hold them.
struct Owner {
  TimeParts parts;
  std::vector<std::string> final_steps;

  void add(std::int64_t t, double v) {
    parts.add({t, v}, [this](const Step& step) { final_steps.push_back(text(step)); });
  }
  void merge(const Owner& other) {
    final_steps.insert(final_steps.end(), other.final_steps.begin(), other.final_steps.end());
    parts.merge(other.parts, [this](const Step& step) { final_steps.push_back(text(step)); });
  }
  void close_gaps() {
    parts.close_gaps([this](const Step& step) { final_steps.push_back(text(step)); });
  }
  /// All steps, final or not, sorted.
  std::string steps() const {
    std::vector<std::string> all = final_steps;
    parts.each_open_step([&](const Step& step) { all.push_back(text(step)); });
    std::sort(all.begin(), all.end());
    std::string out;
    for (const std::string& step : all) out += step;
    return out;
  }
};

Owner of(std::initializer_list<Stamped> readings) {
  Owner owner;
  for (const Stamped& r : readings) owner.add(r.time_ns, r.value);
  return owner;
}

TEST(TimeParts, IsEmptyWithoutMemory) {
  const TimeParts parts;
  EXPECT_TRUE(parts.empty());
  EXPECT_EQ(parts.size(), 0u);
  EXPECT_EQ(parts.span_ns(), 0u);
  EXPECT_EQ(parts.heap_bytes(), 0u);
}

TEST(TimeParts, OfReadingsInOrderAreOneWithoutMemory) {
  const Owner owner = of({{1, 5}, {2, 7}, {4, 6}});
  EXPECT_EQ(owner.steps(), "1:5>2:7 2:7>4:6 ");
  EXPECT_EQ(owner.parts.size(), 1u);
  EXPECT_EQ(owner.parts.heap_bytes(), 0u);
  EXPECT_EQ(owner.parts.first(), (Stamped{1, 5}));
  EXPECT_EQ(owner.parts.last(), (Stamped{4, 6}));
}

TEST(TimeParts, TakeTheLargestOfEqualStampsWhateverTheirOrder) {
  std::vector<Stamped> readings{{1, 5}, {1, 3}, {2, 1}, {2, 9}, {2, 4}, {3, 2}, {3, 8}};
  std::mt19937_64 random(announced_seed());
  for (int round = 0; round < 50; ++round) {
    std::shuffle(readings.begin(), readings.end(), random);
    std::stable_sort(readings.begin(), readings.end(),
                     [](const Stamped& a, const Stamped& b) { return a.time_ns < b.time_ns; });
    Owner owner;
    for (const Stamped& r : readings) owner.add(r.time_ns, r.value);
    EXPECT_EQ(owner.steps(), "1:5>2:9 2:9>3:8 ");
  }
}

TEST(TimeParts, PutALatePartIntoItsGap) {
  Owner owner = of({{1, 1}, {2, 2}});
  owner.merge(of({{7, 7}, {8, 8}}));
  EXPECT_EQ(owner.steps(), "1:1>2:2 2:2>7:7 7:7>8:8 ");
  owner.merge(of({{4, 4}}));
  EXPECT_EQ(owner.steps(), "1:1>2:2 2:2>4:4 4:4>7:7 7:7>8:8 ");
  EXPECT_EQ(owner.parts.overlaps(), 0u);
}

TEST(TimeParts, TakeAReadingBeforeTheLastOneForAPartOfItsOwn) {
  EXPECT_EQ(of({{5, 5}, {1, 1}, {9, 9}}).steps(), "1:1>5:5 5:5>9:9 ");
  const Owner inside = of({{1, 1}, {5, 5}, {3, 3}, {5, 6}});
  EXPECT_EQ(inside.steps(), "1:1>5:6 ");
  EXPECT_EQ(inside.parts.overlaps(), 1u);
}

TEST(TimeParts, ThatOverlapKeepTheirStepsAndGetNoneBetween) {
  Owner owner = of({{1, 1}, {5, 5}});
  owner.merge(of({{3, 30}, {9, 90}}));
  EXPECT_EQ(owner.steps(), "1:1>5:5 3:30>9:90 ");
  EXPECT_EQ(owner.parts.overlaps(), 1u);
  EXPECT_EQ(owner.parts.last(), (Stamped{9, 90}));
}

TEST(TimeParts, ThatMeetAtOneStampDoNotOverlap) {
  Owner owner = of({{1, 1}, {5, 5}});
  owner.merge(of({{5, 6}, {9, 9}}));
  owner.merge(of({{5, 5}}));
  EXPECT_EQ(owner.parts.overlaps(), 0u);
  EXPECT_EQ(owner.steps(), "1:1>5:5 5:5>5:5 5:5>5:6 5:6>9:9 ");
}

TEST(TimeParts, BecomeOneWhenTheirGapsAreClosed) {
  Owner owner = of({{1, 1}});
  owner.merge(of({{3, 3}}));
  owner.merge(of({{2, 2}}));
  const std::string before = owner.steps();
  owner.close_gaps();
  EXPECT_EQ(owner.parts.size(), 1u);
  EXPECT_EQ(owner.parts.heap_bytes(), 0u);
  EXPECT_EQ(owner.steps(), before);
  owner.add(4, 4);
  EXPECT_EQ(owner.steps(), before + "3:3>4:4 ");
}

TEST(TimeParts, AreNeverMoreThanTheBoundAndLoseNoStepByIt) {
  Owner owner;
  Owner in_order;
  for (int i = 0; i < 500; ++i) {
    const std::int64_t t = i * 1000 + (i % 7) * 50;
    owner.merge(of({{t, 1.0 * i}}));
    in_order.add(t, i);
    EXPECT_LE(owner.parts.size(), TimeParts::kPartsMax);
  }
  EXPECT_EQ(owner.steps(), in_order.steps());
  EXPECT_EQ(owner.parts.overlaps(), 0u);
}

// Cuts a series, also between equal stamps' neighbours, and merges in every tree and order.
TEST(TimeParts, GiveTheSameStepsHoweverTheyAreGroupedAndWhenTheyArrive) {
  std::mt19937_64 random(announced_seed());
  for (int round = 0; round < 500; ++round) {
    Owner whole;
    std::vector<Owner> pieces(1);
    std::int64_t t = static_cast<std::int64_t>(random() % 100) - 50;
    for (int i = 0; i < 60; ++i) {
      t += static_cast<std::int64_t>(random() % 5) + 1;
      if (random() % 6 == 0) pieces.emplace_back();
      whole.add(t, i);
      pieces.back().add(t, i);
    }
    while (pieces.size() > 1) {
      std::shuffle(pieces.begin(), pieces.end(), random);
      Owner other_way = pieces.back();
      other_way.merge(pieces[0]);
      pieces[0].merge(pieces.back());
      ASSERT_EQ(other_way.parts, pieces[0].parts);
      pieces.pop_back();
    }
    ASSERT_EQ(pieces[0].steps(), whole.steps());
    ASSERT_EQ(pieces[0].parts.first(), whole.parts.first());
    ASSERT_EQ(pieces[0].parts.last(), whole.parts.last());
  }
}

TEST(TimeParts, KnowTheLongestTimeThereIs) {
  using Time = std::numeric_limits<std::int64_t>;
  const Owner owner = of({{Time::min(), 0}, {Time::max(), 0}});
  EXPECT_EQ(owner.parts.span_ns(), std::numeric_limits<std::uint64_t>::max());
  ByteWriter writer;
  owner.parts.write(writer);
  ByteReader reader(writer.bytes());
  EXPECT_EQ(TimeParts::read(reader), owner.parts);
}

TEST(TimeParts, RefuseBytesOutOfOrder) {
  const auto readable = [](const std::vector<std::int64_t>& differences, int size, int open) {
    ByteWriter writer;
    writer.u64(static_cast<std::uint64_t>(size));
    for (const std::int64_t d : differences) {
      writer.i64(d);
      writer.u64(0);
    }
    if (open == 0) writer.u8(0);
    writer.u64(0);
    ByteReader reader(writer.bytes());
    return TimeParts::read(reader).has_value();
  };
  EXPECT_TRUE(readable({5, 3, 1, 1}, 2, 0));
  EXPECT_FALSE(readable({5, -3, 1, 1}, 2, 0));  // ends before it begins
  EXPECT_FALSE(readable({5, 3, -1, 5}, 2, 0));  // begins inside the one before
  EXPECT_FALSE(readable({5, 3, 1, 1}, 3, 0));   // cut off
  EXPECT_FALSE(readable({5, 3, 1, 1}, 65, 0));  // more than there can be
}

}  // namespace
}  // namespace sluice
