#include "node/compose.h"

#include <gtest/gtest.h>

#include "schema/config_reader.h"

namespace sluice {
namespace {

constexpr char kConfig[] = R"(
node: {name: gw1}
plugins: {dir: "@"}
sources:
  - name: plant
    mqtt:
      url: tcp://127.0.0.1:1883
      topics:
        - pattern: "site/{site}/a"
        - pattern: "site/+/b"
          qos: 0
pipelines:
  - name: p
    match: {sources: [plant], measurements: ["t*"]}
    stages:
      - plugin: range
        config: {min: 0}
    windows:
      - tumbling: 10s
    max_out_of_order: 2s
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

v1::Config config(const std::string& from = "min: 0", const std::string& to = "min: 0") {
  const std::string text = replaced(replaced(kConfig, "@", SLUICE_PLUGIN_DIR), from, to);
  const LoadResult loaded = load_config_text(text, "test.yaml", {});
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.to_string();
  return loaded.config;
}

TEST(Compose, TurnsTheConfigIntoWhatTheRoomsWant) {
  const auto sources = compose_sources(config());
  ASSERT_TRUE(sources.ok()) << sources.status().to_string();
  const SourceOptions& source = (*sources)[0];
  EXPECT_EQ(source.client_id, "sluice-gw1-plant");
  ASSERT_EQ(source.filters.size(), 2u);
  EXPECT_EQ(source.filters[0], (TopicFilter{"site/+/a", 1}));
  EXPECT_EQ(source.filters[1], (TopicFilter{"site/+/b", 0}));
  SeriesTable series(10);
  const auto pipelines = compose_pipelines(config(), series);
  ASSERT_EQ(pipelines.size(), 1u);
  EXPECT_EQ(pipelines[0].parked, "");
  EXPECT_EQ(pipelines[0].window_ns, 10'000'000'000);
  EXPECT_EQ(pipelines[0].max_out_of_order_ns, 2'000'000'000);
  EXPECT_EQ(pipelines[0].stages.size(), 1u);
  EXPECT_TRUE(check_composition(config()).empty());
}

TEST(Compose, ParksAPipelineWhosePluginIsMissingOrBadlyConfigured) {
  SeriesTable series(10);
  const auto missing = compose_pipelines(config("plugin: range", "plugin: nosuch"), series);
  EXPECT_NE(missing[0].parked.find("nosuch.so"), std::string::npos) << missing[0].parked;
  const auto wrong = compose_pipelines(config("min: 0", "min: cold"), series);
  EXPECT_NE(wrong[0].parked.find("pipelines[0].stages[0]"), std::string::npos) << wrong[0].parked;
  EXPECT_NE(wrong[0].parked.find("min"), std::string::npos) << wrong[0].parked;
}

TEST(Compose, RefusesPatternsThatWouldDeliverTwice) {
  const auto sources = compose_sources(config("site/{site}/a", "+/x/b"));
  ASSERT_FALSE(sources.ok());
  EXPECT_NE(sources.status().message().find("sources[0].mqtt.topics"), std::string::npos)
      << sources.status().to_string();
}

TEST(Compose, RefusesAPatternThatAnEarlierOneLeavesNothing) {
  for (const char* wide : {"site/#", "site/{place}/b"}) {
    const auto sources = compose_sources(config("site/{site}/a", wide));
    ASSERT_FALSE(sources.ok()) << wide;
    const std::string error = sources.status().to_string();
    EXPECT_NE(error.find("sources[0].mqtt.topics[1].pattern: never matches"), std::string::npos)
        << error;
    EXPECT_NE(error.find(wide), std::string::npos) << error;
  }
  EXPECT_TRUE(compose_sources(config("site/+/b", "site/#")).ok()) << "the narrower one first";
}

TEST(Compose, TellsTheRoomsWhatARetainedMessageAndAnArrivalMean) {
  const std::string url = "url: tcp://127.0.0.1:1883";
  for (const bool accept : {false, true}) {
    const v1::Config made =
        config(url, url + (accept ? "\n      retained: accept\n      broker_loss: off" : ""));
    const auto sources = compose_sources(made);
    ASSERT_TRUE(sources.ok());
    EXPECT_EQ((*sources)[0].accept_retained, accept);
    EXPECT_EQ((*sources)[0].watch_broker_drops, !accept);
    EXPECT_EQ(compose_source_specs(made)[0].accept_retained, accept);
    EXPECT_TRUE(compose_source_specs(made)[0].arrival_stamped);
  }
  const v1::Config stamped =
      config("pipelines:", "    decode: {time: /t, time_format: s}\npipelines:");
  EXPECT_FALSE(compose_source_specs(stamped)[0].arrival_stamped);
}

}  // namespace
}  // namespace sluice
