#include "plugin_host/plugin_library.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace sluice {
namespace {

std::string error_of(const std::string& name, const std::string& dir = BAD_PLUGIN_DIR) {
  const auto library = PluginLibrary::open(dir, name);
  return library.ok() ? "loaded" : library.status().to_string();
}

TEST(PluginLibrary, LoadsAPluginWrittenInPlainC) {
  const auto library = PluginLibrary::open(BAD_PLUGIN_DIR, "plain_c");
  ASSERT_TRUE(library.ok()) << library.status().to_string();
  const PluginMetadata& m = (*library)->metadata();
  EXPECT_EQ(m.name, "plain_c");
  EXPECT_EQ(m.version, "0.9");
  EXPECT_EQ(m.rules, std::vector<std::string>{"odd"});
  EXPECT_TRUE(m.deterministic);
  EXPECT_FALSE(m.ordered);
}

TEST(PluginLibrary, SaysWhatIsWrongWithAFileThatIsNoPluginForIt) {
  const std::pair<const char*, const char*> kCases[] = {
      {"wrong_abi", "wrong_abi.so: built for plugin ABI 2, expected 1"},
      {"no_entry", "no_entry.so: exports no sluice_plugin_entry"},
      {"null_entry", "sluice_plugin_entry returned NULL"},
      {"small_struct", "bytes, expected at least"},
      {"other_name", "it calls itself \"somebody_else\", expected \"other_name\""},
      {"no_version", "it has no version"},
      {"bad_schema", "its config_schema: not JSON"},
      {"loose_schema", "the keyword \"pattern\" is not checked"},
      {"rule_twice", "the rule \"one\" twice"},
      {"bad_rule", "its rule 1 has no name"},
      {"no_rules", "it has 2 rules, expected at most 64 and a list"},
      {"no_process", "create, destroy or process is NULL"},
      {"only_snapshot", "only one of snapshot and restore"},
  };
  for (const auto& [name, expected] : kCases) {
    const std::string error = error_of(name);
    EXPECT_NE(error.find("failed_precondition"), std::string::npos) << name << ": " << error;
    EXPECT_NE(error.find(expected), std::string::npos) << name << ": " << error;
    EXPECT_NE(error.find(std::string(name) + ".so"), std::string::npos) << error;
  }
}

TEST(PluginLibrary, NamesThePluginsThereAreWhenOneIsMissing) {
  const std::string error = error_of("rnage");
  EXPECT_NE(error.find("not_found: no plugin \"rnage\""), std::string::npos) << error;
  EXPECT_NE(error.find("liar, "), std::string::npos) << error;
  EXPECT_NE(error_of("range", "/no/such/folder").find("/no/such/folder"), std::string::npos);
}

// A GNU unique symbol, say, would keep it there for ever, and no new version could take its place.
TEST(PluginLibrary, LeavesMemoryWithItsLastUser) {
  const auto is_mapped = [](const std::string& path) {
    std::ifstream maps("/proc/self/maps");
    const std::string text(std::istreambuf_iterator<char>(maps), {});
    return text.find(path) != std::string::npos;
  };
  const auto names = plugin_names(PLUGIN_DIR);
  ASSERT_TRUE(names.ok() && !names->empty());
  for (const std::string& name : *names) {
    const std::string file = "/" + name + ".so";
    {
      const auto one = PluginLibrary::open(PLUGIN_DIR, name);
      const auto other = PluginLibrary::open(PLUGIN_DIR, name);
      ASSERT_TRUE(one.ok() && other.ok()) << name;
      EXPECT_TRUE(is_mapped(file)) << name;
    }
    EXPECT_FALSE(is_mapped(file)) << name;
  }
}

TEST(PluginLibrary, RefusesNamesThatLeaveTheFolder) {
  for (const char* name : {"", "../plain_c", "/etc/passwd", ".hidden", "a b", "x\n"}) {
    EXPECT_NE(error_of(name).find("invalid_argument"), std::string::npos) << name;
  }
  EXPECT_NE(error_of(std::string(65, 'a')).find("invalid_argument"), std::string::npos);
}

class CutPluginFile : public ::testing::Test {
 protected:
  CutPluginFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sluice-plugins-XXXXXX");
    dir_ = mkdtemp(pattern.data());
  }
  ~CutPluginFile() override { std::filesystem::remove_all(dir_); }
  void write(const std::string& name, const std::string& bytes) {
    std::ofstream(dir_ + "/" + name, std::ios::binary) << bytes;
  }
  std::string dir_;
};

TEST_F(CutPluginFile, RefusesACutFile) {
  std::ifstream in(BAD_PLUGIN_DIR "/plain_c.so", std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  ASSERT_GT(whole.size(), 4000u);
  for (const std::size_t size : {0u, 1u, 16u, 63u}) {
    write("plain_c.so", whole.substr(0, size));
    EXPECT_NE(error_of("plain_c", dir_).find("cannot be loaded"), std::string::npos) << size;
  }
  // With its headers whole the loader would map what is not there, and touch it.
  std::size_t refused = 0;
  for (std::size_t size = 64; size < whole.size(); size += 100) {
    write("plain_c.so", whole.substr(0, size));
    const std::string error = error_of("plain_c", dir_);
    const bool cut = error.find("plain_c.so: the file is cut short: it has " +
                                std::to_string(size)) != std::string::npos;
    EXPECT_TRUE(cut || error == "loaded") << size << ": " << error;
    refused += cut ? 1 : 0;
  }
  EXPECT_GT(refused, whole.size() / 300) << "a good part is code and data";
}

}  // namespace
}  // namespace sluice
