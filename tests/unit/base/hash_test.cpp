#include "base/hash.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace sluice {
namespace {

// Stored on flash: another value would make every stored fingerprint foreign.
TEST(Hash, NeverChangesItsValues) {
  // From a second implementation of FNV-1a and the mix.
  static_assert(hash64("") == 0xECBA3DF2C3383C52ull);
  static_assert(hash64("sluice") == 0x08227BB4A7F6F8A0ull);
  EXPECT_EQ(hash64(std::string_view("a\0b", 3)), 0x234B9F53CA31740Full);
}

TEST(Hash, ContinuesFromASeedSoThatPartsDoNotRunTogether) {
  EXPECT_NE(hash64("b", hash64("a")), hash64("a", hash64("b")));
  EXPECT_NE(hash64("x", 1), hash64("x", 2));
}

TEST(Hash, GivesDifferentValuesToNeighbours) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 100'000; ++i) seen.insert(hash64("site/" + std::to_string(i)));
  EXPECT_EQ(seen.size(), 100'000u);
}

}  // namespace
}  // namespace sluice
