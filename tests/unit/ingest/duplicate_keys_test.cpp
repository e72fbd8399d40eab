#include "ingest/duplicate_keys.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

class DuplicateKeysTest : public ::testing::Test {
 protected:
  std::string find(const std::string& json) {
    simdjson::dom::element root;
    EXPECT_EQ(parser_.parse(json).get(root), simdjson::SUCCESS) << json.substr(0, 100);
    return finder_.find(root).value_or("none");
  }

  simdjson::dom::parser parser_;
  DuplicateKeys finder_;
};

TEST_F(DuplicateKeysTest, PassesDocumentsWhoseObjectsHaveEachKeyOnce) {
  for (const char* json : {"1", "[]", "{}", R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]})",
                           R"({"a":1,"A":2," a":3,"":4})"}) {
    EXPECT_EQ(find(json), "none") << json;
  }
}

TEST_F(DuplicateKeysTest, GivesThePlaceWhereverItIs) {
  EXPECT_EQ(find(R"({"t":1,"t":2})"), "/t");
  EXPECT_EQ(find(R"({"t":null,"x":0,"t":null})"), "/t");
  EXPECT_EQ(find(R"({"a":[0,{"b":{"c":1,"d":2,"c":3}}]})"), "/a/1/b/c");
  EXPECT_EQ(find(R"([[],[{"":0,"":0}]])"), "/1/0/");
  EXPECT_EQ(find(R"({"a/b":{"~":1,"~":2}})"), "/a~1b/~0");
}

TEST_F(DuplicateKeysTest, ComparesKeysAsTheyRead) {
  EXPECT_EQ(find(R"({"\u0061":1,"a":2})"), "/a");
  EXPECT_EQ(find("{\"\\u00e4\":1,\"\xc3\xa4\":2}"), "/\xc3\xa4");
}

// Quadratic work would take minutes here.
TEST_F(DuplicateKeysTest, TakesAHundredThousandKeysInStride) {
  std::string json = "{";
  for (int i = 0; i < 100000; ++i) json += "\"key" + std::to_string(i) + "\":0,";
  EXPECT_EQ(find(json + "\"last\":0}"), "none");
  EXPECT_EQ(find(json + "\"key7\":0}"), "/key7");
}

}  // namespace
}  // namespace sluice
