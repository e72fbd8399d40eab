#include "schema/yaml_walk.h"

#include "example.h"

namespace sluice::schema {
namespace {

TEST(YamlWalk, GoesOnAfterAnErrorAndKeepsIndicesRight) {
  KeyPlaces places;
  ErrorList errors("t");
  auto root = parse_yaml("pipelines:\n  - 5\n  - {name: p, windows: [{tumbling: x}]}\n", errors);
  ASSERT_TRUE(root);
  v1::Config config;
  fill_config(*root, {}, config, places, errors);
  ASSERT_EQ(config.pipelines_size(), 2);
  EXPECT_EQ(config.pipelines(1).name(), "p");
  std::string paths;
  for (const auto& error : errors.take()) paths += error.key_path + " ";
  EXPECT_EQ(paths, "node sources pipelines[0] pipelines[1].windows[0].tumbling ");
}

TEST(YamlWalk, TakesQuotesAsNoPartOfATypedValue) {
  const v1::Config config =
      load_ok(minimal("limits: {series_max: '5', payload_max: \"64KiB\"}\nuplink: {gzip: 'false'}\n"
                      "log: {level: \"warn\"}\n"));
  EXPECT_EQ(config.limits().series_max(), 5u);
  EXPECT_EQ(config.limits().payload_bytes_max(), 65536u);
  EXPECT_FALSE(config.uplink().gzip());
  EXPECT_EQ(config.log().level(), v1::LogConfig::LEVEL_WARN);
}

TEST(YamlWalk, ReadsTextAsWrittenWhateverItLooksLike) {
  const v1::Config config =
      load_ok("node: {name: 010}\n" + std::string(kSources) +
              "pipelines: [{name: 1.50, match: {measurements: [yes, 5], labels: {no: 007}}}]\n");
  EXPECT_EQ(config.node().name(), "010");
  EXPECT_EQ(config.pipelines(0).name(), "1.50");
  EXPECT_EQ(config.pipelines(0).match().measurements(0), "yes");
  EXPECT_EQ(config.pipelines(0).match().labels().at("no"), "007");
}

TEST(YamlWalk, RefusesAPluginConfigThatIsTooLarge) {
  const std::string error =
      load_error(minimal("pipelines: [{name: p, stages: [{plugin: x, config: {a: '" +
                         std::string(70000, 'x') + "'}}]}]\n"));
  EXPECT_TRUE(contains(error, "pipelines[0].stages[0].config: longer than 65536 bytes as JSON"));
}

}  // namespace
}  // namespace sluice::schema
