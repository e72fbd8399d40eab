#include "plugin_host/call_record.h"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

#include "plugin_host/plugin_call.h"

namespace sluice {
namespace {

class CallRecordTest : public ::testing::Test {
 protected:
  CallRecordTest() {
    for (int i = 0; i < 4; ++i)
      in_.append({series_, 5, 100 + i, Value::of(1.0 * i), Quality::good});
    call_.begin(&in_);
  }
  sluice_reading reading(double v) const {
    return {sizeof(sluice_reading),         series_, 5, SLUICE_KIND_F64, 0, 0, 7,
            std::bit_cast<std::uint64_t>(v)};
  }
  sluice_event event() const {
    static const sluice_attribute kAttributes[] = {{"threshold", "80"}};
    return {sizeof(sluice_event),
            series_,
            5,
            SLUICE_SEVERITY_WARN,
            SLUICE_PHASE_BEGIN,
            1,
            9,
            "too_hot",
            "Hot.",
            kAttributes};
  }
  /// One of each.
  void say_all(const sluice_emit* emit, sluice_verdict* verdicts) {
    verdicts[0] = {SLUICE_VERDICT_PASS, 0, 0};
    verdicts[1] = {SLUICE_VERDICT_DROP, 0, 1};
    verdicts[2] = {SLUICE_VERDICT_ALTERED, 0, 0};
    verdicts[3] = {SLUICE_VERDICT_HOLD, 0, 0};
    const sluice_reading r = reading(2.5);
    const sluice_event e = event();
    EXPECT_EQ(emit->alter(emit, 2, &r), SLUICE_OK);
    EXPECT_EQ(emit->reading(emit, &r), SLUICE_OK);
    EXPECT_EQ(emit->hold(emit, 3), 1u);
    EXPECT_EQ(emit->event(emit, &e), SLUICE_OK);
  }

  SeriesTable table_{10};
  SeriesId series_ = table_.intern({"m", "", {}});
  HeldReadings held_{100};
  PluginCall call_{table_, held_, 2};
  CallRecorder recorder_;
  ReadingBatch in_;
};

TEST_F(CallRecordTest, SaysAllAgain) {
  std::vector<sluice_verdict> verdicts(4);
  recorder_.begin(1, 10, 4);
  say_all(recorder_.emit(), verdicts.data());
  const auto record = recorder_.finish(verdicts.data(), 4);
  ASSERT_TRUE(record.ok());
  ASSERT_TRUE(apply_call_record(*record, 4, call_.verdicts(), call_.emit()).ok());
  StageOutput out;
  ASSERT_TRUE(call_.finish(out).ok());
  EXPECT_EQ(out.verdicts,
            (std::vector<Verdict>{Verdict::pass, Verdict::drop, Verdict::altered, Verdict::hold}));
  EXPECT_EQ(out.altered.at(0).value, Value::of(2.5));
  EXPECT_EQ(out.derived.size(), 1u);
  EXPECT_EQ(held_.size(), 1u);
  ASSERT_EQ(out.events.size(), 1u);
  EXPECT_EQ(out.events[0].name, "too_hot");
  EXPECT_EQ(out.events[0].attributes,
            (std::vector<std::pair<std::string, std::string>>{{"threshold", "80"}}));
}

TEST_F(CallRecordTest, IsTheSameWhetherSomebodyAnswersOrNobody) {
  std::vector<sluice_verdict> verdicts(4);
  recorder_.begin(1, 10, 4);
  say_all(recorder_.emit(), verdicts.data());
  const std::string unheard = *recorder_.finish(verdicts.data(), 4);
  recorder_.begin(call_.emit());
  say_all(recorder_.emit(), call_.verdicts());
  EXPECT_EQ(*recorder_.finish(call_.verdicts(), 4), unheard);
}

TEST_F(CallRecordTest, OfAThousandEqualVerdictsIsAFewBytes) {
  const std::vector<sluice_verdict> verdicts(1000, {SLUICE_VERDICT_PASS, 0, 0});
  recorder_.begin(1, 10, 4);
  EXPECT_LE(recorder_.finish(verdicts.data(), 1000)->size(), 4u);
}

TEST_F(CallRecordTest, LeavesOutWhatWasRefused) {
  std::vector<sluice_verdict> verdicts(4, {SLUICE_VERDICT_PASS, 0, 0});
  recorder_.begin(call_.emit());
  const sluice_reading r = reading(1);
  const sluice_emit* emit = recorder_.emit();
  EXPECT_EQ(emit->alter(emit, 99, &r), SLUICE_REFUSED);
  EXPECT_EQ(emit->settle_drop(emit, 77, 0), SLUICE_REFUSED);
  EXPECT_LE(recorder_.finish(verdicts.data(), 4)->size(), 4u);
}

TEST_F(CallRecordTest, FailsWhereARecordCannotShowWhatWasWrong) {
  std::vector<sluice_verdict> verdicts(4, {SLUICE_VERDICT_PASS, 0, 0});
  sluice_reading small = reading(1);
  small.struct_size = 8;
  recorder_.begin(1, 10, 4);
  EXPECT_EQ(recorder_.emit()->reading(recorder_.emit(), &small), SLUICE_REFUSED);
  EXPECT_FALSE(recorder_.finish(verdicts.data(), 4).ok());
  recorder_.begin(1, 10, 4);
  EXPECT_EQ(recorder_.emit()->event(recorder_.emit(), nullptr), SLUICE_REFUSED);
  EXPECT_FALSE(recorder_.finish(verdicts.data(), 4).ok());
}

TEST_F(CallRecordTest, GivesNoMoreTokensThanThereIsRoomFor) {
  recorder_.begin(41, 2, 4);
  const sluice_emit* emit = recorder_.emit();
  EXPECT_EQ(emit->hold(emit, 0), 41u);
  EXPECT_EQ(emit->hold(emit, 1), 42u);
  EXPECT_EQ(emit->hold(emit, 2), 0u);
}

TEST_F(CallRecordTest, IsRefusedWhenCutShortAtAnyByteOrForAnotherCountOfRows) {
  std::vector<sluice_verdict> verdicts(4);
  recorder_.begin(1, 10, 4);
  say_all(recorder_.emit(), verdicts.data());
  const std::string record = *recorder_.finish(verdicts.data(), 4);
  std::size_t refused = 0;
  for (std::size_t size = 0; size < record.size(); ++size) {
    call_.begin(&in_);
    refused +=
        apply_call_record(record.substr(0, size), 4, call_.verdicts(), call_.emit()).ok() ? 0 : 1;
    call_.abandon();
  }
  // Between two things said, the shorter record is a record too.
  EXPECT_GE(refused, record.size() - 5);
  call_.begin(&in_);
  EXPECT_FALSE(apply_call_record(record, 3, call_.verdicts(), call_.emit()).ok());
}

}  // namespace
}  // namespace sluice
