#include "hub/canonical_object.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

TEST(CanonicalObject, IsWhatANodeWrites) {
  for (const char* json :
       {"{}", R"({"a":1,"b":[1.5,"x",null,true],"c":{"d":false}})", R"({"a":[],"b":{}})",
        R"({"n":-1e+05,"o":100000,"p":0.25,"q":-0})", R"({"a b":" \"\\\u000a"})",
        R"({"a\"":1,"a#":2})", "{\"\x7F\":\"\xC3\xA4\"}"}) {
    EXPECT_TRUE(is_canonical_object(json)) << json;
  }
}

TEST(CanonicalObject, IsNoOtherWayToWriteTheSame) {
  for (const char* json :
       {" {}", "{} ", "{ }", R"({"a": 1})", R"({"a":1, "b":2})", "{\"a\":1,\n\"b\":2}",
        R"({"b":1,"a":2})", R"({"a":1,"a":1})", R"({"a":{"c":1,"b":1}})", R"({"a":[1 ,2]})"}) {
    EXPECT_FALSE(is_canonical_object(json)) << json;
  }
}

TEST(CanonicalObject, IsNothingThatIsNoJsonObject) {
  for (const char* json : {"",
                           "{",
                           "}",
                           "[]",
                           "1",
                           "{a:1}",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{\"a\":[1,]}",
                           "{\"a\":01}",
                           "{\"a\":1.}",
                           "{\"a\":+1}",
                           "{\"a\":tru}",
                           "{\"a\":\"\xFF\"}",
                           "{\"a\":\"\n\"}",
                           "{\"a\":\"\\x\"}",
                           "{\"a\":\"\\u00g0\"}",
                           "{}{}",
                           "{[[[}"}) {
    EXPECT_FALSE(is_canonical_object(json)) << json;
  }
}

TEST(CanonicalObject, HasAtMost32Levels) {
  const auto nested = [](int levels) {
    return "{\"a\":" + std::string(static_cast<std::size_t>(levels), '[') +
           std::string(static_cast<std::size_t>(levels), ']') + "}";
  };
  EXPECT_TRUE(is_canonical_object(nested(32)));
  EXPECT_FALSE(is_canonical_object(nested(33)));
  EXPECT_FALSE(is_canonical_object(nested(400)));
}

}  // namespace
}  // namespace sluice
