#include "schema/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::schema {
namespace {

TEST(Utf8, AcceptsEveryLengthOfCharacter) {
  const std::string text = "a\t\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF";
  EXPECT_EQ(first_bad_utf8(text), text.size());
  EXPECT_EQ(first_bad_utf8(""), 0u);
}

TEST(Utf8, FindsWhereItGoesWrong) {
  for (const std::string& bad :
       {std::string("\x80"), std::string("\xC3"), std::string("\xC3("), std::string("\xC0\x80"),
        std::string("\xC1\xBF"), std::string("\xE0\x80\x80"), std::string("\xE2\x82"),
        std::string("\xED\xA0\x80"), std::string("\xF0\x80\x80\x80"),
        std::string("\xF4\x90\x80\x80"), std::string("\xF8\x88\x80\x80\x80"), std::string("\xFF"),
        std::string(1, '\0'), std::string("\n"), std::string("\r"), std::string("\x1B"),
        std::string("\x7F")}) {
    EXPECT_EQ(first_bad_utf8("ok" + bad + "ok"), 2u) << testing::PrintToString(bad);
  }
}

}  // namespace
}  // namespace sluice::schema
