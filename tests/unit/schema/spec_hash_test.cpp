#include "schema/spec_hash.h"

#include <functional>
#include <set>

#include "example.h"

namespace sluice {
namespace {

constexpr std::string_view kPipeline = R"(
pipelines:
  - name: p
    match: {sources: [air], measurements: [a, b], labels: {site: x, dev: y}}
    stages:
      - {plugin: range, config: {min: 0, max: 50, sentinels: [-200]}}
      - {plugin: deadband, config: {absolute: 0.5}}
    windows: [{tumbling: 1m}]
    max_out_of_order: 5s
)";

v1::PipelineConfig pipeline() { return load_ok(minimal(kPipeline)).pipelines(0); }

// The value is stored in every pane key: a release that changes it restarts all windows.
TEST(SpecHash, NeverChangesBetweenReleases) {
  EXPECT_EQ(spec_hash(pipeline()), 15832815427033564543ull);
  EXPECT_EQ(spec_hash(v1::PipelineConfig()), 5411733939573586457ull);
}

TEST(SpecHash, IsTheSameForAllWaysToWriteOneSpec) {
  v1::PipelineConfig other = pipeline();
  other.mutable_match()->clear_measurements();
  other.mutable_match()->add_measurements("b");
  other.mutable_match()->add_measurements("a");
  other.mutable_stages(0)->set_config("{ \"sentinels\" : [ -2e2 ], \"max\": 50.0, \"min\": -0 }");
  EXPECT_EQ(spec_hash(other), spec_hash(pipeline()));
}

TEST(SpecHash, DoesNotCoverNamesAndWaitingTimes) {
  v1::PipelineConfig other = pipeline();
  other.set_name("q");
  other.mutable_stages(0)->set_name("first");
  other.set_idle_timeout_ns(1);
  other.set_reorder_max(1);
  EXPECT_EQ(spec_hash(other), spec_hash(pipeline()));
}

TEST(SpecHash, ChangesWithEverythingThatChangesResults) {
  std::set<std::uint64_t> hashes = {spec_hash(pipeline())};
  const auto expect_new = [&](const v1::PipelineConfig& other) {
    EXPECT_TRUE(hashes.insert(spec_hash(other)).second) << other.ShortDebugString();
  };
  v1::PipelineConfig p = pipeline();
  p.mutable_match()->clear_sources();
  expect_new(p);
  p = pipeline();
  p.mutable_match()->add_sources("office");
  expect_new(p);
  p = pipeline();
  p.mutable_match()->add_measurements("c");
  expect_new(p);
  // The same words in another list.
  p = pipeline();
  p.mutable_match()->clear_measurements();
  p.mutable_match()->add_sources("a");
  p.mutable_match()->add_sources("b");
  expect_new(p);
  p = pipeline();
  (*p.mutable_match()->mutable_labels())["site"] = "z";
  expect_new(p);
  p = pipeline();
  (*p.mutable_match()->mutable_labels())["more"] = "";
  expect_new(p);
  p = pipeline();
  p.mutable_stages()->SwapElements(0, 1);
  expect_new(p);
  p = pipeline();
  p.mutable_stages()->RemoveLast();
  expect_new(p);
  p = pipeline();
  p.mutable_stages(0)->set_plugin("other");
  expect_new(p);
  p = pipeline();
  p.mutable_stages(0)->set_config(R"({"min":0,"max":50,"sentinels":[-201]})");
  expect_new(p);
  p = pipeline();
  p.mutable_stages(0)->set_config(R"({"min":0,"max":"50","sentinels":[-200]})");
  expect_new(p);
  p = pipeline();
  p.mutable_windows(0)->set_tumbling_ns(1);
  expect_new(p);
  p = pipeline();
  p.mutable_windows(0)->set_offset_ns(1);
  expect_new(p);
  p = pipeline();
  p.mutable_windows(0)->set_allowed_lateness_ns(1);
  expect_new(p);
  p = pipeline();
  p.mutable_windows(0)->clear_tumbling_ns();
  p.mutable_windows(0)->mutable_hopping()->set_size_ns(60'000'000'000);
  p.mutable_windows(0)->mutable_hopping()->set_every_ns(60'000'000'000);
  expect_new(p);
  p = pipeline();
  p.mutable_windows(0)->set_expected_every_ns(1);
  expect_new(p);
  p = pipeline();
  v1::WindowConfig& window = *p.mutable_windows(0);
  const std::function<void()> places[] = {
      [&] { window.mutable_sliding()->set_size_ns(1); },
      [&] { window.mutable_sliding()->set_every_ns(1); },
      [&] { window.mutable_sliding()->set_readings_max(1); },
      [&] { window.mutable_session()->set_gap_ns(1); },
      [&] { window.set_count(1); },
      [&] { window.set_time_zone("Europe/Berlin"); },
      [&] { window.set_early_every_ns(1); },
      [&] { window.set_empty(true); },
  };
  for (const auto& set : places) {
    set();
    expect_new(p);
  }
  p = pipeline();
  v1::AggregatesConfig& aggregates = *p.mutable_windows(0)->mutable_aggregates();
  expect_new(p);
  const std::function<void()> settings[] = {
      [&] { aggregates.mutable_histogram(); },
      [&] { aggregates.mutable_histogram()->set_max_size(1); },
      [&] { aggregates.mutable_histogram()->set_max_scale(1); },
      [&] { aggregates.mutable_histogram()->set_zero_threshold(0.5); },
      [&] { aggregates.mutable_distinct(); },
      [&] { aggregates.mutable_distinct()->set_precision(1); },
      [&] { aggregates.mutable_top(); },
      [&] { aggregates.mutable_top()->set_capacity(1); },
      [&] { aggregates.mutable_counter(); },
      [&] { aggregates.mutable_counter()->set_wrap_bits(1); },
      [&] { aggregates.mutable_counter()->set_wrap_rate_max(0.5); },
      [&] { aggregates.mutable_states(); },
      [&] { aggregates.mutable_states()->set_states_max(1); },
      [&] { aggregates.mutable_states()->set_hold_max_ns(1); },
      [&] { aggregates.add_plugins()->set_plugin("shape"); },
      [&] { aggregates.mutable_plugins(0)->set_config(R"({"bias": true})"); },
      [&] { aggregates.add_plugins()->set_plugin("other"); },
  };
  for (const auto& set : settings) {
    set();
    expect_new(p);
  }
  p = pipeline();
  *p.add_windows() = p.windows(0);
  expect_new(p);
  p = pipeline();
  p.clear_windows();
  expect_new(p);
  p = pipeline();
  p.set_max_out_of_order_ns(1);
  expect_new(p);
  p = pipeline();
  p.mutable_key_by();
  expect_new(p);
  p.mutable_key_by()->add_labels("site");
  expect_new(p);
}

TEST(SpecHash, DoesNotChangeWithWhereAPluginRuns) {
  v1::PipelineConfig p = pipeline();
  const std::uint64_t before = spec_hash(p);
  p.mutable_stages(0)->set_isolation(v1::StageConfig::ISOLATION_PROCESS);
  EXPECT_EQ(spec_hash(p), before);
  p.mutable_stages(0)->set_on_failure(v1::StageConfig::ON_FAILURE_REJECT);
  EXPECT_EQ(spec_hash(p), before);
  p.mutable_stages(0)->set_on_failure(v1::StageConfig::ON_FAILURE_PASS);
  EXPECT_NE(spec_hash(p), before);
}

TEST(SpecHash, DoesNotDependOnTheOrderOfAggregatesNorHowTheyAreWritten) {
  v1::PipelineConfig p = pipeline();
  v1::AggregatesConfig& aggregates = *p.mutable_windows(0)->mutable_aggregates();
  aggregates.add_plugins()->set_plugin("a");
  aggregates.add_plugins()->set_plugin("b");
  aggregates.mutable_plugins(1)->set_config(R"({"x": 1, "y": 2})");
  const std::uint64_t before = spec_hash(p);
  aggregates.mutable_plugins()->SwapElements(0, 1);
  aggregates.mutable_plugins(0)->set_config(R"({"y":2,"x":1})");
  aggregates.mutable_plugins(1)->set_isolation(v1::StageConfig::ISOLATION_NONE);
  EXPECT_EQ(spec_hash(p), before);
}

// A field added to the schema must be decided about: is it part of the spec?
TEST(SpecHash, KnowsEveryFieldOfAPipeline) {
  const auto fields = [](const google::protobuf::Descriptor* type) {
    std::string names;
    for (int i = 0; i < type->field_count(); ++i) names += type->field(i)->name() + " ";
    return names;
  };
  EXPECT_EQ(fields(v1::PipelineConfig::descriptor()),
            "name match stages windows max_out_of_order_ns idle_timeout_ns reorder_max "
            "key_by ");
  EXPECT_EQ(fields(v1::MatchConfig::descriptor()), "sources measurements labels ");
  EXPECT_EQ(fields(v1::StageConfig::descriptor()), "plugin name config isolation on_failure ");
  EXPECT_EQ(fields(v1::WindowConfig::descriptor()),
            "tumbling_ns hopping offset_ns allowed_lateness_ns expected_every_ns aggregates "
            "sliding session count time_zone early_every_ns empty ");
  EXPECT_EQ(fields(v1::AggregatesConfig::descriptor()),
            "histogram distinct top counter states plugins ");
  EXPECT_EQ(fields(v1::PluginAggregateConfig::descriptor()), "plugin config isolation ");
  EXPECT_EQ(fields(v1::HistogramConfig::descriptor()), "max_size max_scale zero_threshold ");
  EXPECT_EQ(fields(v1::DistinctConfig::descriptor()), "precision ");
  EXPECT_EQ(fields(v1::TopConfig::descriptor()), "capacity ");
  EXPECT_EQ(fields(v1::CounterConfig::descriptor()), "wrap_bits wrap_rate_max ");
  EXPECT_EQ(fields(v1::StatesConfig::descriptor()), "states_max hold_max_ns ");
  EXPECT_EQ(fields(v1::HoppingConfig::descriptor()), "size_ns every_ns ");
  EXPECT_EQ(fields(v1::SlidingConfig::descriptor()), "size_ns every_ns readings_max ");
  EXPECT_EQ(fields(v1::SessionConfig::descriptor()), "gap_ns ");
  EXPECT_EQ(fields(v1::KeyByConfig::descriptor()), "labels ");
}

TEST(ConfigHash, IsThatOfTheDocumentNotOfTheGateway) {
  const v1::Config config = load_ok(minimal(kPipeline));
  const std::uint64_t hash = config_hash(config);
  v1::Config other = config;
  other.mutable_node()->set_name("gw-2");
  other.mutable_storage()->set_quota_bytes(1);
  other.mutable_uplink()->mutable_tls();
  other.mutable_log()->set_level(v1::LogConfig::LEVEL_DEBUG);
  EXPECT_EQ(config_hash(other), hash);

  other = config;
  other.mutable_limits()->set_series_max(5);
  EXPECT_NE(config_hash(other), hash);
  other = config;
  other.mutable_plugins()->set_failures_max(3);
  EXPECT_NE(config_hash(other), hash);
  other = config;
  other.mutable_sources(0)->mutable_mqtt()->mutable_tls();
  EXPECT_NE(config_hash(other), hash);
  other = config;
  other.mutable_pipelines(0)->set_name("q");
  EXPECT_NE(config_hash(other), hash);
  other = config;
  other.mutable_pipelines(0)->mutable_stages(0)->set_config("{}");
  EXPECT_NE(config_hash(other), hash);
}

TEST(ConfigHash, DoesNotDependOnTheOrderOfLabels) {
  const auto with_labels = [](const char* labels) {
    return config_hash(
        load_ok(minimal("pipelines: [{name: p, match: {labels: " + std::string(labels) + "}}]\n")));
  };
  EXPECT_EQ(with_labels("{a: '1', b: '2', c: '3'}"), with_labels("{c: '3', b: '2', a: '1'}"));
  EXPECT_NE(with_labels("{a: '1', b: '2'}"), with_labels("{a: '2', b: '1'}"));
}

}  // namespace
}  // namespace sluice
