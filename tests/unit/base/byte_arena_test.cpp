#include "base/byte_arena.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

// Lengths around that of a chunk, which is 64 KiB.
TEST(ByteArena, GivesBackWhatItTookWhereItWas) {
  ByteArena arena;
  std::vector<std::string> texts;
  std::vector<std::uint32_t> places;
  std::vector<std::string_view> views;
  for (const std::size_t size : {0, 1, 5, 65'532, 65'533, 65'534, 3, 200'000, 7, 0}) {
    texts.push_back(std::string(size, static_cast<char>('a' + texts.size())));
    places.push_back(arena.append(texts.back()));
    views.push_back(arena.at(places.back()));
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(arena.at(places[i]), texts[i]) << i;
    EXPECT_EQ(views[i].data(), arena.at(places[i]).data()) << i;
  }
}

}  // namespace
}  // namespace sluice
