#include "schema/config_writer.h"

#include <google/protobuf/util/message_differencer.h>

#include "example.h"

namespace sluice {
namespace {

void expect_round_trip(const v1::Config& config) {
  const std::string text = write_config(config);
  const LoadResult again = load_config_text(text, "written.yaml", {});
  ASSERT_TRUE(again.ok()) << errors_of(again) << text;
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(config, again.config)) << text;
  EXPECT_EQ(write_config(again.config), text);
}

TEST(ConfigWriter, WritesWhatIsInForce) {
  const std::string text = write_config(load_ok(minimal("pipelines: [{name: p}]\n")));
  EXPECT_TRUE(text.starts_with("node:\n  name: \"gw-1\"\n  run_dir: \"/run/sluice\"\nstorage:\n"));
  for (const char* line : {"\n  quota: 512MiB\n", "\n  commit_interval: 250ms\n",
                           "\n  gzip: true\n", "\n  level: info\n", "\n      version: 5\n",
                           "\n        - pattern: ", "\n    max_out_of_order: 0s\n"}) {
    EXPECT_TRUE(contains(text, line)) << line << "in\n" << text;
  }
}

TEST(ConfigWriter, IsReadBackAsTheSameConfig) {
  expect_round_trip(load_ok(minimal()));
  expect_round_trip(load_ok(minimal(R"(
uplink: {hub: '[::1]:7443', tls: {}, gzip: false, backoff_max: 90s}
storage: {dir: "/var/\"quoted\" $${dollar} é #", quota: 8388609}
pipelines:
  - name: p
    match:
      sources: [air]
      measurements: ["*temp*", "$${x}", "{y}", "#"]
      labels: {site: "a b", "odd: key": "5", "$${k}": "$${v}"}
    stages:
      - plugin: range
        config: {min: -40, max: 8.50e1, t: "$${not a variable}", "$${key}": [~, true, {a: "\n"}]}
      - {plugin: scale, name: again}
    windows: [{tumbling: 90s}]
    max_out_of_order: 1ns
)")));
}

TEST(ConfigWriter, KeepsAnEmptyTextThatIsNotTheDefault) {
  v1::Config config = load_ok(minimal());
  config.mutable_sources(0)->mutable_mqtt()->clear_health_prefix();
  EXPECT_TRUE(contains(write_config(config), "\n      health_prefix: \"\"\n"));
  expect_round_trip(config);
}

TEST(ConfigWriter, KeepsATlsSectionThatIsEmpty) {
  const v1::Config config = load_ok(minimal("uplink: {tls: {}}\n"));
  EXPECT_TRUE(contains(write_config(config), "\n  tls: {}\n"));
}

}  // namespace
}  // namespace sluice
