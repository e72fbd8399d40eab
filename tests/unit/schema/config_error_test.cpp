#include "schema/config_error.h"

#include <gtest/gtest.h>

#include "example.h"

namespace sluice::schema {
namespace {

TEST(ConfigError, ReadsAsFileLineColumnKeyAndMessage) {
  EXPECT_EQ((ConfigError{"a.yaml", 12, 5, "node.name", "missing"}).to_string(),
            "a.yaml:12:5: node.name: missing");
  EXPECT_EQ((ConfigError{"a.yaml", 12, 5, "", "broken"}).to_string(), "a.yaml:12:5: broken");
  EXPECT_EQ((ConfigError{"VARIABLE", 0, 0, "node.name", "bad"}).to_string(),
            "VARIABLE: node.name: bad");
}

TEST(ErrorList, KeepsTheFirstErrorOfAKeyAndAllWithoutOne) {
  ErrorList list("f");
  list.add({3, 1, ""}, "a", "third");
  list.add({1, 2, ""}, "", "second");
  list.add({4, 1, ""}, "a", "not again");
  list.add({1, 1, ""}, "", "first");
  const auto errors = list.take();
  ASSERT_EQ(errors.size(), 3u);
  EXPECT_EQ(errors[0].message, "first");
  EXPECT_EQ(errors[1].message, "second");
  EXPECT_EQ(errors[2].message, "third");
}

TEST(Quote, EscapesControlCharactersAndCutsBetweenCharacters) {
  EXPECT_EQ(quote("a\"b\\c\n\x01\x7F"), "\"a\\\"b\\\\c\\n\\x01\\x7f\"");
  EXPECT_EQ(quote(std::string(61, 'x')), "\"" + std::string(60, 'x') + "…\"");
  // The 60th byte is the first half of a character.
  EXPECT_EQ(quote(std::string(59, 'x') + "éy"), "\"" + std::string(59, 'x') + "…\"");
}

TEST(ErrorList, KeepsAMessageWithCharactersOfTheInputOnOneLine) {
  ErrorList errors("a.yaml");
  errors.add({1, 2, ""}, "x\ny", "unexpected '\n\x1b'");
  const std::vector<ConfigError> taken = errors.take();
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].to_string(), "a.yaml:1:2: x.y: unexpected '..'");
}

TEST(DidYouMean, OffersTheNearestWordOnlyWhenItIsNear) {
  const std::vector<std::string> words = {"series_max", "payload_max", "dir"};
  EXPECT_EQ(nearest("seriesmax", words), "series_max");
  EXPECT_EQ(nearest("payload_mxa", words), "payload_max");
  EXPECT_EQ(nearest("dri", words), "dir");
  EXPECT_EQ(nearest("idr", words), "dir");
  EXPECT_EQ(nearest("rid", words), "");
  EXPECT_EQ(nearest("di", words), "dir");
  EXPECT_EQ(nearest("completely_else", words), "");
  EXPECT_EQ(nearest(std::string(1000, 'x'), words), "");
  EXPECT_EQ(did_you_mean("dirr", words), " (did you mean \"dir\"?)");
}

}  // namespace
}  // namespace sluice::schema
