#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "plugin_host/aggregate_library.h"
#include "plugin_host/plugin_library.h"
#include "plugin_host/plugin_stage.h"
#include "unit/plugin_host/contract/layout.h"

// Plugins of other times against the host of today.

namespace sluice {
namespace {

class Contract : public ::testing::Test {
 protected:
  std::unique_ptr<Stage> make(const std::string& plugin) {
    auto stage = make_stage({CONTRACT_PLUGIN_DIR, plugin, "", "", "room", "stages[0]", table_});
    if (!stage.ok()) {
      ADD_FAILURE() << stage.status().to_string();
      std::abort();
    }
    return *std::move(stage);
  }
  static ReadingBatch batch(const std::vector<Reading>& readings) {
    ReadingBatch out;
    for (const Reading& r : readings) out.append(r);
    return out;
  }
  Reading at(std::int64_t time_ns, Value value) const { return {series_, 1, time_ns, value, {}}; }

  SeriesTable table_{100};
  SeriesId series_ = table_.intern({"temperature", "Cel", {{"room", "a"}}});
};

TEST_F(Contract, APluginBuiltAgainstVersion1RunsWithAllThatItUses) {
  const auto stage = make("contract_v1");
  EXPECT_EQ(stage->rules(), (std::vector<std::string>{"odd", "negative"}));
  EXPECT_TRUE(stage->ordered());
  EXPECT_TRUE(stage->wants_time());
  StageOutput out;
  const Status status =
      stage->process(batch({at(1, Value::of(20.0)), at(2, Value::of(-1.0)), at(3, Value::of(120.0)),
                            at(4, Value::of(std::int64_t{6})), at(5, Value::of(std::int64_t{7}))}),
                     out);
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(out.verdicts, (std::vector<Verdict>{Verdict::pass, Verdict::drop, Verdict::altered,
                                                Verdict::hold, Verdict::hold}));
  ASSERT_EQ(out.drops.size(), 1u);
  EXPECT_EQ(out.drops[0].rule, 1u);
  EXPECT_EQ(out.altered, batch({at(3, Value::of(100.0))}));
  ASSERT_EQ(out.derived.size(), 1u);
  EXPECT_EQ(table_.at(out.derived.series[0]).to_string(), "copy{room=\"a\"} K");
  ASSERT_EQ(out.events.size(), 1u);
  const Event expected{series_,
                       1,
                       3,
                       Severity::warn,
                       EventPhase::begin,
                       "too_high",
                       "It is above 100.",
                       {{"threshold", "100"}}};
  EXPECT_EQ(out.events[0], expected);

  // What it holds survives the restart that a new daemon is.
  const auto snapshot = stage->snapshot();
  ASSERT_TRUE(snapshot.ok());
  const auto restarted = make("contract_v1");
  ASSERT_TRUE(restarted->restore(*snapshot).ok());
  for (Stage* each : {stage.get(), restarted.get()}) {
    StageOutput settled;
    ASSERT_TRUE(each->on_time(5, settled).ok());
    EXPECT_EQ(settled.settled, batch({at(4, Value::of(std::int64_t{12}))}));
    EXPECT_TRUE(settled.settled_dropped.empty());
    settled.clear();
    ASSERT_TRUE(each->on_time(6, settled).ok());
    EXPECT_EQ(settled.settled_dropped, std::vector<std::uint16_t>{0});
  }
  EXPECT_EQ(*stage->snapshot(), *restarted->snapshot());
}

TEST_F(Contract, APluginBuiltAgainstVersion1AnswersBadConfigAndBadState) {
  const auto refused = make_stage(
      {CONTRACT_PLUGIN_DIR, "contract_v1", "", "{\"level\":3}", "room", "stages[0]", table_});
  EXPECT_EQ(refused.status().message(), "stages[0] (contract_v1): config: level: expected 100");
  const auto stage = make("contract_v1");
  StageOutput out;
  ASSERT_TRUE(stage->process(batch({at(1, Value::of(std::int64_t{1}))}), out).ok());
  std::string bytes = *stage->snapshot();
  bytes.replace(bytes.find("1.2.3"), 5, "1.2.4");
  const Status status = make("contract_v1")->restore(bytes);
  EXPECT_NE(status.message().find("restore from version 1.2.4"), std::string::npos);
  EXPECT_NE(status.message().find("not written by 1.2.3"), std::string::npos);
}

TEST_F(Contract, APluginBuiltAgainstALaterHeaderLoadsAndIsReadAsFarAsWeKnowIt) {
  const auto stage = make("contract_later");
  StageOutput out;
  const Status status = stage->process(batch({at(1, Value::of(1.0)), at(2, Value::of(2.0))}), out);
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(out.altered, batch({at(1, Value::of(std::uint64_t{2})),  //
                                at(2, Value::of(std::uint64_t{2}))}));
  ASSERT_EQ(out.events.size(), 2u);
  EXPECT_EQ(out.events[1].message, "From later.");
}

TEST_F(Contract, APluginThatKnowsLessThanVersion1IsRefused) {
  const auto library = PluginLibrary::open(BAD_PLUGIN_DIR, "small_struct");
  ASSERT_FALSE(library.ok());
  const std::string message(library.status().message());
  EXPECT_NE(message.find("bytes, expected at least"), std::string::npos) << message;
  EXPECT_NE(message.find("as in version 1; build it against its header or a later one"),
            std::string::npos)
      << message;
}

TEST_F(Contract, AnAggregateBuiltAgainstVersion1RunsWithAllThatItUses) {
  const auto open = [](const std::string& config) {
    return open_aggregate(CONTRACT_PLUGIN_DIR, "contract_aggregate_v1", config, "windows[0]");
  };
  EXPECT_EQ(open(R"({"factor":0})").status().message(),
            "windows[0] (contract_aggregate_v1): config: factor: expected a number > 0");
  const auto type = open("");
  ASSERT_TRUE(type.ok()) << type.status().to_string();
  EXPECT_EQ((*type)->key().config_json, R"({"factor":2})");
  EXPECT_EQ((*type)->identity().result_names, (std::vector<std::string>{"spread", "latest"}));
  PluginAggregate all(*type);
  EXPECT_TRUE(std::isnan(all.results().at(0)));
  PluginAggregate other(*type);
  all.add(1'000, 5);
  other.add(3'000, 2);
  ASSERT_TRUE(all.merge(other).ok());
  all.move_by(4'000);
  EXPECT_EQ(all.results(), (std::vector<double>{6, 7'000}));
  const auto identity = std::make_shared<const PluginAggregateIdentity>(all.identity());
  PluginAggregate again(identity, all.saved(), {});
  ASSERT_TRUE(again.open_with(*type));
  EXPECT_EQ(again.results(), all.results());
  EXPECT_EQ(again.saved(), all.saved());
  // What it refuses to fold, and bytes that it did not write.
  again.add(-1, 0);
  EXPECT_TRUE(again.lost());
  PluginAggregate damaged(identity, "x", {});
  EXPECT_FALSE(damaged.open_with(*type));
  // As a stage it lets all pass.
  StageOutput out;
  ASSERT_TRUE(make("contract_aggregate_v1")->process(batch({at(1, Value::of(20.0))}), out).ok());
  EXPECT_EQ(out.verdicts, std::vector<Verdict>{Verdict::pass});
}

// A field that moves, shrinks or goes, or a number that changes, is another SLUICE_PLUGIN_ABI.
TEST_F(Contract, EveryFieldAndNumberOfVersion1IsWhereItWas) {
  std::map<std::string, layout_row> now;
  for (const layout_row* row = kLayoutNow; row->name != nullptr; ++row) now[row->name] = *row;
  std::size_t rows = 0;
  for (const layout_row* row = kLayoutV1; row->name != nullptr; ++row, ++rows) {
    const std::string name = row->name;
    const bool is_bound = name.ends_with("_MAX");
    EXPECT_EQ(now[name].size, row->size) << name;
    if (is_bound) {
      EXPECT_GE(now[name].offset, row->offset) << name << ": a bound may only rise";
    } else {
      EXPECT_EQ(now[name].offset, row->offset) << name;
    }
  }
  EXPECT_GT(rows, 115u);
}

}  // namespace
}  // namespace sluice
