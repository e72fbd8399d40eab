#include "hub/plugins_seen.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "fakes/power_sum.h"
#include "sluice/v1/hub.pb.h"

namespace sluice::hub {
namespace {

PluginAggregateKey key_of(int number) {
  return {"mean", "{\"a\":" + std::to_string(10'000 + number) + "}"};
}

/// As it came from a node, and no plugin here opened it.
PluginAggregate sealed(const PluginAggregateKey& key) {
  return {std::make_shared<const PluginAggregateIdentity>(
              PluginAggregateIdentity{key, "1.0.0", {"mean"}}),
          "state",
          {1}};
}

v1::Aggregates unknown_of(const PluginsSeen& seen, v1::Aggregates row = {}) {
  seen.write_unknown(row);
  return row;
}

TEST(PluginsSeen, NameFewOfAnyNumberAndCountTheRest) {
  PluginsSeen seen;
  for (int repeat = 0; repeat < 2; ++repeat) {
    for (int i = 0; i < 1'000; ++i) seen.add(sealed(key_of(i)));
  }
  const v1::Aggregates row = unknown_of(seen);
  ASSERT_EQ(row.plugins_size(), 16);
  EXPECT_EQ(row.plugins(0).config(), key_of(0).config_json);
  EXPECT_EQ(row.plugins_more(), 984u);
  EXPECT_LT(row.ByteSizeLong(), 4'000u);
}

TEST(PluginsSeen, CountNoFurtherThanTheirBound) {
  PluginsSeen seen;
  for (int i = 0; i < 5'000; ++i) seen.add(sealed(key_of(i)));
  EXPECT_EQ(unknown_of(seen).plugins_more(), PluginsSeen::kCountedMax + 4);
}

TEST(PluginsSeen, LeaveOutWhatTheRowHasNumbersOf) {
  PluginsSeen seen;
  for (int i = 0; i < 100; ++i) seen.add(sealed(key_of(i)));
  v1::Aggregates known;
  for (const int i : {3, 90}) {
    known.add_plugins()->set_plugin("mean");
    known.mutable_plugins()->rbegin()->set_config(key_of(i).config_json);
  }
  const v1::Aggregates row = unknown_of(seen, known);
  EXPECT_EQ(row.plugins_size(), 18);
  EXPECT_EQ(row.plugins_more(), 82u);
  PluginsSeen one;
  one.add(sealed(key_of(3)));
  EXPECT_EQ(unknown_of(one, known).plugins_size(), 2);
}

TEST(PluginsSeen, SayWhichCallRefusedAState) {
  const auto picky = std::make_shared<PowerSum>(2, 7, "2.0.0", "1.0.0");
  PluginAggregate old = sealed(picky->key());
  EXPECT_FALSE(old.open_with(picky));
  PluginsSeen seen;
  seen.add(sealed(picky->key()));
  seen.add(old);
  const v1::Aggregates row = unknown_of(seen);
  ASSERT_EQ(row.plugins_size(), 1);
  EXPECT_NE(row.plugins(0).unknown().find("restore: 'refuses 1.0.0'"), std::string::npos)
      << row.plugins(0).unknown();
}

// Each may load a file, and nodes choose the keys.
TEST(QueryTypes, LookUpEachKeyOnceAndNotAnyNumber) {
  int looked_up = 0;
  const FindAggregateType find = [&](const PluginAggregateKey&) {
    ++looked_up;
    return std::make_shared<PowerSum>(1);
  };
  QueryTypes types(find);
  for (int repeat = 0; repeat < 2; ++repeat) {
    for (int i = 0; i < 1'000; ++i) {
      EXPECT_EQ(types.find(key_of(i)) != nullptr, i < 256) << i;
    }
  }
  EXPECT_EQ(looked_up, 256);
}

}  // namespace
}  // namespace sluice::hub
