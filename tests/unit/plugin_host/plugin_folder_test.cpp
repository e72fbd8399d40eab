#include "plugin_host/plugin_folder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/clock.h"

namespace sluice {
namespace {

class PluginFolder : public ::testing::Test {
 protected:
  PluginFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sluice-plugins-XXXXXX");
    dir_ = mkdtemp(pattern.data());
  }
  ~PluginFolder() override { std::filesystem::remove_all(dir_); }
  void write(const std::string& name, const std::string& bytes) {
    std::ofstream(dir_ + "/" + name, std::ios::binary) << bytes;
  }
  std::string dir_;
};

Result<std::vector<PluginFile>> list(const std::string& dir) {
  return list_plugins(dir, [&](const std::string& name) { return describe_plugin(dir, name); });
}

TEST_F(PluginFolder, ListsGoodAndBadFilesAndSkipsOthers) {
  std::filesystem::copy_file(BAD_PLUGIN_DIR "/plain_c.so", dir_ + "/plain_c.so");
  std::filesystem::copy_file(BAD_PLUGIN_DIR "/plain_c.so", dir_ + "/renamed.so");
  write("empty.so", "");
  write("text.so", "#!/bin/sh\n");
  write("notes.txt", "x");
  const auto files = list(dir_);
  ASSERT_TRUE(files.ok());
  ASSERT_EQ(files->size(), 4u);
  EXPECT_EQ((*files)[0].name, "empty");
  EXPECT_FALSE((*files)[0].status.ok());
  EXPECT_EQ((*files)[1].name, "plain_c");
  EXPECT_TRUE((*files)[1].status.ok());
  EXPECT_EQ((*files)[1].metadata.version, "0.9");
  EXPECT_NE((*files)[2].status.message().find("it calls itself \"plain_c\""), std::string::npos);
  EXPECT_NE((*files)[3].status.message().find("text.so"), std::string::npos);
}

TEST_F(PluginFolder, TellsAMissingFolderFromAnEmptyOne) {
  EXPECT_TRUE(list(dir_)->empty());
  EXPECT_EQ(list(dir_ + "/none").status().code(), StatusCode::not_found);
}

// Its constructors try to write a file and to fork.
TEST_F(PluginFolder, LooksAtAHostilePluginWithoutRunningItHere) {
  IsolationOptions isolation;
  isolation.program = PLUGIN_HOST_PROGRAM;
  const auto metadata = describe_isolated(isolation, HOSTILE_PLUGIN_DIR, "hostile", SystemClock());
  ASSERT_TRUE(metadata.ok()) << metadata.status().to_string();
  EXPECT_EQ(metadata->version, "6.6.6");
  EXPECT_FALSE(std::filesystem::exists("/tmp/sluice-hostile"));
}

TEST_F(PluginFolder, DescribesAnAggregateAlikeHereAndInAProcessOfItsOwn) {
  IsolationOptions isolation;
  isolation.program = PLUGIN_HOST_PROGRAM;
  const auto here = describe_plugin(BAD_PLUGIN_DIR, "thrower_aggregate");
  const auto there =
      describe_isolated(isolation, BAD_PLUGIN_DIR, "thrower_aggregate", SystemClock());
  ASSERT_TRUE(here.ok() && there.ok()) << here.status().to_string() << there.status().to_string();
  for (const auto& aggregate : {here->aggregate, there->aggregate}) {
    ASSERT_TRUE(aggregate.has_value());
    EXPECT_EQ(aggregate->description, "Throws.");
    EXPECT_EQ(aggregate->config_schema, here->aggregate->config_schema);
    ASSERT_EQ(aggregate->results.size(), 2u);
    EXPECT_EQ(aggregate->results[1].name, "last_s");
    EXPECT_EQ(aggregate->results[1].unit, "s");
    EXPECT_EQ(aggregate->results[1].description, "The latest time.");
  }
  EXPECT_FALSE(describe_plugin(BAD_PLUGIN_DIR, "plain_c")->aggregate);
}

}  // namespace
}  // namespace sluice
