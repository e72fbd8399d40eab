#include "plugin_host/plugin_call.h"

#include <gtest/gtest.h>

#include <limits>

namespace sluice {
namespace {

class PluginCallTest : public ::testing::Test {
 protected:
  PluginCallTest() {
    for (int i = 0; i < 3; ++i)
      in_.append({series_, 5, 100 + i, Value::of(1.5 * i), Quality::good});
  }
  sluice_reading reading(double v) const {
    return {sizeof(sluice_reading),         series_, 0, SLUICE_KIND_F64, 0, 0, 7,
            std::bit_cast<std::uint64_t>(v)};
  }
  void all(std::uint8_t kind) {
    for (std::size_t row = 0; row < in_.size(); ++row) call_.verdicts()[row] = {kind, 0, 0};
  }

  SeriesTable table_{10};
  SeriesId series_ = table_.intern({"m", "", {}});
  HeldReadings held_{100};
  PluginCall call_{table_, held_, 2};
  const sluice_emit* emit_ = call_.emit();
  ReadingBatch in_;
  StageOutput out_;
};

TEST_F(PluginCallTest, GivesAlteredRowsInRowOrderWhateverTheOrderOfCalls) {
  call_.begin(&in_);
  all(SLUICE_VERDICT_ALTERED);
  for (const std::uint32_t row : {2u, 0u, 1u}) {
    const sluice_reading r = reading(row);
    EXPECT_EQ(emit_->alter(emit_, row, &r), SLUICE_OK);
  }
  ASSERT_TRUE(call_.finish(out_).ok());
  ASSERT_EQ(out_.altered.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(out_.altered.at(i),
              (Reading{series_, 5, 7, Value::of(static_cast<double>(i)), Quality::good}));
  }
}

TEST_F(PluginCallTest, ShowsAReadingSettledInItsOwnCallAsPassedAlteredOrDropped) {
  call_.begin(&in_);
  all(SLUICE_VERDICT_HOLD);
  std::uint64_t token[3];
  for (std::uint32_t row = 0; row < 3; ++row) token[row] = emit_->hold(emit_, row);
  sluice_reading same = reading(0);
  same.event_time_ns = 100;
  const sluice_reading other = reading(9);
  EXPECT_EQ(emit_->settle_pass(emit_, token[0], &same), SLUICE_OK);
  EXPECT_EQ(emit_->settle_drop(emit_, token[2], 1), SLUICE_OK);
  EXPECT_EQ(emit_->settle_pass(emit_, token[1], &other), SLUICE_OK);
  ASSERT_TRUE(call_.finish(out_).ok());
  EXPECT_EQ(out_.verdicts, (std::vector<Verdict>{Verdict::pass, Verdict::altered, Verdict::drop}));
  ASSERT_EQ(out_.drops.size(), 1u);
  EXPECT_EQ(out_.drops[0].row, 2u);
  EXPECT_EQ(out_.drops[0].rule, 1u);
  ASSERT_EQ(out_.altered.size(), 1u);
  EXPECT_EQ(out_.altered.at(0).value, Value::of(9.0));
  EXPECT_EQ(out_.settled_passed, 0u);
  EXPECT_EQ(held_.size(), 0u);
}

TEST_F(PluginCallTest, SettlesReadingsOfEarlierCallsWithTheTopicTheyCameFrom) {
  call_.begin(&in_);
  all(SLUICE_VERDICT_HOLD);
  std::uint64_t token[3];
  for (std::uint32_t row = 0; row < 3; ++row) token[row] = emit_->hold(emit_, row);
  ASSERT_TRUE(call_.finish(out_).ok());
  EXPECT_EQ(out_.verdicts, std::vector<Verdict>(3, Verdict::hold));

  out_.clear();
  call_.begin(nullptr);
  const sluice_reading r = reading(4);
  EXPECT_EQ(emit_->settle_pass(emit_, token[1], &r), SLUICE_OK);
  EXPECT_EQ(emit_->settle_drop(emit_, token[0], 1), SLUICE_OK);
  ASSERT_TRUE(call_.finish(out_).ok());
  EXPECT_EQ(out_.settled_passed, 1u);
  ASSERT_EQ(out_.settled.size(), 1u);
  EXPECT_EQ(out_.settled.at(0), (Reading{series_, 5, 7, Value::of(4.0), Quality::good}));
  EXPECT_EQ(out_.settled_dropped, std::vector<std::uint16_t>{1});
  EXPECT_EQ(held_.size(), 1u);
}

TEST_F(PluginCallTest, LeavesHeldReadingsAsTheyWereWhenTheCallIsSpoilt) {
  call_.begin(&in_);
  all(SLUICE_VERDICT_PASS);
  call_.verdicts()[0].kind = SLUICE_VERDICT_HOLD;
  const std::uint64_t token = emit_->hold(emit_, 0);
  ASSERT_TRUE(call_.finish(out_).ok());

  out_.clear();
  call_.begin(&in_);
  all(SLUICE_VERDICT_HOLD);
  EXPECT_EQ(emit_->settle_drop(emit_, token, 0), SLUICE_OK);
  for (std::uint32_t row = 0; row < 3; ++row) EXPECT_NE(emit_->hold(emit_, row), 0u);
  call_.verdicts()[1].kind = 200;
  const Status status = call_.finish(out_);
  EXPECT_EQ(status.code(), StatusCode::internal);
  EXPECT_EQ(status.message(), "row 1: verdict 200 does not exist");
  EXPECT_TRUE(out_.verdicts.empty());
  EXPECT_TRUE(out_.settled_dropped.empty());
  EXPECT_EQ(held_.size(), 1u);
  call_.begin(nullptr);
  EXPECT_EQ(emit_->settle_drop(emit_, token, 0), SLUICE_OK);
  EXPECT_TRUE(call_.finish(out_).ok());
}

TEST_F(PluginCallTest, TellsThePluginWhenNoMoreCanBeHeldAndLetsItChooseAnotherVerdict) {
  HeldReadings small(1);
  PluginCall call(table_, small, 2);
  call.begin(&in_);
  EXPECT_NE(call.emit()->hold(call.emit(), 0), 0u);
  EXPECT_EQ(call.emit()->hold(call.emit(), 1), 0u);
  call.verdicts()[0] = {SLUICE_VERDICT_HOLD, 0, 0};
  call.verdicts()[1] = {SLUICE_VERDICT_DROP, 0, 1};
  call.verdicts()[2] = {SLUICE_VERDICT_PASS, 0, 0};
  EXPECT_TRUE(call.finish(out_).ok());
}

// A window that holds a later time has no end that its type can hold.
TEST_F(PluginCallTest, RefusesEventTimesThatNoDecoderGives) {
  constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
  const auto says = [&](const char* function, std::int64_t time_ns) {
    out_.clear();
    call_.begin(&in_);
    all(SLUICE_VERDICT_PASS);
    sluice_reading r = reading(1);
    r.source = 5;
    r.event_time_ns = time_ns;
    if (function == std::string("alter")) {
      call_.verdicts()[0].kind = SLUICE_VERDICT_ALTERED;
      emit_->alter(emit_, 0, &r);
    } else if (function == std::string("reading")) {
      emit_->reading(emit_, &r);
    } else {
      call_.verdicts()[0].kind = SLUICE_VERDICT_HOLD;
      emit_->settle_pass(emit_, emit_->hold(emit_, 0), &r);
    }
    return std::string(call_.finish(out_).message());
  };
  for (const char* function : {"alter", "reading", "settle_pass"}) {
    for (const std::int64_t good : {std::int64_t{0}, kEventTimeMaxNs}) {
      EXPECT_EQ(says(function, good), "");
    }
    for (const std::int64_t bad : {std::int64_t{-1}, -kEnd, kEventTimeMaxNs + 1, kEnd}) {
      EXPECT_EQ(says(function, bad), std::string(function) + ": event time " + std::to_string(bad) +
                                         ", expected 0 to 9191749636854775807");
      EXPECT_TRUE(out_.verdicts.empty());
    }
  }
}

TEST_F(PluginCallTest, KnowsASeriesDerivedDuringTheCall) {
  call_.begin(&in_);
  all(SLUICE_VERDICT_PASS);
  sluice_reading r = reading(1);
  r.series = table_.intern({"new", "", {}});
  r.source = 5;
  EXPECT_EQ(emit_->reading(emit_, &r), SLUICE_OK);
  ASSERT_TRUE(call_.finish(out_).ok());
  EXPECT_EQ(out_.derived.at(0).series, r.series);
  EXPECT_EQ(out_.derived.at(0).topic, 5u);
}

}  // namespace
}  // namespace sluice
