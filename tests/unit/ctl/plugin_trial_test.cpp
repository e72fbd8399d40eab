#include "ctl/plugin_trial.h"

#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Does what the value of a reading says: 1 pass, 2 alter, 3 drop, 4 hold, 5 fail, 6 derive and
/// tell. Held readings are settled when their time has passed, the first one passed, the others
/// dropped.
class Scripted final : public Stage {
 public:
  struct Shared {
    bool ordered = false;
    bool fails_on_time = false;
    bool loses_state = false;
    bool refuses_state = false;
    bool fails_snapshot = false;
    int instances = 0;
    std::vector<std::int64_t> times;
    std::vector<std::size_t> batches;
  };
  explicit Scripted(Shared& shared) : shared_(shared) { ++shared.instances; }

  const std::string& name() const override { return name_; }
  const std::vector<std::string>& rules() const override { return rules_; }
  bool ordered() const override { return shared_.ordered; }

  Status process(const ReadingBatch& in, StageOutput& out) override {
    shared_.batches.push_back(in.size());
    for (std::size_t i = 0; i < in.size(); ++i) {
      const Reading reading = in.at(i);
      const auto order = static_cast<int>(reading.value.as_double());
      if (order == 5) return internal_error("row 0: no verdict");
      const Verdict kVerdicts[] = {Verdict::pass, Verdict::pass, Verdict::altered, Verdict::drop,
                                   Verdict::hold, Verdict::pass, Verdict::pass};
      out.verdicts.push_back(kVerdicts[order]);
      Reading other = reading;
      other.value = Value::of(20.5);
      other.quality = Quality::uncertain;
      if (order == 2) out.altered.append(other);
      if (order == 3) out.drops.push_back({static_cast<std::uint32_t>(i), 1});
      if (order == 4) held_.push_back(reading);
      if (order != 6) continue;
      out.derived.append(other);
      out.events.push_back({reading.series,
                            1,
                            reading.event_time_ns,
                            Severity::error,
                            EventPhase::end,
                            "hot",
                            "It \x1b[2Jis.",
                            {{"limit", "80"}}});
    }
    return {};
  }
  Status on_time(std::int64_t watermark_ns, StageOutput& out) override {
    shared_.times.push_back(watermark_ns);
    if (shared_.fails_on_time) return internal_error("on_time: no");
    if (held_.empty() || held_[0].event_time_ns >= watermark_ns) return {};
    out.settled.append(held_[0]);
    out.settled_passed = 1;
    for (std::size_t i = 1; i < held_.size(); ++i) out.settled_dropped.push_back(0);
    held_.clear();
    return {};
  }
  Result<std::string> snapshot() override {
    if (shared_.fails_snapshot) return internal_error("snapshot: no");
    return std::string(held_.size(), 'h');
  }
  Status restore(std::string_view snapshot) override {
    if (shared_.refuses_state) return data_loss("restore: no");
    if (!shared_.loses_state) held_.resize(snapshot.size());
    return {};
  }

 private:
  Shared& shared_;
  std::string name_ = "scripted";
  std::vector<std::string> rules_ = {"late", "wrong"};
  std::vector<Reading> held_;
};

class PluginTrialTest : public ::testing::Test {
 protected:
  std::string run(const TrialOptions& options, const std::vector<std::pair<int, int>>& readings) {
    std::string text;
    SeriesTable series(10);
    PluginTrial trial(
        options, series, [this] { return Result<std::unique_ptr<Stage>>(make()); },
        [&](const std::string& part) { text += part; });
    std::vector<ReadingLine> lines;
    for (const auto& [time, order] : readings) {
      lines.push_back({lines.size() + 1, {"m", "", {}}, {0, 0, time, Value::of(order * 1.0), {}}});
    }
    EXPECT_TRUE(trial.run(lines).ok());
    failures_ = trial.failures();
    return text;
  }
  std::unique_ptr<Stage> make() { return std::make_unique<Scripted>(shared_); }

  Scripted::Shared shared_;
  std::uint64_t failures_ = 0;
};

TEST_F(PluginTrialTest, TellsWhatBecameOfEveryReading) {
  const std::string text =
      run({.batch_size = 2, .advance_ns = 10}, {{1, 1}, {2, 2}, {3, 3}, {4, 4}, {4, 4}, {5, 6}});
  EXPECT_TRUE(has(text, "\n   1  pass     ")) << text;
  EXPECT_TRUE(has(text, "\n   2  altered  ")) << text;
  EXPECT_TRUE(has(text, "uncertain, was 2.0")) << text;
  EXPECT_TRUE(has(text, "\n   3  drop wrong  ")) << text;
  EXPECT_TRUE(has(text, "\n   4  hold  ")) << text;
  EXPECT_TRUE(has(text, "\n      derived  ")) << text;
  EXPECT_TRUE(has(text, "error end hot: It \\x1b[2Jis. (limit=80)")) << text;
  EXPECT_TRUE(has(text, "\n      settled  ")) << text;
  EXPECT_TRUE(has(text, "\n      settled drop late\n")) << text;
  EXPECT_TRUE(
      text.ends_with("\nreadings 6, pass 2, altered 1, drop 1, hold 2, settled 1, "
                     "settled drop 1, derived 1, events 1\n"))
      << text;
  EXPECT_EQ(failures_, 0u);
  EXPECT_EQ(shared_.batches, (std::vector<std::size_t>{2, 2, 2}));
  EXPECT_EQ(shared_.times, (std::vector<std::int64_t>{2, 4, 5, 15}));
}

