#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

TEST(Utf8, TellsTheBytesOfACharacter) {
  EXPECT_EQ(utf8_character_bytes("a"), 1u);
  EXPECT_EQ(utf8_character_bytes("ö"), 2u);
  EXPECT_EQ(utf8_character_bytes("€uro"), 3u);
  EXPECT_EQ(utf8_character_bytes("😀"), 4u);
  EXPECT_EQ(utf8_character_bytes(""), 0u);
}

TEST(Utf8, RefusesWhatRfc3629Refuses) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8(std::string_view("köln\0€😀", 13)));
  for (const char* bad :
       {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf0\x80\x80\xaf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82"}) {
    EXPECT_FALSE(is_utf8(std::string("ok") + bad)) << testing::PrintToString(bad);
    EXPECT_FALSE(is_utf8(std::string("ok") + bad + "ok")) << testing::PrintToString(bad);
  }
}

}  // namespace
}  // namespace sluice
