#include "model/topic_pattern.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace sluice {
namespace {

using Views = std::vector<std::string_view>;

TopicPattern pattern(std::string_view text) {
  Result<TopicPattern> parsed = TopicPattern::parse(text);
  EXPECT_TRUE(parsed.ok()) << text << ": " << parsed.status().to_string();
  return *parsed;
}

std::string fault(std::string_view text) {
  const Result<TopicPattern> parsed = TopicPattern::parse(text);
  EXPECT_FALSE(parsed.ok()) << text;
  EXPECT_EQ(parsed.status().code(), StatusCode::invalid_argument);
  return std::string(parsed.status().message());
}

bool takes(std::string_view text, std::string_view topic) {
  Views captures;
  return pattern(text).match(topic, captures);
}

bool mentions(const std::string& message, std::string_view part) {
  return message.find(part) != std::string::npos;
}

TEST(TopicPattern, AsksTheBrokerForPlusWhereItCaptures) {
  const TopicPattern p = pattern("site/{site}/dev/{device}/+/#");
  EXPECT_EQ(p.filter(), "site/+/dev/+/+/#");
  EXPECT_EQ(p.text(), "site/{site}/dev/{device}/+/#");
  EXPECT_EQ(p.names(), (std::vector<std::string>{"site", "device"}));
}

TEST(TopicPattern, HandsOutTheLevelsItCaptured) {
  Views captures{"left over"};
  const TopicPattern p = pattern("site/{site}/dev/{device}/telemetry");
  EXPECT_TRUE(p.match("site/berlin/dev/7/telemetry", captures));
  EXPECT_EQ(captures, (Views{"berlin", "7"}));
  EXPECT_FALSE(p.match("site/berlin/dev/7/status", captures));
  EXPECT_TRUE(captures.empty()) << "a failed match leaves nothing of its attempt";
  EXPECT_FALSE(p.match("site/berlin/dev/7/telemetry/x", captures));
  EXPECT_TRUE(captures.empty());
  EXPECT_FALSE(p.match("site/berlin/dev/7", captures));
  EXPECT_TRUE(captures.empty());
}

TEST(TopicPattern, TreatsEmptyLevelsAsLevels) {
  Views captures;
  EXPECT_TRUE(pattern("a/{x}/b").match("a//b", captures));
  EXPECT_EQ(captures, (Views{""}));
  EXPECT_TRUE(takes("/a", "/a"));
  EXPECT_FALSE(takes("/a", "a"));
  EXPECT_TRUE(takes("+/a", "/a"));
  EXPECT_TRUE(takes("a/", "a/"));
  EXPECT_FALSE(takes("a", "a/"));
  EXPECT_TRUE(takes("/", "/"));
}

TEST(TopicPattern, TakesTheParentOfAHash) {
  EXPECT_TRUE(takes("sport/#", "sport"));
  EXPECT_TRUE(takes("sport/#", "sport/"));
  EXPECT_TRUE(takes("sport/#", "sport/tennis/player1"));
  EXPECT_FALSE(takes("sport/#", "sports"));
  EXPECT_FALSE(takes("sport/tennis/#", "sport"));
  EXPECT_TRUE(takes("#", "a/b"));
  EXPECT_FALSE(takes("#", ""));
  EXPECT_TRUE(takes("/#", "/"));
  EXPECT_TRUE(takes("/#", "/a/b"));
  EXPECT_FALSE(takes("/#", "a"));
}

TEST(TopicPattern, KeepsLeadingWildcardsOutOfDollarTopics) {
  EXPECT_FALSE(takes("#", "$SYS/broker/load"));
  EXPECT_FALSE(takes("+/broker/load", "$SYS/broker/load"));
  EXPECT_FALSE(takes("{root}/broker/load", "$SYS/broker/load"));
  EXPECT_TRUE(takes("$SYS/#", "$SYS/broker/load"));
  EXPECT_TRUE(takes("$SYS/{what}/load", "$SYS/broker/load"));
  EXPECT_TRUE(takes("a/+", "a/$x")) << "only the first level counts";
}

TEST(TopicPattern, SaysWhichLevelIsWrongAndHowToWriteIt) {
  EXPECT_TRUE(mentions(fault(""), "is empty"));
  EXPECT_TRUE(mentions(fault("a/b+/c"), "level 2, 'b+', has a + or #"));
  EXPECT_TRUE(mentions(fault("a/#b"), "level 2, '#b', has a + or #"));
  EXPECT_TRUE(mentions(fault("a/#/c"), "level 2, '#', stands before the end"));
  EXPECT_TRUE(mentions(fault("#/"), "level 1, '#', stands before the end"));
  EXPECT_TRUE(mentions(fault("a/x{y}"), "level 2, 'x{y}', is not a whole capture"));
  EXPECT_TRUE(mentions(fault("a/{y}x"), "is not a whole capture"));
  EXPECT_TRUE(mentions(fault("a/{y"), "is not a whole capture"));
  EXPECT_TRUE(mentions(fault("a/y}"), "is not a whole capture"));
  EXPECT_TRUE(mentions(fault("a/{x}{y}"), "is not a whole capture"));
  EXPECT_TRUE(mentions(fault("a/{{x}}"), "is not a whole capture"));
  EXPECT_TRUE(mentions(fault("a/{x/y}"), "level 2, '{x', is not a whole capture"));
  for (const char* name : {"{}", "{1a}", "{a-b}", "{a b}", "{+}", "{ä}", "{{}"}) {
    EXPECT_TRUE(mentions(fault(std::string("a/") + name), "without a proper name")) << name;
  }
  EXPECT_TRUE(mentions(fault("{" + std::string(65, 'a') + "}"), "at most 64"));
  EXPECT_EQ(pattern("{_" + std::string(63, 'a') + "}").filter(), "+");
  EXPECT_TRUE(mentions(fault("{a}/{b}/{a}"), "level 3, '{a}', repeats a name"));
}

TEST(TopicPattern, RefusesWhatMqttCannotCarry) {
  EXPECT_TRUE(mentions(fault(std::string("a\0b", 3)), "NUL"));
  EXPECT_TRUE(mentions(fault("a/\xff\xfe"), "is not UTF-8"));
  EXPECT_TRUE(mentions(fault("a/\xff\xfe"), "\\xff\\xfe")) << "the message itself stays UTF-8";
  EXPECT_TRUE(mentions(fault(std::string(65536, 'a')), "longer than 65535 bytes"));
  EXPECT_LT(fault(std::string(65536, 'a')).size(), 400u);
  EXPECT_EQ(pattern(std::string(65535, 'a')).filter().size(), 65535u);
}

TEST(TopicPattern, RefusesSharedSubscriptionsWithTheReason) {
  EXPECT_TRUE(mentions(fault("$share/group/a/b"), "shared subscription"));
  EXPECT_TRUE(mentions(fault("$share"), "shared subscription"));
  EXPECT_EQ(pattern("$shared/a").filter(), "$shared/a");
}

Result<std::vector<TopicFilter>> reduce(
    const std::vector<std::pair<std::string, std::uint8_t>>& patterns) {
  std::vector<TopicSubscription> subscriptions;
  for (const auto& [text, qos] : patterns) subscriptions.push_back({pattern(text), qos});
  return reduce_filters(subscriptions);
}

TEST(ReduceFilters, KeepsDisjointFiltersInTheOrderOfTheConfig) {
  const auto filters = reduce({{"b/+", 1}, {"a/{x}", 0}, {"b", 0}});
  ASSERT_TRUE(filters.ok());
  EXPECT_EQ(*filters, (std::vector<TopicFilter>{{"b/+", 1}, {"a/+", 0}, {"b", 0}}));
}

TEST(ReduceFilters, LeavesOutWhatAnotherCoversAndTakesTheHigherQos) {
  const auto filters = reduce({{"a/b", 1}, {"c", 0}, {"a/{x}", 0}, {"a/#", 0}, {"a/b/c", 0}});
  ASSERT_TRUE(filters.ok());
  EXPECT_EQ(*filters, (std::vector<TopicFilter>{{"c", 0}, {"a/#", 1}}));
}

TEST(ReduceFilters, SeesOneFilterInTwoSpellings) {
  const auto filters = reduce({{"a/{x}", 0}, {"a/{y}", 1}, {"a/+", 0}});
  ASSERT_TRUE(filters.ok());
  EXPECT_EQ(*filters, (std::vector<TopicFilter>{{"a/+", 1}}));
}

TEST(ReduceFilters, RefusesAPartialOverlapAndOffersACover) {
  const auto filters = reduce({{"x", 1}, {"a/{dev}", 1}, {"+/b", 1}});
  ASSERT_FALSE(filters.ok());
  EXPECT_EQ(filters.status().code(), StatusCode::invalid_argument);
  const std::string message(filters.status().message());
  EXPECT_TRUE(mentions(message, "'a/{dev}' and '+/b'")) << message;
  EXPECT_TRUE(mentions(message, "such as '+/+'")) << message;
  EXPECT_TRUE(reduce({{"x", 1}, {"a/{dev}", 1}, {"+/b", 1}, {"+/+", 0}}).ok())
      << "the advice must work";
}

TEST(ReduceFilters, KeepsDollarTopicsApartFromLeadingWildcards) {
  const auto filters = reduce({{"#", 1}, {"$SYS/broker/+", 0}});
  ASSERT_TRUE(filters.ok());
  EXPECT_EQ(filters->size(), 2u);
}

// Against the definition: every topic of a small world, every filter of a small world.
TEST(ReduceFilters, BringsEveryTopicExactlyOnceOrRefusesForAReason) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::vector<std::string> topic_levels{"", "a", "b", "$s"};
  std::vector<std::string> topics;
  std::vector<std::string> longer{""};
  for (int depth = 0; depth < 4; ++depth) {
    std::vector<std::string> next;
    for (const auto& head : longer) {
      for (const auto& level : topic_levels) {
        next.push_back(depth == 0 ? level : head + "/" + level);
      }
    }
    topics.insert(topics.end(), next.begin(), next.end());
    longer = next;
  }
  const std::vector<std::string> levels{"a", "b", "", "+", "{x}", "$s"};
  const auto random_pattern = [&] {
    std::string text;
    const auto depth = 1 + random() % 3;
    for (std::size_t i = 0; i < depth; ++i) {
      std::string level = levels[random() % levels.size()];
      if (level == "{x}" && text.find('{') != std::string::npos) level = "+";
      text += (i > 0 ? "/" : "") + level;
    }
    if (random() % 4 == 0) text += "/#";
    return text.empty() ? std::string("#") : text;
  };
  Views captures;
  int reduced = 0;
  int refused = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<TopicSubscription> patterns;
    for (std::size_t n = 1 + random() % 4; n > 0; --n) {
      patterns.push_back({pattern(random_pattern()), static_cast<std::uint8_t>(random() % 2)});
    }
    const auto filters = reduce_filters(patterns);
    if (!filters.ok()) {
      ++refused;
      bool partly = false;
      for (const auto& a : patterns) {
        for (const auto& b : patterns) {
          int both = 0, only_a = 0, only_b = 0;
          for (const auto& topic : topics) {
            const bool in_a = a.pattern.match(topic, captures);
            const bool in_b = b.pattern.match(topic, captures);
            both += in_a && in_b;
            only_a += in_a && !in_b;
            only_b += in_b && !in_a;
          }
          partly = partly || (both > 0 && only_a > 0 && only_b > 0);
        }
      }
      EXPECT_TRUE(partly) << filters.status().to_string();
      continue;
    }
    ++reduced;
    std::vector<TopicPattern> kept;
    for (const TopicFilter& f : *filters) kept.push_back(pattern(f.filter));
    for (const auto& topic : topics) {
      int wanted_qos = -1;
      for (const auto& p : patterns) {
        if (p.pattern.match(topic, captures)) wanted_qos = std::max<int>(wanted_qos, p.qos);
      }
      int delivered = 0;
      for (std::size_t i = 0; i < kept.size(); ++i) {
        if (!kept[i].match(topic, captures)) continue;
        ++delivered;
        EXPECT_GE((*filters)[i].qos, wanted_qos) << topic;
      }
      EXPECT_EQ(delivered, wanted_qos < 0 ? 0 : 1) << topic;
    }
  }
  EXPECT_GT(reduced, 100);
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace sluice
