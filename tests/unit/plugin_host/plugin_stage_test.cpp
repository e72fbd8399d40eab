#include "plugin_host/plugin_stage.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <random>

namespace sluice {
namespace {

class PluginStageTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Stage>> make(const std::string& plugin, const std::string& config = "",
                                      const std::string& stage = "") {
    return make_stage(
        {BAD_PLUGIN_DIR, plugin, stage, config, "room", "pipelines[0].stages[1]", table_});
  }
  std::unique_ptr<Stage> liar(const std::string& lie) {
    auto stage = make("liar", "{\"lie\":\"" + lie + "\"}");
    EXPECT_TRUE(stage.ok()) << stage.status().to_string();
    return *std::move(stage);
  }
  ReadingBatch batch(std::size_t size = 3) const {
    ReadingBatch in;
    for (std::size_t i = 0; i < size; ++i) {
      in.append({series_, 1, static_cast<std::int64_t>(i), Value::of(1.0), Quality::good});
    }
    return in;
  }

  SeriesTable table_{100};
  SeriesId series_ = table_.intern({"m", "", {}});
};

TEST_F(PluginStageTest, RunsAPluginWrittenInPlainC) {
  auto stage = make("plain_c");
  ASSERT_TRUE(stage.ok()) << stage.status().to_string();
  EXPECT_EQ((*stage)->name(), "plain_c");
  EXPECT_EQ((*stage)->rules(), std::vector<std::string>{"odd"});
  StageOutput out;
  ASSERT_TRUE((*stage)->process(batch(3), out).ok());
  EXPECT_EQ(out.verdicts, (std::vector<Verdict>{Verdict::pass, Verdict::drop, Verdict::pass}));
  ASSERT_EQ(out.drops.size(), 1u);
  EXPECT_EQ(out.drops[0].row, 1u);
}

TEST_F(PluginStageTest, FailsACallThatBreaksThePromisesAndNamesPluginAndPromise) {
  const std::pair<const char*, const char*> kCases[] = {
      {"verdict_range", "row 0: verdict 9 does not exist"},
      {"no_verdict", "row 0: no verdict"},
      {"rule_index", "row 0: dropped by rule 1 of 1"},
      {"row_index", "alter: row 3 of 3"},
      {"hold_row_index", "hold: row 4294967295 of 3"},
      {"nan", "alter: the value is not finite"},
      {"infinity", "reading: the value is not finite"},
      {"series_unknown", "alter: series 4711 does not exist"},
      {"series_zero", "alter: series 0 does not exist"},
      {"kind", "alter: value kind 4 does not exist"},
      {"quality", "alter: quality 3 does not exist"},
      {"boolean", "alter: a boolean of 2, expected 0 or 1"},
      {"reading_size", "alter: struct_size 4, expected at least 32"},
      {"reading_null", "alter: the reading is NULL"},
      {"altered_without", "row 0: verdict altered, but alter() gave no reading"},
      {"alter_but_pass", "row 0: verdict pass, but it was altered or held"},
      {"alter_but_drop", "row 0: verdict drop, but it was altered or held"},
      {"alter_twice", "alter: row 0 was altered or held before"},
      {"hold_without", "row 0: verdict hold, but hold() gave no token"},
      {"hold_but_pass", "row 0: verdict pass, but it was altered or held"},
      {"hold_and_alter", "alter: row 0 was altered or held before"},
      {"token_unknown", "settle_drop: token 99 is not held"},
      {"token_zero", "settle_pass: token 0 is not held"},
      {"settle_twice", "settle_pass: token 1 is not held"},
      {"settle_rule", "settle_drop: rule 1 of 1"},
      {"source_unknown", "reading: source 1000 is of no input"},
      {"event_null", "event: the event is NULL"},
      {"event_name", "event: the name is not 1..64 of a-z 0-9 _"},
      {"event_series", "event: series 4711 does not exist"},
      {"event_source", "event: source 1000 is of no input"},
      {"too_many_events", "event: more than 1024 in one call"},
      {"too_many", "reading: more than 65536 in one call"},
      {"throw", "threw across the C border: boom"},
      {"throw_number", "threw across the C border"},
      {"failed", "answered 1 (SLUICE_FAILED)"},
      {"result", "answered 77"},
  };
  for (const auto& [lie, expected] : kCases) {
    const auto stage = liar(lie);
    const std::string before = *stage->snapshot();
    StageOutput out;
    const Status status = stage->process(batch(), out);
    EXPECT_EQ(status.code(), StatusCode::internal) << lie;
    const std::string message(status.message());
    EXPECT_NE(message.find("stage liar (plugin liar 1.0): process: "), std::string::npos)
        << message;
    EXPECT_NE(message.find(expected), std::string::npos) << lie << ": " << message;
    EXPECT_TRUE(out.verdicts.empty() && out.drops.empty() && out.altered.empty() &&
                out.derived.empty() && out.settled.empty() && out.settled_dropped.empty())
        << lie;
    // Nothing of the failed call but the topics seen stays, and the next one is served.
    EXPECT_EQ(stage->snapshot()->size(), before.size()) << lie;
    EXPECT_TRUE(stage->process(batch(), out).ok()) << lie;
    EXPECT_EQ(out.verdicts, std::vector<Verdict>(3, Verdict::pass)) << lie;
  }
}

TEST_F(PluginStageTest, HasNoRowsOnTime) {
  const auto stage = liar("row_on_time");
  StageOutput out;
  const Status status = stage->on_time(5, out);
  EXPECT_NE(status.message().find("on_time: hold: row 0 of 0"), std::string::npos)
      << status.to_string();
  EXPECT_TRUE(liar("truth")->on_time(5, out).ok());
}

TEST_F(PluginStageTest, RefusesEmitAndDeriveOutsideACall) {
  for (const char* lie : {"emit_later", "derive_later"}) {
    const auto stage = liar(lie);
    StageOutput out;
    ASSERT_TRUE(stage->process(batch(), out).ok());
    EXPECT_TRUE(stage->snapshot().ok()) << lie;
  }
  EXPECT_EQ(table_.size(), 1u);
}

TEST_F(PluginStageTest, BoundsASnapshot) {
  const auto snapshot = liar("huge_snapshot")->snapshot();
  EXPECT_EQ(snapshot.status().code(), StatusCode::internal);
  EXPECT_NE(snapshot.status().message().find("snapshot: answered 4"), std::string::npos);
}

TEST_F(PluginStageTest, ShowsNoEmptyBatchToThePlugin) {
  const auto stage = liar("throw");
  StageOutput out;
  EXPECT_TRUE(stage->process({}, out).ok());
}

TEST_F(PluginStageTest, TurnsWhatTheSdkCatchesIntoFailures) {
  StageOutput out;
  for (const char* place : {"process", "number", "memory"}) {
    auto stage = make("thrower", std::string("{\"at\":\"") + place + "\"}");
    ASSERT_TRUE(stage.ok());
    const Status status = (*stage)->process(batch(), out);
    EXPECT_NE(status.message().find("SLUICE_FAILED"), std::string::npos) << status.to_string();
  }
  EXPECT_FALSE((*make("thrower", R"({"at":"on_time"})"))->on_time(1, out).ok());
  EXPECT_FALSE((*make("thrower", R"({"at":"snapshot"})"))->snapshot().ok());
  const auto failed = make("thrower", R"({"at":"create"})");
  EXPECT_EQ(failed.status().code(), StatusCode::internal);
  EXPECT_NE(failed.status().message().find("thrown in create"), std::string::npos);

  const std::string snapshot = *(*make("thrower"))->snapshot();
  EXPECT_TRUE((*make("thrower"))->restore(snapshot).ok());
  const Status status = (*make("thrower", R"({"at":"restore"})"))->restore(snapshot);
  EXPECT_EQ(status.code(), StatusCode::data_loss);
  EXPECT_NE(status.message().find("thrown in restore"), std::string::npos) << status.to_string();
}

TEST_F(PluginStageTest, SaysWhereAConfigIsWrong) {
  const auto message = [&](const std::string& plugin, const std::string& config) {
    const auto stage = make(plugin, config);
    EXPECT_EQ(stage.status().code(), StatusCode::invalid_argument);
    return std::string(stage.status().message());
  };
  EXPECT_EQ(message("liar", R"({"lie":3})"),
            "pipelines[0].stages[1] (liar): config.lie: expected a string, got 3");
  EXPECT_EQ(message("thrower", R"({"at":"config"})"),
            "pipelines[0].stages[1] (thrower): config: at: no such place");
  EXPECT_NE(message("liar", "{").find("config: not JSON"), std::string::npos);
  const std::string long_why = message("liar", R"({"lie":"long_why"})");
  EXPECT_LT(long_why.size(), 1200u);
  EXPECT_NE(long_why.find("xxx"), std::string::npos);
  const auto missing = make("nothing");
  EXPECT_EQ(missing.status().code(), StatusCode::not_found);
  EXPECT_NE(missing.status().message().find("pipelines[0].stages[1] (nothing): no plugin"),
            std::string::npos);
}

TEST_F(PluginStageTest, TakesItsNameFromTheConfigOrThePlugin) {
  EXPECT_EQ((*make("plain_c"))->name(), "plain_c");
  EXPECT_EQ((*make("plain_c", "", "thinner"))->name(), "thinner");
}

TEST_F(PluginStageTest, UnloadsTheCodeWithTheLastStage) {
  const std::string path = BAD_PLUGIN_DIR "/thrower.so";
  const auto is_loaded = [&] {
    void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD);
    if (handle != nullptr) dlclose(handle);
    return handle != nullptr;
  };
  ASSERT_FALSE(is_loaded());
  auto first = make("thrower");
  auto second = make("thrower");
  first = Status(StatusCode::cancelled, "gone");
  EXPECT_TRUE(is_loaded());
  second = Status(StatusCode::cancelled, "gone");
  EXPECT_FALSE(is_loaded());
  EXPECT_FALSE(make("thrower", R"({"at":"create"})").ok());
  EXPECT_FALSE(is_loaded());
}

