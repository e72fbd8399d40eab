// Topic patterns, through the reader: daemon/schema/topic_rules.cpp.
#include "example.h"

namespace sluice {
namespace {

/// Patterns stand on lines 7, 8, 9 …, in column 20.
std::string with_patterns(const std::vector<std::string>& patterns, const std::string& more = "") {
  std::string text = std::string(kNode) +
                     "sources:\n  - name: a\n    mqtt:\n      url: tcp://h:1883\n      topics:\n";
  for (const std::string& pattern : patterns) text += "        - pattern: '" + pattern + "'\n";
  return text + more;
}

TEST(TopicRules, AcceptPatternsThatPartTheirTopicsAndANarrowOneFirst) {
  load_ok(with_patterns({"a/{x}", "b/{x}/#", "$SYS/broker/load", "c/d", "c/+", "c/#"}));
}

TEST(TopicRules, GiveAMalformedPatternItsLineAndTheLevel) {
  EXPECT_EQ(load_error(with_patterns({"fine", "site/{my-site}/t"})),
            "test.yaml:8:20: sources[0].mqtt.topics[1].pattern: topic pattern 'site/{my-site}/t': "
            "level 2, '{my-site}', captures without a proper name; a name is a letter or _, then "
            "letters, digits and _, at most 64");
  for (const char* pattern : {"a/#/b", "a+", "a/{x}y", "{x}/{x}", "$share/g/a"}) {
    const std::string error = load_error(with_patterns({pattern}));
    EXPECT_TRUE(
        contains(error, "test.yaml:7:20: sources[0].mqtt.topics[0].pattern: topic pattern "))
        << error;
  }
}

TEST(TopicRules, ReportEveryMalformedPattern) {
  const LoadResult result = load_config_text(with_patterns({"a+", "fine", "b#"}), "test.yaml", {});
  ASSERT_EQ(result.errors.size(), 2u) << errors_of(result);
  EXPECT_EQ(result.errors[0].line, 7);
  EXPECT_EQ(result.errors[1].line, 9);
}

TEST(TopicRules, RefuseAPatternThatAnEarlierOneLeavesNothing) {
  EXPECT_EQ(load_error(with_patterns({"site/{place}/b", "other", "site/+/b"})),
            "test.yaml:9:20: sources[0].mqtt.topics[2].pattern: never matches, because the first "
            "pattern that takes a topic decides its labels and \"site/{place}/b\" at line 7 takes "
            "all of \"site/+/b\"; put the narrower one first, or remove one");
  EXPECT_TRUE(contains(load_error(with_patterns({"site/#", "site/{site}/a"})),
                       "test.yaml:8:20: sources[0].mqtt.topics[1].pattern: never matches"));
}

TEST(TopicRules, RefusePatternsThatShareAPartOfTheirTopicsAndOfferACover) {
  EXPECT_EQ(load_error(with_patterns({"x", "a/{dev}", "+/b"})),
            "test.yaml:9:20: sources[0].mqtt.topics[2].pattern: topic patterns 'a/{dev}' and '+/b' "
            "share a part of their topics, and the broker may deliver such a message twice; add a "
            "pattern after them that covers both, such as '+/+', or move one of them to a source "
            "of its own");
  load_ok(with_patterns({"x", "a/{dev}", "+/b", "+/+"}));
}

TEST(TopicRules, LetSourcesShareTopics) {
  load_ok(with_patterns(
      {"a/+"}, "  - {name: b, mqtt: {url: 'tcp://h:1883', topics: [{pattern: '+/b'}]}}\n"));
}

TEST(TopicRules, RefuseALabelThatTheTopicHasToo) {
  EXPECT_EQ(
      load_error(with_patterns({"a", "b/{room}"},
                               "    decode:\n      labels:\n        - {name: floor, pointer: /f}\n"
                               "        - {name: room, pointer: /room}\n")),
      "test.yaml:12:18: sources[0].decode.labels[1].name: label \"room\" is also captured by "
      "the topic pattern \"b/{room}\" at line 8; rename one of them");
}

// A config may hold 256 patterns of 4096 bytes each; comparing all must stay quick.
TEST(TopicRules, CompareManyLongPatterns) {
  std::vector<std::string> patterns;
  std::string levels;
  for (int i = 0; i < 1900; ++i) levels += "+/";
  for (int i = 0; i < 100; ++i) patterns.push_back(levels + std::to_string(i));
  load_ok(with_patterns(patterns));
}

}  // namespace
}  // namespace sluice
