// The files people start from: config/sluice.yaml and config/demo.yaml.
#include <fstream>
#include <set>
#include <sstream>

#include "example.h"
#include "schema/config_writer.h"
#include "schema/schema_fields.h"
#include "schema/yaml_tree.h"

namespace sluice {
namespace {

const std::string kConfigFolder = SLUICE_SOURCE_DIR "/config/";

std::string read(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

/// Every key path of the schema with its lists' indices left out.
void collect_keys(const schema::Descriptor& type, const std::string& path,
                  std::set<std::string>& out) {
  for (int i = 0; i < type.field_count(); ++i) {
    const auto& field = *type.field(i);
    const std::string key = schema::child_path(path, schema::yaml_key(field));
    out.insert(key);
    if (!field.is_map() && field.cpp_type() == schema::FieldDescriptor::CPPTYPE_MESSAGE) {
      collect_keys(*field.message_type(), key, out);
    }
  }
}

/// The key paths a file writes, below plugins' configs not.
void collect_written(const schema::YamlNode& node, const std::string& path,
                     std::set<std::string>& out) {
  for (const auto& item : node.items) collect_written(item, path, out);
  for (const auto& entry : node.entries) {
    const std::string key = schema::child_path(path, entry.key);
    out.insert(key);
    collect_written(entry.value, key, out);
  }
}

/// The text with `#key: value` lines turned into `key: value`; prose comments begin with "# ".
std::string uncommented(const std::string& text) {
  std::istringstream in(text);
  std::string out;
  for (std::string line; std::getline(in, line);) {
    const std::size_t at = line.find_first_not_of(' ');
    if (at != std::string::npos && line[at] == '#' && at + 1 < line.size() && line[at + 1] != ' ') {
      line.erase(at, 1);
    }
    out += line + "\n";
  }
  return out;
}

TEST(ConfigFiles, TheAnnotatedFileLoadsAsShipped) {
  const LoadResult result = load_config_file(kConfigFolder + "sluice.yaml", {});
  EXPECT_TRUE(result.ok()) << errors_of(result);
}

TEST(ConfigFiles, TheAnnotatedFileHasEveryKeyOfTheSchema) {
  const std::string text = uncommented(read(kConfigFolder + "sluice.yaml"));
  const LoadResult result = load_config_text(text, "sluice.yaml with all keys", {});
  EXPECT_TRUE(result.ok()) << errors_of(result);
  schema::ErrorList errors("sluice.yaml");
  const auto root = schema::parse_yaml(text, errors);
  ASSERT_TRUE(root);
  std::set<std::string> keys;
  std::set<std::string> written;
  collect_keys(*v1::Config::descriptor(), "", keys);
  keys.erase("sources.mqtt.tls.server_name");  // refused there: the uplink's own
  collect_written(*root, "", written);
  for (const auto& key : keys) EXPECT_TRUE(written.contains(key)) << key << " is not in the file";
}

// README shows this mistake and its error.
TEST(ConfigFiles, TheReadmesErrorIsTheTrueOne) {
  std::string text = read(kConfigFolder + "sluice.yaml");
  replace_all(text, "- tumbling: 1m\n", "- tumbling: 1 minute\n");
  const LoadResult result = load_config_text(text, "sluice.yaml", {});
  ASSERT_EQ(result.errors.size(), 1u) << errors_of(result);
  const std::string error = result.errors.front().to_string();
  EXPECT_TRUE(contains(read(SLUICE_SOURCE_DIR "/README.md"), "    " + error + "\n")) << error;
}

// Local sections are shown with their defaults, so a default changed in the schema must change
// here.
TEST(ConfigFiles, TheAnnotatedFileStatesTheTrueDefaults) {
  const LoadResult shipped = load_config_file(kConfigFolder + "sluice.yaml", {});
  ASSERT_TRUE(shipped.ok());
  const v1::Config defaults = load_ok(minimal());
  EXPECT_EQ(shipped.config.storage().SerializeAsString(), defaults.storage().SerializeAsString());
  EXPECT_EQ(shipped.config.uplink().SerializeAsString(), defaults.uplink().SerializeAsString());
  EXPECT_EQ(shipped.config.log().SerializeAsString(), defaults.log().SerializeAsString());
  EXPECT_EQ(shipped.config.plugins().SerializeAsString(), defaults.plugins().SerializeAsString());
  EXPECT_EQ(shipped.config.limits().SerializeAsString(), defaults.limits().SerializeAsString());
}

TEST(ConfigFiles, TheDemoLoadsOnceItsTokensAreFilledIn) {
  std::string text = read(kConfigFolder + "demo.yaml");
  EXPECT_FALSE(load_config_text(text, "demo.yaml", {}).ok())
      << "the tokens must not load as they are";
  for (const auto& [token, value] :
       std::vector<std::pair<std::string, std::string>>{{"@MQTT_PORT@", "1883"},
                                                        {"@HUB_PORT@", "7443"},
                                                        {"@STATE@", "/tmp/demo"},
                                                        {"@PLUGINS@", "/usr/lib/sluice/plugins"}}) {
    EXPECT_TRUE(contains(text, token)) << token;
    replace_all(text, token, value);
  }
  EXPECT_FALSE(contains(text, "@"));
  const LoadResult result = load_config_text(text, "demo.yaml", {});
  ASSERT_TRUE(result.ok()) << errors_of(result);
  EXPECT_GE(result.config.sources_size(), 3);
  EXPECT_EQ(result.config.pipelines_size(), result.config.sources_size());
  EXPECT_EQ(result.config.storage().quota_bytes(), 64u << 20);
  EXPECT_EQ(result.config.storage().commit_interval_ns(), 100'000'000);
  const LoadResult again = load_config_text(write_config(result.config), "written.yaml", {});
  EXPECT_TRUE(again.ok()) << errors_of(again);
}

}  // namespace
}  // namespace sluice
