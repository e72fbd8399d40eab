#include "base/id_map.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace sluice {
namespace {

TEST(IdMap, FindsWhatWasPutIn) {
  IdMap<int> map;
  EXPECT_TRUE(map.empty());
  EXPECT_EQ(map.find(7), map.end());
  map[7] = 70;
  map[8] = 80;
  EXPECT_EQ(map.at(7), 70);
  EXPECT_EQ(map.find(8)->second, 80);
  map.erase(7);
  map.erase(7);
  EXPECT_EQ(map.find(7), map.end());
  EXPECT_EQ(map.size(), 1u);
}

TEST(IdMap, KeepsReferencesWhileItGrows) {
  IdMap<int> map;
  int& first = map[1];
  first = 11;
  for (std::uint32_t id = 2; id < 10'000; ++id) map[id] = 0;
  EXPECT_EQ(&first, &map.at(1));
  EXPECT_EQ(first, 11);
}

// Beside a std::map, with ids that differ in the highest bit only, as those of boot time do.
TEST(IdMap, IsAsAMapUnderAnySequence) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    IdMap<std::uint64_t> map;
    std::map<std::uint32_t, std::uint64_t> model;
    const std::uint32_t ids = 1 + static_cast<std::uint32_t>(random() % 300);
    for (int step = 0; step < 3000; ++step) {
      const std::uint32_t id = static_cast<std::uint32_t>(1 + random() % ids) |
                               static_cast<std::uint32_t>(random() % 2) << 31;
      const std::uint64_t value = random() % 1000;
      switch (random() % 8) {
        case 0:
        case 1:
        case 2:
        case 3: model[id] = map[id] = value; break;
        case 4:
        case 5:
        case 6:
          map.erase(id);
          model.erase(id);
          break;
        default:
          if (random() % 50 != 0) break;
          map.erase_if([&](const auto& entry) { return entry.second < value; });
          std::erase_if(model, [&](const auto& entry) { return entry.second < value; });
      }
      ASSERT_EQ(map.size(), model.size());
      ASSERT_EQ(map.find(id) != map.end(), model.count(id) == 1);
    }
    const std::map<std::uint32_t, std::uint64_t> held(map.begin(), map.end());
    EXPECT_EQ(held, model);
    for (const auto& [id, value] : model) EXPECT_EQ(map.at(id), value);
  }
}

TEST(IdList, HoldsOneOrMoreInOrder) {
  IdList list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.begin(), list.end());
  list.push_back(5);
  EXPECT_EQ(std::vector<std::uint32_t>(list.begin(), list.end()), (std::vector<std::uint32_t>{5}));
  list.push_back(3);
  list.push_back(9);
  EXPECT_EQ(std::vector<std::uint32_t>(list.begin(), list.end()),
            (std::vector<std::uint32_t>{5, 3, 9}));
}

}  // namespace
}  // namespace sluice
