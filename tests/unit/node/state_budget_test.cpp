#include "node/state_budget.h"

#include <gtest/gtest.h>

#include "node/compose.h"

namespace sluice {
namespace {

LoadResult load(const std::string& quota, int sources, const std::string& limits = "") {
  std::string text = "node: {name: gw1}\nstorage: {quota: " + quota + "}\n" + limits + "sources:\n";
  for (int i = 0; i < sources; ++i) {
    const std::string name = "s" + std::to_string(i);
    text += "  - {name: " + name + ", mqtt: {url: 'tcp://localhost:1883', topics: [{pattern: '" +
            name + "/{x}'}]}}\n";
  }
  text +=
      "pipelines:\n  - {name: a, windows: [{tumbling: 1s}]}\n  - {name: b}\n"
      "  - {name: c, windows: [{tumbling: 1s}]}\n";
  LoadResult loaded = load_config_text(text, "test.yaml", {});
  EXPECT_TRUE(loaded.ok()) << loaded.errors.at(0).to_string();
  return loaded;
}

TEST(StateBudget, HoldsAsManyWindowsAsAreWantedWhereTheQuotaHasRoom) {
  LoadResult loaded = load("512MiB", 1);
  EXPECT_EQ(state_budget(loaded.config).windows_max, 200'000u);
  EXPECT_LT(state_budget(loaded.config).checkpoint_bytes(), 32u << 20);
  check_state_budget(loaded);
  EXPECT_TRUE(loaded.ok() && loaded.notes.empty());
  loaded = load("512MiB", 1, "limits: {windows_max: 5000}\n");
  SeriesTable series(1);
  const auto pipelines = compose_pipelines(loaded.config, series);
  EXPECT_EQ(pipelines[0].shares.windows_max, 2'500u) << "two pipelines have windows";
}

TEST(StateBudget, HoldsFewerWhereTheQuotaHasNoRoomAndSaysSo) {
  LoadResult loaded = load("8MiB", 1);
  const StateBudget budget = state_budget(loaded.config);
  EXPECT_LT(budget.windows_max, 10'000u);
  EXPECT_GT(budget.windows_max, 5'000u);
  EXPECT_LE(budget.checkpoint_bytes(), (8u << 20) / 6);
  EXPECT_EQ(compose_store(loaded.config).checkpoint_bytes_max, budget.checkpoint_bytes());
  check_state_budget(loaded);
  EXPECT_TRUE(loaded.ok());
  ASSERT_EQ(loaded.notes.size(), 1u);
  EXPECT_EQ(loaded.notes[0],
            "limits.windows_max: 5278 instead of 200000: a sixth of storage.quota, 1.3 MiB, is for "
            "checkpoints, and other state may take 0.5 MiB of it, the largest window 160 bytes");
}

// A plugin that is missing parks every pipeline that uses it, and the others go on.
TEST(StateBudget, WhatWaitsForAllParkedPipelinesTogetherHasItsPartOfTheQuota) {
  constexpr std::uint64_t kReadingBytes = 24;
  for (const int pipelines : {1, 4, 60}) {
    std::string text =
        "node: {name: gw1}\nstorage: {quota: 8MiB}\nsources:\n  - {name: s, mqtt: {url: "
        "'tcp://localhost:1883', topics: [{pattern: '#'}]}}\npipelines:\n";
    for (int i = 0; i < pipelines; ++i) {
      text += "  - {name: p" + std::to_string(i) + ", stages: [{plugin: gone}]}\n";
    }
    const LoadResult loaded = load_config_text(text, "test.yaml", {});
    ASSERT_TRUE(loaded.ok()) << loaded.errors.at(0).to_string();
    const StateBudget budget = state_budget(loaded.config);
    const std::uint64_t each = budget.pending_per_pipeline(loaded.config);
    EXPECT_GE(each, 16u);
    const auto count = static_cast<std::uint64_t>(pipelines);
    EXPECT_LE(each * count * kReadingBytes, budget.room_bytes / 4) << pipelines;
    SeriesTable series(1);
    EXPECT_EQ(compose_pipelines(loaded.config, series).back().shares.pending_max, each);
  }
  LoadResult zone = load("512MiB", 1);
  auto& window = *zone.config.mutable_pipelines(0)->mutable_windows(0);
  window.set_time_zone("Europe/Berlin");
  EXPECT_GT(state_budget(zone.config).pending_per_pipeline(zone.config), 10'000u)
      << "the zone may not be installed";
  const LoadResult wide = load("512MiB", 1);
  EXPECT_EQ(state_budget(wide.config).pending_per_pipeline(wide.config), 16u) << "none has stages";
}

TEST(StateBudget, RefusesPayloadsThatACommitCouldNeverHold) {
  LoadResult loaded = load("8MiB", 1, "limits: {payload_max: 2MiB}\n");
  check_state_budget(loaded);
  ASSERT_EQ(loaded.errors.size(), 1u);
  EXPECT_EQ(loaded.errors[0].to_string(),
            "test.yaml:3:23: limits.payload_max: expected at most an eighth of storage.quota, "
            "1.0 MiB, got 2.0 MiB");
}

TEST(StateBudget, RefusesSourcesWhoseTailsAloneAreTooMuch) {
  LoadResult loaded = load("8MiB", 28);
  check_state_budget(loaded);
  ASSERT_EQ(loaded.errors.size(), 1u);
  EXPECT_EQ(
      loaded.errors[0].to_string(),
      "test.yaml:2:18: storage.quota: expected at least 38.3 MiB: a sixth of it, now 1.3 MiB, "
      "is for checkpoints, and of one 6.2 MiB are what these sources may send again, and 0.2 "
      "MiB the least of windows, " +
          std::to_string(state_budget(loaded.config).window_bytes) +
          " bytes each; or use fewer sources or smaller aggregates");
}

/// Four sources leave 1,000 windows about 460 bytes each: enough for those without an aggregate.
LoadResult load_misfit(const std::string& quota = "8MiB") {
  std::string text = "node: {name: gw1}\nstorage: {quota: " + quota +
                     "}\nplugins: {dir: '" SLUICE_PLUGIN_DIR "'}\nsources:\n";
  for (const char* name : {"s", "t", "u", "v"}) {
    text += "  - {name: " + std::string(name) +
            ", mqtt: {url: 'tcp://localhost:1883', topics: [{pattern: '" + name + "/{x}'}]}}\n";
  }
  const std::string window = "windows: [{tumbling: 1s, allowed_lateness: 1s";
  text += "pipelines:\n  - {name: a, " + window + "}]}\n  - {name: b, " + window +
          ", aggregates: {plugins: [{plugin: shape}]}}]}\n";
  LoadResult loaded = load_config_text(text, "test.yaml", {});
  EXPECT_TRUE(loaded.ok()) << loaded.errors.at(0).to_string();
  return loaded;
}

// It fitted when the config was taken over: another version of the plugin was installed since.
TEST(StateBudget, AStartParksThePipelineWhoseAggregatesDoNotFit) {
  LoadResult loaded = load_misfit();
  const StateBudget budget = state_budget(loaded.config);
  EXPECT_EQ(budget.misfits, std::vector<int>{1});
  check_state_budget(loaded, BudgetCheck::starts);
  ASSERT_TRUE(loaded.ok()) << loaded.errors.at(0).to_string();
  ASSERT_FALSE(loaded.notes.empty());
  EXPECT_NE(loaded.notes[0].find("does not fit: b: storage.quota: expected at least"),
            std::string::npos)
      << loaded.notes[0];
  SeriesTable series(1);
  const auto pipelines = compose_pipelines(loaded.config, series);
  EXPECT_EQ(pipelines[0].parked, "");
  EXPECT_GE(pipelines[0].shares.windows_max, 500u);
  EXPECT_NE(pipelines[1].parked.find("does not fit storage.quota: expected at least"),
            std::string::npos)
      << pipelines[1].parked;
}

TEST(StateBudget, AConfigWhoseAggregatesDoNotFitIsNotTakenOver) {
  LoadResult loaded = load_misfit();
  EXPECT_EQ(state_budget(loaded.config).check().code(), StatusCode::invalid_argument);
  check_state_budget(loaded);
  EXPECT_FALSE(loaded.ok());
  loaded = load_misfit("16MiB");
  EXPECT_TRUE(state_budget(loaded.config).misfits.empty());
  check_state_budget(loaded);
  EXPECT_TRUE(loaded.ok());
}

}  // namespace
}  // namespace sluice
