#include "schema/json_pointer.h"

#include <gtest/gtest.h>

namespace sluice::schema {
namespace {

// The pointers of RFC 6901, section 5, among others.
TEST(JsonPointer, AcceptsWhatRfc6901Accepts) {
  for (const char* text :
       {"", "/", "/foo", "/foo/0", "/a~1b", "/c%d", "/e^f", "/ ", "/m~0n", "//"}) {
    EXPECT_TRUE(is_json_pointer(text)) << text;
  }
  for (const char* text : {"a", "a/b", "/~", "/~2", "/a~", " /a", "#/a"}) {
    EXPECT_FALSE(is_json_pointer(text)) << text;
  }
}

TEST(JsonPointer, UnescapesItsLastPart) {
  EXPECT_EQ(last_part(""), "");
  EXPECT_EQ(last_part("/a/b"), "b");
  EXPECT_EQ(last_part("/a~1b"), "a/b");
  EXPECT_EQ(last_part("/x/m~0n"), "m~n");
  // ~01 is ~1, not /.
  EXPECT_EQ(last_part("/~01"), "~1");
  EXPECT_EQ(last_part("/a/"), "");
}

}  // namespace
}  // namespace sluice::schema
