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

// Before its last end this process may have connected anew to a broker that had lost the session,
// and have had no flash to remember it on.
TEST(Subscriptions, RefreshesOncePerProcessWhateverTheVersion) {
  for (const MqttVersion version : {MqttVersion::v3_1_1, MqttVersion::v5}) {
    Subscriptions subscriptions(wanting({{"a", 1}}, version));
    subscriptions.remember({{"a", 1}});
    EXPECT_EQ(subscriptions.plan(true).refresh, (Filters{{"a", 1}}));
    EXPECT_EQ(subscriptions.plan(true).refresh, (Filters{{"a", 1}})) << "nobody has answered";
    subscriptions.settle({});
    EXPECT_TRUE(subscriptions.plan(true).refresh.empty());
  }
}

TEST(Subscriptions, ARefreshBringsRetainedMessagesAgainInMqtt311AndANewFilterItsFirst) {
  for (const MqttVersion version : {MqttVersion::v3_1_1, MqttVersion::v5}) {
    const bool repeats = version == MqttVersion::v3_1_1;
    Subscriptions subscriptions(wanting({{"had/#", 1}, {"new/+/t", 1}, {"other_qos", 1}}, version));
    subscriptions.remember({{"had/#", 1}, {"other_qos", 0}});
    // The second connection may still bring what the first has asked for.
    for (int connection = 0; connection < 2; ++connection) {
      subscriptions.plan(true);
      EXPECT_EQ(subscriptions.retained_again("had/x"), repeats);
      EXPECT_FALSE(subscriptions.retained_again("new/x/t"));
      EXPECT_FALSE(subscriptions.retained_again("other_qos"));
      subscriptions.settle({});
    }
    subscriptions.plan(false);
    EXPECT_FALSE(subscriptions.retained_again("had/x")) << "a session that the broker lost";
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
