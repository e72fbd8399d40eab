#include <algorithm>
#include <random>

#include "rig.h"
#include "sluice_plugin_test.hpp"

// What authors test their plugins with, against the daemon's own host: both must say the same.

namespace sluice {
namespace {

namespace bench = sdk::test;

std::string path_of(const std::string& dir, const std::string& name) {
  return dir + "/" + name + ".so";
}

/// "" when `body` keeps all promises.
template <typename Body>
std::string broken_promise(Body body) {
  try {
    body();
    return "";
  } catch (const bench::BrokenPromise& e) {
    return e.what();
  }
}

class PluginBench : public Rig {
 protected:
  static sdk::Reading to_sdk(const Reading& r) {
    sdk::Reading out;
    out.series = r.series;
    out.source = r.topic;
    out.event_time_ns = r.event_time_ns;
    out.kind = static_cast<std::uint8_t>(r.value.kind);
    out.quality = static_cast<std::uint8_t>(r.quality);
    out.bits = r.value.bits;
    return out;
  }
  static Words words_of(const Stage& stage, const StageOutput& out) {
    Words words;
    std::size_t drops = 0;
    for (const Verdict v : out.verdicts) {
      const char* const kWords[] = {"pass", "altered", "", "hold"};
      words.push_back(v == Verdict::drop ? "drop:" + stage.rules()[out.drops[drops++].rule]
                                         : kWords[static_cast<std::size_t>(v)]);
    }
    return words;
  }
  static std::vector<double> values_of(const std::vector<Reading>& readings) {
    std::vector<double> out;
    for (const Reading& r : readings) out.push_back(r.value.as_double());
    return out;
  }
};

// Every promise that the daemon has a test for, broken before the bench.
TEST_F(PluginBench, CatchesEveryLieThatTheDaemonCatches) {
  const char* const kLies[] = {"verdict_range",   "no_verdict",
                               "rule_index",      "row_index",
                               "hold_row_index",  "nan",
                               "infinity",        "series_unknown",
                               "series_zero",     "kind",
                               "quality",         "boolean",
                               "reading_size",    "reading_null",
                               "altered_without", "alter_but_pass",
                               "alter_but_drop",  "alter_twice",
                               "hold_without",    "hold_but_pass",
                               "hold_and_alter",  "token_unknown",
                               "token_zero",      "settle_twice",
                               "settle_rule",     "source_unknown",
                               "event_null",      "event_name",
                               "event_series",    "event_source",
                               "too_many_events", "too_many",
                               "throw",           "throw_number",
                               "failed",          "result"};
  for (const char* lie : kLies) {
    const std::string config = std::string(R"({"lie":")") + lie + "\"}";
    auto stage = make_stage({BAD_PLUGIN_DIR, "liar", "", config, "room", "", table_});
    ASSERT_TRUE(stage.ok());
    StageOutput out;
    EXPECT_FALSE((*stage)->process(batch({at(1, 1), at(2, 2)}), out).ok()) << lie;

    bench::Bench liar(path_of(BAD_PLUGIN_DIR, "liar"), config);
    const auto series = liar.series("m");
    const std::vector<sdk::Reading> rows = {liar.reading(series, 1, 1), liar.reading(series, 2, 2)};
    const std::string broken = broken_promise([&] { liar.process(rows); });
    EXPECT_TRUE(broken.starts_with("process: ")) << lie << ": " << broken;
    // Nothing of the failed call stays, and the next one is served.
    EXPECT_EQ(liar.held_count(), 0u) << lie;
    EXPECT_EQ(broken_promise([&] {
                EXPECT_EQ(liar.process(rows).words, (Words{"pass", "pass"}));
              }),
              "")
        << lie;
  }
}

TEST_F(PluginBench, CatchesLiesOutsideProcess) {
  const auto make_liar = [](const std::string& lie) {
    return std::make_unique<bench::Bench>(path_of(BAD_PLUGIN_DIR, "liar"),
                                          "{\"lie\":\"" + lie + "\"}");
  };
  EXPECT_NE(broken_promise([&] { make_liar("row_on_time")->on_time(1); }), "");
  EXPECT_NE(broken_promise([&] { make_liar("huge_snapshot")->snapshot(); }), "");
  EXPECT_THROW(make_liar("long_why"), bench::BadConfig);
  for (const char* lie : {"emit_later", "derive_later"}) {
    const auto liar = make_liar(lie);
    liar->process({liar->reading(liar->series("m"), 1, 1)});
    EXPECT_EQ(broken_promise([&] { liar->snapshot(); }), "") << lie;
  }
}

TEST_F(PluginBench, RefusesEveryFileThatTheDaemonRefuses) {
  for (const char* flaw :
       {"wrong_abi",     "no_entry",     "null_entry",       "small_struct",    "other_name",
        "no_version",    "bad_schema",   "loose_schema",     "rule_twice",      "bad_rule",
        "no_rules",      "no_process",   "only_snapshot",    "no_such_file",    "small_aggregate",
        "no_merge",      "zero_results", "many_results",     "result_twice",    "bad_result",
        "result_unsaid", "long_unit",    "aggregate_unsaid", "aggregate_schema"}) {
    EXPECT_NE(broken_promise([&] { bench::Bench broken(path_of(BAD_PLUGIN_DIR, flaw)); }), "")
        << flaw;
  }
}

TEST_F(PluginBench, FillsInDefaultsAndRefusesKeysThatDoNotExist) {
  const std::string deadband = path_of(PLUGIN_DIR, "deadband");
  EXPECT_NO_THROW(bench::Bench(deadband, R"({"absolute": 1})"));
  EXPECT_THROW(bench::Bench(deadband, R"({"absolut": 1})"), std::invalid_argument);
  EXPECT_THROW(bench::Bench(deadband, R"({"absolute": )"), std::invalid_argument);
  EXPECT_THROW(bench::Bench(path_of(BAD_PLUGIN_DIR, "liar"), "{}"), std::invalid_argument);
  EXPECT_THROW(bench::Bench(deadband, "{}"), bench::BadConfig);
}

TEST_F(PluginBench, RefusesAnOrderThatNoOrderedPluginWouldSee) {
  bench::Bench deadband(path_of(PLUGIN_DIR, "deadband"), R"({"absolute": 1})");
  const auto room = deadband.series("temperature");
  EXPECT_THROW(deadband.process({deadband.reading(room, 2, 1), deadband.reading(room, 1, 1)}),
               std::invalid_argument);
}

TEST_F(PluginBench, KeepsWhatIsHeldOverARestart) {
  bench::Bench v1(path_of(CONTRACT_PLUGIN_DIR, "contract_v1"));
  const auto room = v1.series("temperature", "Cel", {{"room", "a"}});
  auto whole = v1.reading(room, 1, 0);
  whole.kind = SLUICE_KIND_I64;
  whole.bits = 6;
  const auto answer = v1.process({whole, v1.reading(room, 2, 120), v1.reading(room, 3, 20)});
  EXPECT_EQ(answer.words, (Words{"hold", "altered", "pass"}));
  EXPECT_EQ(answer.values(), (std::vector<double>{100, 20, 20}));
  EXPECT_EQ(v1.series_text(answer.derived.at(0).series), "copy K");
  EXPECT_EQ(answer.events.at(0).attributes.at("threshold"), "100");
  v1.restart();
  EXPECT_EQ(v1.held_count(), 1u);
  EXPECT_EQ(v1.on_time(2).values(), std::vector<double>{12});
  EXPECT_EQ(v1.held_count(), 0u);
  EXPECT_NE(v1.restore_fresh("x", "1.2.3"), "");
}

// The same readings through the daemon's host and through the bench, with restarts of both.
TEST_F(PluginBench, AnswersAsTheDaemonForRealPlugins) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::pair<const char*, const char*> kStages[] = {
      {"range", R"({"min":0,"max":35,"max_rate":5,"sentinels":[-999]})"},
      {"range", R"({"max_rate":2,"action":"flag"})"},
      {"deadband", R"({"absolute":3,"keep_previous":true,"max_interval_s":30})"},
      {"scale", R"({"from":"Cel","to":"[degF]"})"},
  };
  for (const auto& [plugin, config] : kStages) {
    auto stage = make(plugin, config);
    bench::Bench other(path_of(PLUGIN_DIR, plugin), config);
    ASSERT_EQ(other.series("temperature", "Cel", {{"room", "a"}}), series_);
    double now = 0;
    for (int b = 0; b < 60; ++b) {
      std::vector<Reading> rows;
      std::vector<sdk::Reading> sdk_rows;
      for (unsigned i = random() % 6 + 1; i > 0; --i) {
        now += static_cast<double>(random() % 100) / 10;
        const bool is_sentinel = random() % 15 == 0;
        rows.push_back(at(now, is_sentinel ? -999 : static_cast<double>(random() % 400) / 10,
                          random() % 10 == 0 ? Quality::uncertain : Quality::good));
        sdk_rows.push_back(to_sdk(rows.back()));
      }
      const StageOutput out = run(*stage, batch(rows));
      const bench::Answer answer = other.process(sdk_rows);
      ASSERT_EQ(answer.words, words_of(*stage, out)) << plugin << " batch " << b;
      ASSERT_EQ(answer.values(), values_of(passed(batch(rows), out))) << plugin << " batch " << b;
      ASSERT_EQ(answer.settled_dropped.size(), out.settled_dropped.size());
      if (random() % 5 != 0) continue;
      const auto snapshot = stage->snapshot();
      stage = make(plugin, config);
      ASSERT_TRUE(stage->restore(*snapshot).ok());
      other.restart();
    }
  }
}

TEST_F(PluginBench, CountsWhatDoesNotHold) {
  ::testing::internal::CaptureStderr();
  SLUICE_EXPECT(1 + 1 == 2);
  EXPECT_EQ(bench::failures(), 0);
  SLUICE_EXPECT(1 + 1 == 3);
  EXPECT_EQ(bench::failures(), 1);
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("does not hold: 1 + 1 == 3"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice
