#include "plugin_host/held_readings.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

std::string bytes_of(const HeldReadings& held) {
  ByteWriter w;
  held.encode(w);
  return w.take();
}

TEST(HeldReadings, SettlesEachTokenOnce) {
  HeldReadings held(10);
  held.begin();
  const auto a = held.hold({7, 0});
  const auto b = held.hold({8, 1});
  held.commit();
  EXPECT_NE(a, b);
  EXPECT_EQ(held.size(), 2u);
  held.begin();
  EXPECT_EQ(held.settle(a)->topic, 7u);
  EXPECT_FALSE(held.settle(a));
  EXPECT_FALSE(held.settle(0));
  EXPECT_FALSE(held.settle(b + 1));
  EXPECT_EQ(held.size(), 1u);
}

TEST(HeldReadings, GivesNoTokenAtCapacity) {
  HeldReadings held(1);
  held.begin();
  const auto a = held.hold({1, 0});
  EXPECT_EQ(held.hold({1, 1}), 0u);
  held.settle(a);
  EXPECT_NE(held.hold({1, 1}), 0u);
}

TEST(HeldReadings, UndoesACallWhole) {
  HeldReadings held(10);
  held.begin();
  const auto old = held.hold({7, 0});
  held.commit();
  const std::string before = bytes_of(held);
  held.begin();
  held.settle(old);
  const auto fresh = held.hold({8, 0});
  held.hold({8, 1});
  held.settle(fresh);
  held.undo();
  EXPECT_EQ(bytes_of(held), before);
  held.begin();
  EXPECT_TRUE(held.settle(old));
}

TEST(HeldReadings, ComesBackFromItsBytesAndSurvivesDamage) {
  HeldReadings held(10);
  held.begin();
  for (TopicId topic = 1; topic <= 5; ++topic) held.hold({topic, 0});
  held.settle(2);
  held.commit();
  const std::string bytes = bytes_of(held);

  HeldReadings again(10);
  ByteReader in(bytes);
  ASSERT_TRUE(again.decode(in).ok());
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(bytes_of(again), bytes);
  again.begin();
  EXPECT_EQ(again.hold({9, 0}), 6u);

  for (std::size_t size = 0; size < bytes.size(); ++size) {
    HeldReadings cut(10);
    ByteReader short_in(std::string_view(bytes).substr(0, size));
    EXPECT_FALSE(cut.decode(short_in).ok()) << size;
    EXPECT_EQ(cut.size(), 0u);
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    HeldReadings any(10);
    ByteReader flipped_in(flipped);
    if (any.decode(flipped_in).ok()) {
      EXPECT_LE(any.size(), 10u);
    }
  }
  HeldReadings small(3);
  ByteReader too_many(bytes);
  EXPECT_EQ(small.decode(too_many).message(), "it holds 4 readings, and this one can hold 3");
}

}  // namespace
}  // namespace sluice
