#include "model/names.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

TEST(Names, AWordIsLowerCaseDigitsAndUnderscores) {
  for (const char* word : {"a", "0", "_", "stuck_since_9"}) EXPECT_TRUE(is_word(word)) << word;
  for (const char* other : {"", "A", "a b", "a-b", "a.b", "ä", "a/b"}) {
    EXPECT_FALSE(is_word(other)) << other;
  }
  EXPECT_TRUE(is_word(std::string(64, 'a')));
  EXPECT_FALSE(is_word(std::string(65, 'a')));
  EXPECT_FALSE(is_word(std::string("a\0b", 3)));
}

// What a config or the wire names becomes the name of a file.
TEST(Names, APluginsNameStaysInItsFolder) {
  for (const char* name : {"range", "Range-2", "a.b", "_", "0"}) {
    EXPECT_TRUE(is_plugin_name(name)) << name;
  }
  for (const char* other : {"", ".", "..", ".range", "a/b", "/etc/passwd", "a b", "ä", "a\n"}) {
    EXPECT_FALSE(is_plugin_name(other)) << other;
  }
  EXPECT_TRUE(is_plugin_name(std::string(64, 'a')));
  EXPECT_FALSE(is_plugin_name(std::string(65, 'a')));
  EXPECT_FALSE(is_plugin_name(std::string("a\0b", 3)));
}

}  // namespace
}  // namespace sluice
