#include "schema/config_reader.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "example.h"

namespace sluice {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

TEST(ConfigReader, FillsInEveryDefaultOfASectionThatWasNotWritten) {
  const v1::Config config = load_ok(minimal("pipelines: [{name: p}]\n"));
  EXPECT_EQ(config.node().name(), "gw-1");
  EXPECT_EQ(config.node().run_dir(), "/run/sluice");
  EXPECT_EQ(config.storage().dir(), "/var/lib/sluice");
  EXPECT_EQ(config.storage().quota_bytes(), 512u << 20);
  EXPECT_EQ(config.storage().commit_interval_ns(), 250'000'000);
  EXPECT_TRUE(config.uplink().gzip());
  EXPECT_EQ(config.uplink().backoff_max_ns(), 60 * kSecondNs);
  EXPECT_EQ(config.uplink().unacked_bytes_max(), 1u << 20);
  EXPECT_EQ(config.log().level(), v1::LogConfig::LEVEL_INFO);
  EXPECT_EQ(config.log().format(), v1::LogConfig::FORMAT_LOGFMT);
  EXPECT_EQ(config.plugins().dir(), "/usr/lib/sluice/plugins");
  EXPECT_EQ(config.limits().series_max(), 10000u);
  EXPECT_EQ(config.limits().payload_bytes_max(), 256u << 10);
  const auto& mqtt = config.sources(0).mqtt();
  EXPECT_EQ(mqtt.version(), v1::MqttConfig::VERSION_5);
  EXPECT_EQ(mqtt.topics(0).qos(), 1u);
  EXPECT_EQ(mqtt.session_expiry_ns(), 7 * 86400 * kSecondNs);
  EXPECT_EQ(mqtt.receive_max(), 1000u);
  EXPECT_EQ(mqtt.retained(), v1::MqttConfig::RETAINED_REJECT);
  EXPECT_EQ(mqtt.health_prefix(), "sluice");
  EXPECT_TRUE(config.sources(0).has_decode());
  EXPECT_EQ(config.sources(0).decode().time_format(), v1::DecodeConfig::TIME_FORMAT_ARRIVAL);
  EXPECT_TRUE(config.pipelines(0).has_match());
  EXPECT_EQ(config.pipelines(0).idle_timeout_ns(), 300 * kSecondNs);
  EXPECT_EQ(config.pipelines(0).max_out_of_order_ns(), 0);
}

TEST(ConfigReader, LeavesTlsUnsetUnlessItIsWritten) {
  const v1::Config without = load_ok(minimal());
  EXPECT_FALSE(without.uplink().has_tls());
  EXPECT_FALSE(without.sources(0).mqtt().has_tls());
  EXPECT_TRUE(load_ok(minimal("uplink: {tls: {}}\n")).uplink().has_tls());
}

TEST(ConfigReader, TakesOtherKeysNamesFromTheKeysTheyDefaultTo) {
  const v1::Config config = load_ok(std::string(kNode) + R"(
sources:
  - name: air
    mqtt: {url: tcp://h:1883, topics: [{pattern: a}]}
    decode:
      fields:
        - {pointer: /a~1b/co~02}
        - {pointer: /x, measurement: y}
pipelines:
  - name: p
    stages: [{plugin: range}, {plugin: range, name: again}]
)");
  EXPECT_EQ(config.sources(0).decode().fields(0).measurement(), "co~2");
  EXPECT_EQ(config.sources(0).decode().fields(1).measurement(), "y");
  EXPECT_EQ(config.pipelines(0).stages(0).name(), "range");
  EXPECT_EQ(config.pipelines(0).stages(0).config(), "{}");
  EXPECT_EQ(config.pipelines(0).stages(1).name(), "again");
}

TEST(ConfigReader, ReadsTheMqttVersionWithAndWithoutQuotes) {
  const auto version = [](const char* written) {
    return load_ok(
               std::string(kNode) +
               "sources: [{name: a, mqtt: {url: 'tcp://h:1', topics: [{pattern: a}], version: " +
               written + "}}]\n")
        .sources(0)
        .mqtt()
        .version();
  };
  EXPECT_EQ(version("5"), v1::MqttConfig::VERSION_5);
  EXPECT_EQ(version("\"5\""), v1::MqttConfig::VERSION_5);
  EXPECT_EQ(version("3.1.1"), v1::MqttConfig::VERSION_3_1_1);
  EXPECT_EQ(version("'3.1.1'"), v1::MqttConfig::VERSION_3_1_1);
}

TEST(ConfigReader, GivesPluginsTheirConfigAsJson) {
  const v1::Config config = load_ok(minimal(R"(
pipelines:
  - name: p
    stages:
      - plugin: range
        config:
          min: -40
          max: 85.50
          id: "007"
          flag: true
          none: ~
          word: yes
          costs: $${5}
          list: [1, two, {three: 3}]
)"));
  EXPECT_EQ(config.pipelines(0).stages(0).config(),
            R"({"min":-40,"max":85.50,"id":"007","flag":true,"none":null,"word":"yes",)"
            R"("costs":"${5}","list":[1,"two",{"three":3}]})");
}

TEST(ConfigReader, ReportsAllErrorsInTheOrderOfTheFile) {
  const LoadResult result = load_config_text(
      "uplink: {hub: nowhere}\nlimits: {series_max: x, payload_max: y}\nnode: {name: 'a b'}\n",
      "test.yaml", {});
  EXPECT_EQ(
      errors_of(result),
      "test.yaml:1:1: sources: missing; expected a list of 1 to 64 mappings with the keys "
      "name, mqtt, decode\n"
      "test.yaml:1:15: uplink.hub: expected host:port, such as \"hub.example.com:7443\" or "
      "\"[2001:db8::1]:7443\", with a port from 1 to 65535, got \"nowhere\"\n"
      "test.yaml:2:22: limits.series_max: expected a whole number between 1 and 1000000, got "
      "\"x\"\n"
      "test.yaml:2:38: limits.payload_max: expected a size such as \"64KiB\", \"16MiB\" "
      "between 64 and 16MiB, got \"y\"\n"
      "test.yaml:3:14: node.name: expected a name of 1 to 64 letters, digits, \".\", \"_\" or "
      "\"-\", got \"a b\"\n");
}

TEST(ConfigReader, StopsListingAfterFiftyErrorsAndCountsTheRest) {
  std::string text = minimal("pipelines:\n");
  for (int i = 0; i < 60; ++i) text += "  - {name: p" + std::to_string(i) + ", wrong: 1}\n";
  const LoadResult result = load_config_text(text, "test.yaml", {});
  EXPECT_EQ(result.errors.size(), 50u);
  EXPECT_EQ(result.errors_left_out, 10u);
  EXPECT_EQ(result.errors.front().key_path, "pipelines[0].wrong");
  EXPECT_EQ(result.errors.back().key_path, "pipelines[49].wrong");
}

TEST(ConfigReader, DoesNotBlameOneMistakeOnAnotherKey) {
  // A badly formed source name still resolves, so that only the name is reported.
  const std::string error =
      load_error(std::string(kNode) +
                 "sources: [{name: 'a b', mqtt: {url: 'tcp://h:1', topics: [{pattern: a}]}}]\n"
                 "pipelines: [{name: p, match: {sources: ['a b']}}]\n");
  EXPECT_TRUE(contains(error, "sources[0].name")) << error;
}

TEST(ConfigReader, AnEmptyFileLacksWhatIsRequired) {
  for (const char* text : {"", "# nothing\n", "---\n", "{}\n", "\xEF\xBB\xBF"}) {
    const LoadResult result = load_config_text(text, "empty.yaml", {});
    ASSERT_EQ(result.errors.size(), 2u) << errors_of(result);
    EXPECT_EQ(result.errors[0].key_path, "node");
    EXPECT_EQ(result.errors[1].key_path, "sources");
  }
}

TEST(ConfigReader, ReadsWindowsLineEndsAndAByteOrderMark) {
  std::string text = "\xEF\xBB\xBF";
  for (const char c : minimal()) text += c == '\n' ? "\r\n" : std::string(1, c);
  EXPECT_EQ(load_ok(text).SerializeAsString(), load_ok(minimal()).SerializeAsString());
}

// --- a document for a running node ---

TEST(ConfigDocument, TakesItsLocalSectionsFromTheNode) {
  const v1::Config local = load_ok(minimal("storage: {quota: 64MiB}\n"));
  const std::string text =
      "sources: [{name: s, mqtt: {url: \"tcp://h:1883\", topics: [{pattern: t}]}}]\n"
      "pipelines: [{name: p}]\n";
  const LoadResult result = load_document(text, "push", {}, local);
  EXPECT_EQ(errors_of(result), "");
  EXPECT_EQ(result.config.node().name(), "gw-1");
  EXPECT_EQ(result.config.storage().quota_bytes(), 64u << 20);
  EXPECT_EQ(client_id(result.config, result.config.sources(0)), "sluice-gw-1-s");
  EXPECT_EQ(result.config.pipelines_size(), 1);
}

TEST(ConfigDocument, MaySayOfTheNodeWhatIsTrue) {
  const std::string text = minimal("storage: {quota: 64MiB}\npipelines: [{name: p}]\n");
  const v1::Config local = load_ok(text);
  EXPECT_EQ(errors_of(load_document(text, "push", {}, local)), "");
  const std::string other = minimal("storage: {quota: 65MiB}\npipelines: [{name: p}]\n");
  const std::string all = errors_of(load_document(other, "push", {}, local));
  EXPECT_NE(all.find(": storage: differs from what the node runs with"), std::string::npos) << all;
  EXPECT_EQ(all.find("push:"), 0u) << all;
}

TEST(ConfigDocument, HasItsEnvironmentFromWhoeverAsks) {
  const std::string text = minimal("uplink: {hub: \"${HUB}\"}\n");
  LoadResult here = load_config_text(text, "f", {{"HUB", "h:1"}});
  ASSERT_TRUE(here.ok());
  EXPECT_EQ(errors_of(load_document(text, "f", {{"HUB", "h:1"}}, here.config)), "");
  EXPECT_NE(errors_of(load_document(text, "push", {}, here.config)).find("HUB"), std::string::npos);
}

TEST(ConfigDocument, IsNoListAndNotEmpty) {
  const v1::Config local = load_ok(minimal("pipelines: [{name: p}]\n"));
  EXPECT_NE(errors_of(load_document("[1]", "push", {}, local)), "");
  const std::string all = errors_of(load_document("", "push", {}, local));
  EXPECT_NE(all.find("sources"), std::string::npos) << all;
  EXPECT_EQ(all.find("node"), std::string::npos) << all;
}

class ConfigFile : public ::testing::Test {
 protected:
  ConfigFile() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-schema-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~ConfigFile() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(ConfigFile, IsReadAndNamedInErrorsAsGiven) {
  const std::string path = (folder_ / "sluice.yaml").string();
  std::ofstream(path) << minimal();
  EXPECT_TRUE(load_config_file(path, {}).ok());
  std::ofstream(path) << "node: 5\n";
  const LoadResult result = load_config_file(path, {});
  ASSERT_FALSE(result.ok());
  EXPECT_TRUE(result.errors[0].to_string().starts_with(path + ":1:")) << errors_of(result);
}

TEST_F(ConfigFile, ThatCannotBeReadIsOneErrorWithTheSystemsReason) {
  const std::string missing = (folder_ / "missing.yaml").string();
  EXPECT_EQ(errors_of(load_config_file(missing, {})),
            missing + ": cannot be opened: No such file or directory\n");
  EXPECT_EQ(errors_of(load_config_file(folder_.string(), {})),
            folder_.string() + ": cannot be read: Is a directory\n");
}

TEST_F(ConfigFile, LargerThanAMebibyteIsRefusedWithoutBeingParsed) {
  const std::string path = (folder_ / "large.yaml").string();
  std::ofstream(path) << minimal() << std::string(2 << 20, '#');
  EXPECT_EQ(errors_of(load_config_file(path, {})), path + ": larger than 1 MiB\n");
}

TEST(ConfigReader, TakesTheProcessEnvironmentAsItIs) {
  ASSERT_EQ(setenv("SLUICE_SCHEMA_TEST", "a=b", 1), 0);
  const Environment environment = process_environment();
  ASSERT_EQ(unsetenv("SLUICE_SCHEMA_TEST"), 0);
  EXPECT_EQ(environment.at("SLUICE_SCHEMA_TEST"), "a=b");
}

}  // namespace
}  // namespace sluice
