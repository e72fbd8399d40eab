#include "plugin_host/host_process.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "plugin_host/plugin_stage.h"

namespace sluice {
namespace {

/// A process that keeps no rule, in place of sluice-plugin-host. The lie is the plugin's name.
class GarbageHost : public ::testing::Test {
 protected:
  GarbageHost() {
    std::string pattern = ::testing::TempDir() + "sluice-garbage-XXXXXX";
    dir_ = mkdtemp(pattern.data());
    isolation_.program = GARBAGE_HOST;
    isolation_.limits.deadline = std::chrono::milliseconds(500);
  }
  ~GarbageHost() override { std::filesystem::remove_all(dir_); }

  Result<std::unique_ptr<Stage>> make(const std::string& lie) {
    std::ofstream(dir_ + "/" + lie + ".so") << "not looked at";
    StageOptions options{.dir = dir_,
                         .plugin = lie,
                         .stage = "",
                         .config_json = "",
                         .pipeline = "room",
                         .where = "here",
                         .series = table_};
    options.isolation = &isolation_;
    options.clock = &clock_;
    return make_stage(options);
  }

  std::string dir_;
  SeriesTable table_{100};
  SeriesId series_ = table_.intern({"m", "", {}});
  SystemClock clock_;
  IsolationOptions isolation_;
};

TEST_F(GarbageHost, IsRefusedWhenItSaysNonsenseOfThePlugin) {
  const std::pair<const char*, const char*> kCases[] = {
      {"noise_first", "a malformed message"},  {"noise_metadata", "a malformed message"},
      {"gone", "its process exited with 0"},   {"long_name", "it has no name of 1..64 bytes"},
      {"bad_rule", "its rule 0 has no name"},  {"bad_schema", "config_schema"},
      {"noise_traits", "a malformed message"},
  };
  for (const auto& [lie, expected] : kCases) {
    const auto stage = make(lie);
    ASSERT_FALSE(stage.ok()) << lie;
    EXPECT_NE(stage.status().message().find(expected), std::string::npos)
        << lie << ": " << stage.status().to_string();
  }
}

TEST_F(GarbageHost, CostsACallWhateverItAnswers) {
  for (const char* lie : {"silence", "noise", "noise_record", "empty_record", "huge_chunk",
                          "endless", "asks", "half", "scribble"}) {
    const auto stage = make(lie);
    ASSERT_TRUE(stage.ok()) << lie << ": " << stage.status().to_string();
    ReadingBatch in;
    in.append({series_, 1, 1000, Value::of(1.0), Quality::good});
    StageOutput out;
    const Status status = (*stage)->process(in, out);
    EXPECT_EQ(status.code(), StatusCode::internal) << lie;
    EXPECT_TRUE(out.verdicts.empty()) << lie;
    EXPECT_EQ(out.events.size(), 1u) << lie;
    EXPECT_TRUE((*stage)->snapshot().ok()) << lie;
  }
}

}  // namespace
}  // namespace sluice
