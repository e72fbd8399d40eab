#include "plugin_host/aggregate_ability.h"

#include <gtest/gtest.h>

#include "plugin_host/plugin_library.h"

namespace sluice {
namespace {

TEST(AggregateAbility, IsReadWithItsPlugin) {
  const auto library = PluginLibrary::open(BAD_PLUGIN_DIR, "liar_aggregate");
  ASSERT_TRUE(library.ok()) << library.status().to_string();
  ASSERT_NE((*library)->aggregate(), nullptr);
  const auto& aggregate = (*library)->metadata().aggregate;
  ASSERT_TRUE(aggregate.has_value());
  EXPECT_EQ(aggregate->description, "Counts readings.");
  ASSERT_EQ(aggregate->results.size(), 1u);
  EXPECT_EQ(aggregate->results[0].name, "count");
  EXPECT_EQ(aggregate->results[0].unit, "1");
  const auto plain = PluginLibrary::open(BAD_PLUGIN_DIR, "plain_c");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ((*plain)->aggregate(), nullptr);
  EXPECT_FALSE((*plain)->metadata().aggregate.has_value());
}

// The whole plugin is refused: who wrote it sees at once what is wrong.
TEST(AggregateAbility, SaysWhatIsWrongWithOneThatBreaksTheContract) {
  const std::pair<const char*, const char*> kCases[] = {
      {"small_aggregate", "bytes, expected at least"},
      {"no_merge", "a function of its aggregate, not move_by, is NULL"},
      {"zero_results", "its aggregate has 0 results, expected 1..16"},
      {"many_results", "its aggregate has 17 results, expected 1..16"},
      {"result_twice", "its aggregate has the result \"one\" twice"},
      {"bad_result", "result 0 of its aggregate has no name of 1..64 of a-z 0-9 _"},
      {"result_unsaid", "the result \"one\" of its aggregate has no description of 1..512 bytes"},
      {"long_unit", "the result \"one\" of its aggregate has a unit of more than 64 bytes"},
      {"aggregate_unsaid", "its aggregate has no description of 1..1024 bytes"},
      {"aggregate_schema", "its aggregate's config_schema: "}};
  for (const auto& [name, expected] : kCases) {
    const auto library = PluginLibrary::open(BAD_PLUGIN_DIR, name);
    ASSERT_FALSE(library.ok()) << name;
    EXPECT_EQ(library.status().code(), StatusCode::failed_precondition);
    const std::string message(library.status().message());
    EXPECT_NE(message.find(expected), std::string::npos) << message;
    EXPECT_NE(message.find(std::string(name) + ".so: "), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace sluice