TEST_F(PluginTrialTest, TellsItInJsonLines) {
  const std::string text =
      run({.advance_ns = 10, .json = true}, {{1, 1}, {2, 2}, {3, 3}, {4, 4}, {4, 4}, {5, 6}});
  const std::string reading = R"({"measurement":"m","unit":"","labels":{},"time":)";
  EXPECT_TRUE(has(text, R"({"line":1,"result":"pass","reading":)" + reading +
                            R"(1,"value":1.0,"quality":"good"}})"
                            "\n"))
      << text;
  EXPECT_TRUE(has(text, R"({"line":2,"result":"altered","reading":)" + reading +
                            R"(2,"value":20.5,"quality":"uncertain"},"was":)" + reading +
                            R"(2,"value":2.0,"quality":"good"}})"
                            "\n"))
      << text;
  EXPECT_TRUE(has(text, R"({"line":3,"result":"drop","rule":"wrong","reading":)")) << text;
  EXPECT_TRUE(has(text, R"({"result":"settled_drop","rule":"late"})"
                        "\n"))
      << text;
  EXPECT_TRUE(has(text, R"({"result":"event","event":{"severity":"error","phase":"end",)"
                        R"("name":"hot","message":"It \u001b[2Jis.","attributes":{"limit":"80"},)"
                        R"("series":{"measurement":"m","unit":"","labels":{}},"time":5}})"
                        "\n"))
      << text;
  EXPECT_TRUE(text.ends_with(
      R"({"result":"end","readings":6,"pass":2,"altered":1,"drop":1,"hold":2,"settled":1,)"
      R"("settled_drop":1,"still_held":0,"derived":1,"events":1,"passed_by":0,"failed":0})"
      "\n"))
      << text;
}

TEST_F(PluginTrialTest, ShowsAFailedCallAndWhatPassesBy) {
  const std::string text = run({.batch_size = 2}, {{1, 1}, {2, 5}, {3, 1}});
  EXPECT_TRUE(has(text, "FAILED")) << text;
  EXPECT_TRUE(has(text, "row 0: no verdict")) << text;
  EXPECT_TRUE(has(text, "\n   1  passed by  ")) << text;
  EXPECT_TRUE(has(text, "\n   3  pass       ")) << text;
  EXPECT_TRUE(has(text, "readings 3, pass 1, passed by 2, failed 1\n")) << text;
  EXPECT_EQ(failures_, 1u);
  shared_.fails_on_time = true;
  EXPECT_TRUE(has(run({}, {{1, 1}}), "on_time: no"));
  EXPECT_EQ(failures_, 1u);
}

TEST_F(PluginTrialTest, GivesAnOrderedPluginItsReadingsByTime) {
  const std::vector<std::pair<int, int>> readings = {{5, 1}, {3, 3}, {4, 1}};
  EXPECT_LT(run({}, readings).find("   1  pass"), run({}, readings).find("   2  drop"));
  shared_.ordered = true;
  EXPECT_GT(run({}, readings).find("   1  pass"), run({}, readings).find("   2  drop"));
}

TEST_F(PluginTrialTest, KeepsTimeBehindTheLatestReadingAndNeverBack) {
  run({.batch_size = 1, .max_out_of_order_ns = 2}, {{10, 1}, {5, 1}, {20, 1}});
  EXPECT_EQ(shared_.times, (std::vector<std::int64_t>{8, 18}));
}

TEST_F(PluginTrialTest, RestartsAfterEachBatchAndTellsOfStateThatIsLost) {
  const TrialOptions options{.batch_size = 1, .restarts = true};
  run(options, {{1, 4}, {1, 1}, {1, 1}});
  EXPECT_EQ(shared_.instances, 4);
  EXPECT_EQ(failures_, 0u);
  shared_.loses_state = true;
  EXPECT_TRUE(has(run(options, {{1, 4}}), "a restored instance has another snapshot"));
  EXPECT_EQ(failures_, 1u);
  shared_.refuses_state = true;
  EXPECT_TRUE(has(run(options, {{1, 4}}), "restore: no"));
  shared_.fails_snapshot = true;
  EXPECT_TRUE(has(run(options, {{1, 4}}), "snapshot: no"));
}

TEST_F(PluginTrialTest, HasAnEndWithoutReadings) {
  EXPECT_EQ(run({.advance_ns = 5}, {}), "\nreadings 0\n");
  EXPECT_TRUE(shared_.times.empty());
}

}  // namespace
}  // namespace sluice::ctl
