#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "plugin_host/plugin_stage.h"

namespace sluice {

/// Runs one real plugin file as the daemon does.
class Rig : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Stage>> try_make(const std::string& plugin, const std::string& config) {
    return make_stage({PLUGIN_DIR, plugin, "", config, "room", "stages[0]", table_});
  }
  std::unique_ptr<Stage> make(const std::string& plugin, const std::string& config) {
    auto stage = try_make(plugin, config);
    if (!stage.ok()) {
      ADD_FAILURE() << stage.status().to_string();
      std::abort();
    }
    return *std::move(stage);
  }
  std::string error_of(const std::string& plugin, const std::string& config) {
    const auto stage = try_make(plugin, config);
    return stage.ok() ? "accepted" : std::string(stage.status().message());
  }

  Reading at(double seconds, double value, Quality quality = Quality::good) const {
    return {series_, 1, static_cast<std::int64_t>(seconds * 1e9), Value::of(value), quality};
  }
  static ReadingBatch batch(const std::vector<Reading>& readings) {
    ReadingBatch out;
    for (const Reading& r : readings) out.append(r);
    return out;
  }
  static StageOutput run(Stage& stage, const ReadingBatch& in) {
    StageOutput out;
    const Status status = stage.process(in, out);
    EXPECT_TRUE(status.ok()) << status.to_string();
    return out;
  }
  /// One word per reading, each in a batch of its own: pass, altered, hold or the rule's name.
  static std::vector<std::string> words(Stage& stage, const std::vector<Reading>& readings) {
    std::vector<std::string> out;
    for (const Reading& r : readings) {
      const StageOutput answer = run(stage, batch({r}));
      if (answer.verdicts.size() != 1) return out;
      const char* const kWords[] = {"pass", "altered", "", "hold"};
      out.push_back(answer.verdicts[0] == Verdict::drop
                        ? stage.rules()[answer.drops.at(0).rule]
                        : kWords[static_cast<std::size_t>(answer.verdicts[0])]);
    }
    return out;
  }
  /// What goes on behind the stage: settled readings first, then the rows, then derived ones.
  static std::vector<Reading> passed(const ReadingBatch& in, const StageOutput& out) {
    std::vector<Reading> all;
    for (std::size_t i = 0; i < out.settled.size(); ++i) all.push_back(out.settled.at(i));
    std::size_t altered = 0;
    for (std::size_t i = 0; i < out.verdicts.size(); ++i) {
      if (out.verdicts[i] == Verdict::pass) all.push_back(in.at(i));
      if (out.verdicts[i] == Verdict::altered) all.push_back(out.altered.at(altered++));
    }
    for (std::size_t i = 0; i < out.derived.size(); ++i) all.push_back(out.derived.at(i));
    return all;
  }

  SeriesTable table_{1000};
  SeriesId series_ = table_.intern({"temperature", "Cel", {{"room", "a"}}});
};

using Words = std::vector<std::string>;

}  // namespace sluice
