#include "ingest/json_pointer.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

JsonPointer pointer(std::string_view text) {
  Result<JsonPointer> parsed = JsonPointer::parse(text);
  EXPECT_TRUE(parsed.ok()) << parsed.status().to_string();
  return *parsed;
}

TEST(JsonPointer, SplitsAndUnescapesItsSteps) {
  const JsonPointer p = pointer("/a~1b/m~0n/~01//0");
  ASSERT_EQ(p.steps().size(), 5u);
  EXPECT_EQ(p.steps()[0].key, "a/b");
  EXPECT_EQ(p.steps()[1].key, "m~n");
  EXPECT_EQ(p.steps()[2].key, "~1");
  EXPECT_EQ(p.steps()[3].key, "");
  EXPECT_EQ(p.steps()[4].key, "0");
  EXPECT_EQ(p.last(), "0");
  EXPECT_EQ(p.text(), "/a~1b/m~0n/~01//0");
}

TEST(JsonPointer, KnowsTheWholeDocumentAndTheTopLevel) {
  EXPECT_TRUE(pointer("").whole_document());
  EXPECT_EQ(pointer("").last(), "");
  EXPECT_EQ(pointer("").top_level_key(), nullptr);
  EXPECT_EQ(*pointer("/").top_level_key(), "");
  EXPECT_EQ(*pointer("/ts").top_level_key(), "ts");
  EXPECT_EQ(pointer("/a/b").top_level_key(), nullptr);
}

TEST(JsonPointer, TakesOnlyProperNumbersAsArrayIndices) {
  EXPECT_EQ(pointer("/0").steps()[0].index, 0u);
  EXPECT_EQ(pointer("/120").steps()[0].index, 120u);
  for (const char* text :
       {"/", "/01", "/-", "/-1", "/+1", "/1a", "/ 1", "/1.0", "/99999999999999999999999"}) {
    EXPECT_FALSE(pointer(text).steps()[0].index.has_value()) << text;
  }
}

TEST(JsonPointer, SaysWhatIsWrong) {
  const Result<JsonPointer> bare = JsonPointer::parse("temp");
  ASSERT_FALSE(bare.ok());
  EXPECT_EQ(bare.status().code(), StatusCode::invalid_argument);
  EXPECT_NE(bare.status().message().find("write '/temp'"), std::string::npos);
  for (const char* text : {"/~", "/a~2", "/a~/b", "/~~1"}) {
    const Result<JsonPointer> tilde = JsonPointer::parse(text);
    ASSERT_FALSE(tilde.ok()) << text;
    EXPECT_NE(tilde.status().message().find("neither ~0"), std::string::npos) << text;
  }
}

TEST(JsonPointer, WritesAKeyAsItWouldReadIt) {
  for (const char* key : {"", "a", "a/b", "~", "~1", "/~0/"}) {
    EXPECT_EQ(*pointer(json_pointer_step(key)).top_level_key(), key);
  }
}

}  // namespace
}  // namespace sluice