TEST_F(PluginStageTest, RestoresOnlyItsOwnPluginsSnapshotAndOnlyBeforeTheFirstCall) {
  const std::string snapshot = *(*make("plain_c"))->snapshot();
  EXPECT_EQ(liar("truth")->restore(snapshot).code(), StatusCode::failed_precondition);
  const auto used = *make("plain_c");
  StageOutput out;
  ASSERT_TRUE(used->process(batch(), out).ok());
  EXPECT_EQ(used->restore(snapshot).code(), StatusCode::failed_precondition);
}

TEST_F(PluginStageTest, SurvivesADamagedSnapshot) {
  const auto stage = *make("plain_c");
  StageOutput out;
  ASSERT_TRUE(stage->process(batch(5), out).ok());
  const std::string bytes = *stage->snapshot();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE((*make("plain_c"))->restore(std::string_view(bytes).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE((*make("plain_c"))->restore(bytes + "x").ok());
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 300; ++i) {
    std::string flipped = bytes;
    const std::size_t bit = random() % (bytes.size() * 8);
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto other = *make("plain_c");
    if (!other->restore(flipped).ok()) continue;
    EXPECT_TRUE(other->process(batch(), out).ok());
  }
}

// More than a record takes: the call fails whole, and the daemon goes on.
TEST_F(PluginStageTest, FailsACallOfWhichThereCanBeNoRecord) {
  auto stage = make("wordy");
  ASSERT_TRUE(stage.ok()) << stage.status().to_string();
  RecordedCalls* recorded = (*stage)->recorded_calls();
  ASSERT_NE(recorded, nullptr);
  StageOutput out;
  const Status status = (*stage)->process(batch(1'500'000), out);
  EXPECT_NE(status.message().find("what it said takes more than 16 MiB"), std::string::npos)
      << status.to_string();
  EXPECT_TRUE(out.verdicts.empty());
  EXPECT_EQ(recorded->take_record(), std::string(1, '\0'));
  EXPECT_TRUE((*stage)->process(batch(), out).ok());
  EXPECT_GT(recorded->take_record().size(), 3u);
}

}  // namespace
}  // namespace sluice
