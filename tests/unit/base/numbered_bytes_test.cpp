#include "base/numbered_bytes.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace sluice {
namespace {

TEST(NumberedBytes, FindsEachUnderTheNumberInWhichItCame) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    NumberedBytes names;
    std::map<std::string, std::uint32_t> model;
    for (int i = 0; i < 5'000; ++i) {
      const std::string name(random() % 40, static_cast<char>('a' + random() % 26));
      const auto known = model.find(name);
      ASSERT_EQ(names.find(name), known == model.end() ? NumberedBytes::kNone : known->second);
      if (known != model.end()) continue;
      ASSERT_EQ(names.add(name), model.size());
      model.emplace(name, names.size() - 1);
    }
    for (const auto& [name, number] : model) EXPECT_EQ(names.at(number), name);
  }
}

}  // namespace
}  // namespace sluice
