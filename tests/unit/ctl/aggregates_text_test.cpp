#include "ctl/aggregates_text.h"

#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

TEST(AggregatesText, SaysWhatIsThereAndNothingElse) {
  v1::Aggregates aggregates;
  EXPECT_EQ(aggregates_text(aggregates), "-");
  auto* quantile = aggregates.mutable_histogram()->add_quantiles();
  quantile->set_q(0.99);
  quantile->set_value(21.5);
  EXPECT_EQ(aggregates_text(aggregates), "p99 21.5");
  aggregates.mutable_distinct()->set_estimate(12.3);
  auto* entry = aggregates.mutable_top()->add_entries();
  entry->set_value("21.5");
  entry->set_count(4);
  aggregates.mutable_counter()->set_increase(12);
  aggregates.mutable_counter()->set_rate_per_s(0.2);
  aggregates.mutable_counter()->set_resets(2);
  auto* state = aggregates.mutable_states()->add_states();
  state->set_value(1);
  state->set_time_ns(40'000'000'000);
  EXPECT_EQ(aggregates_text(aggregates),
            "p99 21.5; distinct 12; top 21.5 x4; +12 (0.2/s, 2 resets); 1 for 40 s");
}

void add_shape(const std::string& config, v1::Aggregates& aggregates) {
  v1::PluginPoint& point = *aggregates.add_plugins();
  point.set_plugin("shape");
  point.set_config(config);
  point.add_values()->set_name("skewness");
  point.mutable_values(0)->set_value(0.12);
  point.add_values()->set_name("kurtosis");
}

TEST(AggregatesText, SaysWhatPluginsSupply) {
  v1::Aggregates aggregates;
  add_shape("{}", aggregates);
  EXPECT_EQ(aggregates_text(aggregates), "shape: skewness 0.12, kurtosis -");
  aggregates.mutable_distinct()->set_estimate(2);
  add_shape(R"({"bias":true})", aggregates);
  EXPECT_EQ(aggregates_text(aggregates),
            "distinct 2; shape {}: skewness 0.12, kurtosis -; "
            "shape {\"bias\":true}: skewness 0.12, kurtosis -");
}

TEST(AggregatesText, SaysWhyWhatAPluginSuppliesIsNotKnown) {
  v1::Aggregates aggregates;
  v1::PluginPoint& point = *aggregates.add_plugins();
  point.set_plugin("shape");
  point.set_unknown("a call of the plugin failed at the node");
  EXPECT_EQ(aggregates_text(aggregates),
            "shape not known: a call of the plugin failed at the node");
  aggregates.set_plugins_more(1'984);
  EXPECT_EQ(aggregates_text(aggregates),
            "shape not known: a call of the plugin failed at the node; 1,984 more of plugins not "
            "known");
}

}  // namespace
}  // namespace sluice::ctl
