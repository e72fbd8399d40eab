#include "base/shown_text.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(ShownText, QuotesAndKeepsUtf8) {
  EXPECT_EQ(shown("site/köln"), "'site/köln'");
  EXPECT_EQ(shown(""), "''");
}

TEST(ShownText, CannotForgeALineOrBreakUtf8) {
  EXPECT_EQ(shown(std::string_view("a\n\x7f\0", 4)), "'a\\x0a\\x7f\\x00'");
  EXPECT_EQ(shown("k\xff\xc3\xb6"), "'k\\xff\\xc3\\xb6'");
}

TEST(ShownText, CutsBetweenCharacters) {
  EXPECT_EQ(shown("abcdef", 3), "'abc…'");
  EXPECT_EQ(shown("aöö", 4), "'aö…'");
  EXPECT_EQ(shown("aöö", 5), "'aöö'");
  EXPECT_EQ(utf8_head("aöö", 2), "a");
  EXPECT_EQ(utf8_head("ö", 1), "");
}

}  // namespace
}  // namespace sluice
