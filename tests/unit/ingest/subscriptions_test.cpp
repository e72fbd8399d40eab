#include "ingest/subscriptions.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using Filters = std::vector<TopicFilter>;

SourceOptions wanting(Filters filters, MqttVersion version = MqttVersion::v5) {
  SourceOptions options;
  options.filters = std::move(filters);
  options.version = version;
  return options;
}

TEST(Subscriptions, AsksForAllOfThemInANewSession) {
  Subscriptions subscriptions(wanting({{"a", 1}, {"b", 0}}));
  subscriptions.remember({{"a", 1}, {"gone", 1}});
  const SubscribePlan plan = subscriptions.plan(false);
  EXPECT_TRUE(plan.leave.empty());
  EXPECT_EQ(plan.join, (Filters{{"a", 1}, {"b", 0}}));
  EXPECT_EQ(subscriptions.known(), (Filters{{"a", kUnsettledQos}, {"b", kUnsettledQos}}));
  subscriptions.settle({});
  EXPECT_EQ(subscriptions.known(), (Filters{{"a", 1}, {"b", 0}}));
}

TEST(Subscriptions, AsksForTheDifferenceInAKeptSession) {
  Subscriptions subscriptions(wanting({{"a", 1}, {"b", 1}, {"c", 1}}));
  subscriptions.remember({{"a", 1}, {"b", 0}, {"gone", 1}});
  const SubscribePlan plan = subscriptions.plan(true);
  EXPECT_EQ(plan.leave, std::vector<std::string>{"gone"});
  EXPECT_EQ(plan.join, (Filters{{"b", 1}, {"c", 1}}));
  subscriptions.settle({});
  EXPECT_FALSE(subscriptions.plan(true).changes());
}

TEST(Subscriptions, ForgetsNothingBeforeTheBrokerHasAnswered) {
  Subscriptions subscriptions(wanting({{"a", 1}}));
  subscriptions.remember({{"gone", 1}});
  subscriptions.plan(true);
  const Filters logged = subscriptions.known();
  EXPECT_EQ(logged, (Filters{{"gone", kUnsettledQos}, {"a", kUnsettledQos}}));
  // The process ends here; the next one wants something else.
  Subscriptions next(wanting({{"b", 1}}));
  next.remember(logged);
  const SubscribePlan plan = next.plan(true);
  EXPECT_EQ(plan.leave, (std::vector<std::string>{"gone", "a"}));
  EXPECT_EQ(plan.join, (Filters{{"b", 1}}));
}

TEST(Subscriptions, AsksAgainForWhatWasRefused) {
  Subscriptions subscriptions(wanting({{"a", 1}, {"b", 1}}));
  subscriptions.plan(false);
  subscriptions.settle({"b"});
  EXPECT_EQ(subscriptions.plan(true).join, (Filters{{"b", 1}}));
}

TEST(Subscriptions, RefreshesOncePerProcessWhereRetainedMessagesDoNotCountTwice) {
  for (const bool accept : {false, true}) {
    for (const MqttVersion version : {MqttVersion::v3_1_1, MqttVersion::v5}) {
      SourceOptions options = wanting({{"a", 1}}, version);
      options.accept_retained = accept;
      Subscriptions subscriptions(options);
      subscriptions.remember({{"a", 1}});
      const bool harmless = version == MqttVersion::v5 || !accept;
      EXPECT_EQ(subscriptions.plan(true).refresh.size(), harmless ? 1u : 0u);
      EXPECT_TRUE(subscriptions.plan(true).refresh.empty());
    }
  }
}

TEST(Subscriptions, AsksForTheDropCounterOnEveryConnectionAndLeavesItWhenSwitchedOff) {
  SourceOptions options = wanting({{"a", 1}});
  options.watch_broker_drops = true;
  Subscriptions subscriptions(options);
  EXPECT_EQ(subscriptions.plan(false).join.size(), 2u);
  subscriptions.settle({});
  EXPECT_FALSE(subscriptions.plan(true).changes());
  EXPECT_EQ(subscriptions.plan(true).refresh, (Filters{{std::string(kDropCounterTopic), 0}}));
  Subscriptions off(wanting({{"a", 1}}));
  off.remember(subscriptions.known());
  EXPECT_EQ(off.plan(true).leave, std::vector<std::string>{std::string(kDropCounterTopic)});
}

TEST(DropCounter, IsANumberOrNothing) {
  EXPECT_EQ(parse_drop_counter("103"), 103u);
  for (const char* rubbish : {"", "x", "2x", "-1", "99999999999999999999"}) {
    EXPECT_FALSE(parse_drop_counter(rubbish)) << rubbish;
  }
}

}  // namespace
}  // namespace sluice
