#include <malloc.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "model/boot_time.h"
#include "rig.h"
#include "sluice_plugin.h"

namespace sluice {
namespace {

static_assert(SLUICE_SOURCE_BOOT_TIME == kBootTopic);

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStampMax = 9'191'749'636'854'775'807;

/// One alert, told readings of one series and the watermark, in seconds.
class Alert : public Rig {
 protected:
  void begin(const std::string& config) { stage_ = make("alert", config); }
  /// `5 begin alert, 7 end alert`: time, phase and name of each event of the last call.
  std::string said(const StageOutput& out) {
    std::string text;
    for (const Event& e : out.events) {
      std::ostringstream time;
      time << static_cast<double>(e.event_time_ns) / 1e9;
      text += (text.empty() ? "" : ", ") + time.str() +
              (e.phase == EventPhase::begin ? " begin " : " end ") + e.name;
      events_.push_back(e);
    }
    return text;
  }
  std::string read(const Reading& reading) {
    const StageOutput out = run(*stage_, batch({reading}));
    EXPECT_EQ(out.verdicts, (std::vector{Verdict::pass}));
    EXPECT_EQ(out.derived.size(), 0u);
    return said(out);
  }
  std::string read(double seconds, double value, Quality quality = Quality::good) {
    return read(at(seconds, value, quality));
  }
  std::string time(std::int64_t watermark_ns) {
    StageOutput out;
    const Status status = stage_->on_time(watermark_ns, out);
    EXPECT_TRUE(status.ok()) << status.to_string();
    return said(out);
  }
  std::string time(double seconds) { return time(static_cast<std::int64_t>(seconds * 1e9)); }
  std::string attribute(const std::string& key) const {
    for (const auto& [name, value] : events_.back().attributes) {
      if (name == key) return value;
    }
    return "none";
  }
  static Reading boot(Reading reading) {
    reading.topic |= kBootTopic;
    return reading;
  }

  std::unique_ptr<Stage> stage_;
  std::vector<Event> events_;
};

// --- when, clear_when ---

TEST_F(Alert, BeginsWithTheReadingThatMeetsTheConditionAndEndsWithTheNextThatDoesNot) {
  begin(R"({"when":"value > 80","severity":"error"})");
  EXPECT_EQ(read(1, 80), "");
  EXPECT_EQ(read(2, 80.5), "2 begin alert");
  const Event& begin = events_.back();
  EXPECT_EQ(begin.series, series_);
  EXPECT_EQ(begin.topic, 1u);
  EXPECT_EQ(begin.severity, Severity::error);
  EXPECT_EQ(begin.message, "temperature is 80.5 Cel: value > 80");
  EXPECT_EQ(begin.attributes,
            (std::vector<std::pair<std::string, std::string>>{{"value", "80.5"},
                                                              {"threshold", "80"},
                                                              {"when", "value > 80"},
                                                              {"since", "1970-01-01T00:00:02Z"}}));
  EXPECT_EQ(read(3, 90), "");
  EXPECT_EQ(read(4, 80), "4 end alert");
  EXPECT_EQ(events_.back().severity, Severity::info);
  EXPECT_EQ(events_.back().message, "temperature is 80 Cel: no longer value > 80");
  EXPECT_EQ(attribute("value"), "80");
  EXPECT_EQ(attribute("since"), "1970-01-01T00:00:02Z");
}

TEST_F(Alert, EndsOnlyWhenItIsCleared) {
  begin(R"({"when":"value > 80","clear_when":"value < 75"})");
  EXPECT_EQ(read(1, 76), "");
  EXPECT_EQ(read(2, 81), "2 begin alert");
  EXPECT_EQ(read(3, 75), "");
  EXPECT_EQ(read(4, 82), "");
  EXPECT_EQ(read(5, 74), "5 end alert");
  EXPECT_EQ(attribute("clear_when"), "value < 75");
  EXPECT_EQ(read(6, 78), "");
}

TEST_F(Alert, TellsWhichThresholdWasPassed) {
  begin(R"({"when":"value < 2 or value > 8"})");
  read(1, 9);
  EXPECT_EQ(attribute("threshold"), "8");
  read(2, 5);
  read(3, 1);
  EXPECT_EQ(attribute("threshold"), "2");
}

TEST_F(Alert, TakesIntegersAndBooleans) {
  begin(R"({"when":"value == true"})");
  Reading reading = at(1, 0);
  reading.value = Value::of(false);
  EXPECT_EQ(read(reading), "");
  reading.value = Value::of(true);
  reading.event_time_ns = 2 * kSecond;
  EXPECT_EQ(read(reading), "2 begin alert");
  EXPECT_EQ(attribute("value"), "true");
  reading.value = Value::of(std::int64_t{-1});
  reading.event_time_ns = 3 * kSecond;
  EXPECT_EQ(read(reading), "3 end alert");
  EXPECT_EQ(attribute("value"), "-1");
}

TEST_F(Alert, KnowsTheRateFromTheSecondReadingOn) {
  begin(R"({"when":"rate >= 2"})");
  EXPECT_EQ(read(1, 100), "");
  EXPECT_EQ(read(1, 200), "") << "of two readings at once there is no rate";
  EXPECT_EQ(read(3, 204), "3 begin alert");
  EXPECT_EQ(attribute("rate"), "2");
  EXPECT_EQ(attribute("threshold"), "2");
  EXPECT_EQ(read(3, 0), "") << "nor does it end";
  EXPECT_EQ(read(4, 1.9), "4 end alert");
}

TEST_F(Alert, TakesARateThatNoDoubleCanSay) {
  begin(R"({"when":"rate > 1","for_s":1})");
  read(1, -1.7e308);
  EXPECT_EQ(read(2, 1.7e308), "");
  EXPECT_EQ(time(4.0), "3 begin alert");
  EXPECT_EQ(attribute("rate"), "inf");
}

TEST_F(Alert, EachSeriesHasAnAlertOfItsOwn) {
  begin(R"({"when":"value > 80"})");
  Reading other = at(1, 90);
  other.series = table_.intern({"temperature", "Cel", {{"room", "b"}}});
  EXPECT_EQ(read(1, 90), "1 begin alert");
  EXPECT_EQ(read(other), "1 begin alert");
  EXPECT_EQ(events_.back().series, other.series);
  EXPECT_EQ(read(2, 10), "2 end alert");
}

// --- for_s ---

TEST_F(Alert, BeginsOnceTheConditionHasHeldForLongEnough) {
  begin(R"({"when":"value > 80","for_s":60})");
  EXPECT_EQ(read(10, 81), "");
  EXPECT_EQ(read(69.999, 82), "");
  EXPECT_EQ(read(70, 83), "70 begin alert");
  EXPECT_EQ(attribute("value"), "83");
  EXPECT_EQ(attribute("since"), "1970-01-01T00:00:10Z");
  EXPECT_EQ(read(71, 84), "");
}

TEST_F(Alert, AReadingAtTheVeryMomentStillDecides) {
  begin(R"({"when":"value > 80","for_s":60})");
  EXPECT_EQ(read(10, 81), "");
  EXPECT_EQ(time(70.0), "");
  EXPECT_EQ(read(70, 80), "");
  EXPECT_EQ(read(100, 81), "");
  EXPECT_EQ(time(160.5), "160 begin alert");
  EXPECT_EQ(attribute("value"), "81");
}

TEST_F(Alert, WhatALaterReadingShowsHasTheTimeAtWhichItWasDue) {
  begin(R"({"when":"value > 80","for_s":60})");
  EXPECT_EQ(read(10, 81), "");
  EXPECT_EQ(read(100, 50), "70 begin alert, 100 end alert");
}

TEST_F(Alert, WaitsAnewAfterAReadingThatDoesNotMeetTheConditionEvenIfItWouldNotClearIt) {
  begin(R"({"when":"value > 80","clear_when":"value < 70","for_s":60})");
  EXPECT_EQ(read(10, 81), "");
  EXPECT_EQ(read(40, 75), "");
  EXPECT_EQ(read(50, 81), "");
  EXPECT_EQ(read(80, 81), "");
  EXPECT_EQ(read(111, 75), "110 begin alert");
}

// --- keep_firing_for_s, hold_off_s ---

TEST_F(Alert, GoesOnFiringAfterItWasClearedAndIsOneAlertWhileTheValueFlaps) {
  begin(R"({"when":"value > 80","keep_firing_for_s":60})");
  EXPECT_EQ(read(0, 81), "0 begin alert");
  EXPECT_EQ(read(10, 79), "");
  EXPECT_EQ(read(69, 81), "") << "it takes back that it was cleared";
  EXPECT_EQ(read(75, 79), "");
  EXPECT_EQ(read(80, 78), "") << "and a second clear reading does not begin anew";
  EXPECT_EQ(read(135, 81), "") << "a reading at the very moment still decides";
  EXPECT_EQ(read(140, 79), "");
  EXPECT_EQ(time(200.5), "200 end alert");
}

TEST_F(Alert, AReadingAfterTheEndBeginsTheNextAlert) {
  begin(R"({"when":"value > 80","keep_firing_for_s":60})");
  EXPECT_EQ(read(0, 81), "0 begin alert");
  EXPECT_EQ(read(10, 79), "");
  EXPECT_EQ(read(71, 81), "70 end alert, 71 begin alert");
}

TEST_F(Alert, BetweenWhenAndClearWhenTheKeepingGoesOn) {
  begin(R"({"when":"value > 80","clear_when":"value < 70","keep_firing_for_s":60})");
  EXPECT_EQ(read(0, 81), "0 begin alert");
  EXPECT_EQ(read(10, 60), "");
  EXPECT_EQ(read(20, 75), "");
  EXPECT_EQ(read(70, 75), "70 end alert");
}

TEST_F(Alert, WhatHoldsDuringTheHoldOffBeginsAfterIt) {
  begin(R"({"when":"value > 80","hold_off_s":60})");
  EXPECT_EQ(read(0, 81), "0 begin alert");
  EXPECT_EQ(read(10, 79), "10 end alert");
  EXPECT_EQ(read(20, 81), "");
  EXPECT_EQ(read(30, 79), "") << "what is over before was nothing";
  EXPECT_EQ(read(40, 81), "");
  EXPECT_EQ(read(70, 81), "70 begin alert");
  EXPECT_EQ(attribute("since"), "1970-01-01T00:00:40Z");
}

TEST_F(Alert, TheHoldOffAndTheWaitRunTogether) {
  begin(R"({"when":"value > 80","hold_off_s":60,"for_s":50})");
  read(0, 81);
  EXPECT_EQ(read(60, 79), "50 begin alert, 60 end alert");
  EXPECT_EQ(read(61, 81), "");
  EXPECT_EQ(time(130.0), "120 begin alert");
  EXPECT_EQ(read(130, 79), "130 end alert");
  EXPECT_EQ(read(185, 81), "");
  EXPECT_EQ(time(300.0), "235 begin alert");
}

/// A minute each: for, keep_firing_for, whether the condition holds, and whether the alert fires.
struct RuleCase {
  int for_min;
  int keep_min;
  std::string_view holds;
  std::string_view fires;
};

// What promtool 2.42.0 (Prometheus) answers for a rule that is evaluated once a minute.
TEST_F(Alert, FiresInTheMinutesInWhichAPrometheusRuleDoes) {
  const RuleCase kCases[] = {{2, 1, "111100000111111000111100001111111000000000011100011111111111",
                              "001110000001111100001110000011111100000000000110000111111111"},
                             {1, 2, "000011111111111111000000000011111111110000000111111111011100",
                              "000001111111111111110000000001111111111100000011111111111111"},
                             {1, 0, "000111111000001000111101010111111111100001111001110000000101",
                              "000011111000000000011100000011111111100000111000110000000000"},
                             {5, 1, "001111100001011111100001111111000000011111011111111111000111",
                              "000000000000000000110000000011100000000000000000111111100000"},
                             {3, 4, "000000000001100110001011110001110000001111011111111100011111",
                              "000000000000000000000000011111111111000001111111111111111111"},
                             {0, 2, "010000000011111100111000111111111111110000111111111111111111",
                              "011100000011111111111110111111111111111100111111111111111111"},
                             {2, 2, "001100000000001010000000011101001101000001101110000000000000",
                              "000000000000000000000000000111111111110000000011100000000000"},
                             {5, 4, "011111000010011111110111111000000111110000001110000110011111",
                              "000000000000000000111111111111100000000000000000000000000000"}};
  for (const RuleCase& c : kCases) {
    begin(R"({"when":"value == 1","for_s":)" + std::to_string(60 * c.for_min) +
          R"(,"keep_firing_for_s":)" + std::to_string(60 * c.keep_min) + "}");
    std::string fires;
    events_.clear();
    for (std::size_t minute = 0; minute < c.holds.size(); ++minute) {
      read(60.0 * static_cast<double>(minute), c.holds[minute] - '0');
      const bool fires_now = !events_.empty() && events_.back().phase == EventPhase::begin;
      fires += fires_now ? '1' : '0';
    }
    EXPECT_EQ(fires, c.fires) << c.for_min << " " << c.keep_min << " " << c.holds;
  }
}

// --- no_data_after_s ---

TEST_F(Alert, TellsOfSilenceAndEndsItWithTheNextReading) {
  begin(R"({"no_data_after_s":60,"severity":"fatal","name":"meter"})");
  EXPECT_EQ(read(10, 5), "");
  EXPECT_EQ(read(70, 6), "") << "exactly then is in time";
  EXPECT_EQ(time(130.0), "");
  EXPECT_EQ(time(130.001), "130 begin meter_no_data");
  EXPECT_EQ(events_.back().severity, Severity::fatal);
  EXPECT_EQ(events_.back().message, "no reading of temperature for 60 s");
  EXPECT_EQ(attribute("value"), "6");
  EXPECT_EQ(attribute("since"), "1970-01-01T00:01:10Z");
  EXPECT_EQ(time(1e6), "") << "once is enough";
  EXPECT_EQ(read(2e6, 7), "2e+06 end meter_no_data");
  EXPECT_EQ(events_.back().message, "temperature is 7 Cel: data again");
}

TEST_F(Alert, AReadingShowsASilenceThatNoWatermarkDid) {
  begin(R"({"when":"value > 80","no_data_after_s":60})");
  EXPECT_EQ(read(10, 5), "");
  EXPECT_EQ(read(200, 90), "70 begin alert_no_data, 200 end alert_no_data, 200 begin alert");
}

TEST_F(Alert, BadReadingsAreNoData) {
  begin(R"({"when":"value > 80","no_data_after_s":60})");
  EXPECT_EQ(read(10, 5), "");
  EXPECT_EQ(read(40, 90, Quality::bad), "");
  EXPECT_EQ(read(50, 90, Quality::uncertain), "");
  EXPECT_EQ(time(71.0), "70 begin alert_no_data");
  EXPECT_EQ(read(80, 5, Quality::bad), "");
  EXPECT_EQ(read(90, 5), "90 end alert_no_data");
}

TEST_F(Alert, InSilenceAConditionStopsWaitingAndAnAlertGoesOn) {
  begin(R"({"when":"value > 80","for_s":100,"no_data_after_s":60})");
  EXPECT_EQ(read(0, 90), "");
  EXPECT_EQ(time(1000.0), "60 begin alert_no_data");
  EXPECT_EQ(read(1000, 90), "1000 end alert_no_data");
  EXPECT_EQ(read(1050, 90), "");
  EXPECT_EQ(read(1100, 90), "1100 begin alert");
  EXPECT_EQ(time(2000.0), "1160 begin alert_no_data");
  EXPECT_EQ(read(2000, 70), "2000 end alert_no_data, 2000 end alert");
}

TEST_F(Alert, WhatIsDueTogetherWithSilenceComesFirst) {
  begin(R"({"when":"value > 80","for_s":60,"no_data_after_s":60})");
  EXPECT_EQ(read(0, 90), "");
  EXPECT_EQ(time(61.0), "60 begin alert, 60 begin alert_no_data");
}

TEST_F(Alert, TellsSeriesInTheOrderInWhichTheyFellSilent) {
  begin(R"({"no_data_after_s":60})");
  std::vector<SeriesId> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(table_.intern({"m" + std::to_string(i), "", {}}));
  for (int i = 0; i < 20; ++i) {
    Reading reading = at((i * 7) % 20, 1);
    reading.series = ids[static_cast<std::size_t>(i)];
    read(reading);
  }
  time(1000.0);
  ASSERT_EQ(events_.size(), 20u);
  EXPECT_TRUE(std::is_sorted(events_.begin(), events_.end(), [](const Event& a, const Event& b) {
    return a.event_time_ns < b.event_time_ns;
  }));
}

// --- time that does not simply go on ---

// A device was away while others talked, and then sends what it had stored.
TEST_F(Alert, ReadingsBehindTheWatermarkAreJudgedByTheirOwnTimes) {
  begin(R"({"when":"value > 80","for_s":60,"no_data_after_s":100})");
  EXPECT_EQ(read(0, 50), "");
  EXPECT_EQ(time(1000.0), "100 begin alert_no_data");
  EXPECT_EQ(read(10, 90), "100 end alert_no_data") << "not before it began";
  EXPECT_EQ(time(1001.0), "") << "the rest may be on its way";
  EXPECT_EQ(read(20, 90), "");
  EXPECT_EQ(read(75, 90), "70 begin alert");
  EXPECT_EQ(read(90, 50), "90 end alert");
  EXPECT_EQ(time(1101.0), "");
  EXPECT_EQ(time(1102.0), "190 begin alert_no_data");
}

TEST_F(Alert, AnAlertThatTheWatermarkBeganDoesNotEndBeforeItBegan) {
  begin(R"({"when":"value > 80","for_s":60,"keep_firing_for_s":5})");
  read(0, 90);
  EXPECT_EQ(time(1000.0), "60 begin alert");
  EXPECT_EQ(read(30, 50), "");
  EXPECT_EQ(read(66, 50), "65 end alert");
}

TEST_F(Alert, DoesNotJudgeWhatIsOlderThanTheLastReadingOfTheSeries) {
  begin(R"({"when":"value > 80","for_s":60})");
  Reading other = at(5, 50);
  other.topic = 2;
  EXPECT_EQ(read(10, 90), "");
  EXPECT_EQ(read(other), "");
  EXPECT_EQ(read(70, 90), "70 begin alert");
}

TEST_F(Alert, BootTimeIsJudgedByItsReadingsAndTheWatermarkDoesNotTouchIt) {
  begin(R"({"when":"value > 80","for_s":60,"no_data_after_s":100})");
  EXPECT_EQ(read(boot(at(5, 90))), "");
  EXPECT_EQ(time(1.7e9), "") << "it would be 54 years later";
  EXPECT_EQ(read(boot(at(65, 90))), "65 begin alert");
  EXPECT_EQ(events_.back().topic, 1u | kBootTopic);
  EXPECT_EQ(attribute("since"), "none") << "what counts from a boot is no date";
  EXPECT_EQ(read(boot(at(200, 90))), "165 begin alert_no_data, 200 end alert_no_data");
}

// Within one boot a source's time does not go back: the stage is ordered.
TEST_F(Alert, InBootTimeASourceThatGoesBackIsOfAnotherBoot) {
  begin(R"({"when":"value > 80","for_s":60,"keep_firing_for_s":60,"no_data_after_s":1000})");
  EXPECT_EQ(read(boot(at(36000, 50))), "");
  EXPECT_EQ(read(boot(at(30, 90))), "") << "how long it has held, nobody knows";
  EXPECT_EQ(read(boot(at(90, 90))), "90 begin alert");
  EXPECT_EQ(read(boot(at(100, 50))), "");
  EXPECT_EQ(read(boot(at(20, 50))), "");
  EXPECT_EQ(read(boot(at(80, 50))), "80 end alert");
  Reading other = boot(at(10, 90));
  other.topic = 2 | kBootTopic;
  EXPECT_EQ(read(other), "") << "another source's may be late";
}

TEST_F(Alert, WhatTakesTimeStartsAnewWhenTheTimeBecomesKnown) {
  begin(R"({"when":"value > 80","for_s":60,"keep_firing_for_s":60,"no_data_after_s":100})");
  EXPECT_EQ(read(boot(at(5, 90))), "");
  EXPECT_EQ(read(1.7e9, 90), "");
  EXPECT_EQ(read(1.7e9 + 60, 90), "1.7e+09 begin alert");
  EXPECT_EQ(attribute("since"), "2023-11-14T22:13:20Z");
  EXPECT_EQ(read(1.7e9 + 70, 50), "");
  EXPECT_EQ(read(boot(at(3, 50))), "");
  EXPECT_EQ(read(boot(at(62, 50))), "");
  EXPECT_EQ(read(boot(at(63, 50))), "63 end alert");
}

TEST_F(Alert, AnAlertAndASilenceEndInTheTimeOfTheReadingThatEndsThem) {
  begin(R"({"when":"value > 80","no_data_after_s":100})");
  EXPECT_EQ(read(1.7e9, 90), "1.7e+09 begin alert");
  EXPECT_EQ(time(1.8e9), "1.7e+09 begin alert_no_data");
  EXPECT_EQ(read(boot(at(7, 50))), "7 end alert_no_data, 7 end alert");
}

TEST_F(Alert, ReachesTheLastTimeThereIs) {
  begin(R"({"when":"value > 80","for_s":31536000,"keep_firing_for_s":31536000,
            "hold_off_s":31536000,"no_data_after_s":31536000})");
  Reading reading = at(0, 90);
  reading.event_time_ns = kStampMax - 5;
  EXPECT_EQ(read(reading), "");
  time(std::numeric_limits<std::int64_t>::max());
  ASSERT_EQ(events_.size(), 2u);
  EXPECT_EQ(events_[0].event_time_ns, kStampMax);
  EXPECT_EQ(events_[1].event_time_ns, kStampMax);
  reading.series = table_.intern({"m", "", {}});
  reading.event_time_ns = 0;  // as far behind the watermark as can be
  EXPECT_EQ(read(reading), "");
  EXPECT_EQ(time(std::numeric_limits<std::int64_t>::max()), "");
}

// --- names and messages ---

TEST_F(Alert, FillsTheMessageIn) {
  begin(R"x({"when":"value > 80","for_s":60,"name":"hot_2","message":
      "{measurement} in {label.room} is {value} (> {threshold}: {when}) at {since}{label.no}"})x");
  read(0.25, 81);
  EXPECT_EQ(read(61, 82), "60.25 begin hot_2");
  EXPECT_EQ(events_.back().message,
            "temperature in a is 81 Cel (> 80: value > 80) at 1970-01-01T00:00:00.25Z");
}

TEST_F(Alert, CutsALongMessageBetweenTwoCharacters) {
  std::string label;
  for (int i = 0; i < 300; ++i) label += "ü";
  const SeriesId id = table_.intern({"m", "", {{"l", label}}});
  begin(R"({"when":"value > 80","message":"{label.l}"})");
  Reading reading = at(1, 81);
  reading.series = id;
  EXPECT_EQ(read(reading), "1 begin alert");
  EXPECT_EQ(events_.back().message, label.substr(0, 508) + "...");
}

TEST_F(Alert, AMessageOfNothingButAMissingLabelIsTheName) {
  begin(R"({"when":"value > 80","message":"{label.none}"})");
  EXPECT_EQ(read(1, 81), "1 begin alert");
  EXPECT_EQ(events_.back().message, "alert");
}

TEST_F(Alert, RefusesAConfigThatCannotBeMeantAndSaysWhatIsWrong) {
  const std::string kStart = "stages[0] (alert): config";
  const std::pair<const char*, std::string> kBad[] = {
      {"{}", ": nothing to tell: set when, no_data_after_s or both"},
      {R"({"when":"value >"})", ": when: expected a number, true or false at byte 8"},
      {R"({"when":"value > 1","clear_when":"value"})", ": clear_when: expected one of"},
      {R"({"when":"value > 1","clear_when":"value > 0"})", ": clear_when: must not hold together"},
      {R"({"no_data_after_s":5,"clear_when":"value > 0"})", ": clear_when, for_s, keep_firing"},
      {R"({"no_data_after_s":5,"for_s":1})", ": clear_when, for_s, keep_firing_for_s and hold_off"},
      {R"({"when":"value > 1","name":"Too hot"})", ": name: expected a-z, 0-9 and _ only"},
      {R"({"when":"value > 1","message":"{unit}"})", ": message: there is no {unit}; there are"},
      {R"({"when":"value > 1","message":"{label.}"})", ": message: there is no {label.}; there"},
      {R"({"when":"value > 1","message":"a { b"})", ": message: a { without its }"},
      {R"({"when":"value > 1","message":"a\u0000b"})", ": message: expected one line"},
      {R"({"when":"value > 1","for_s":-1})", ".for_s: expected a number >= 0"},
      {R"({"when":"value > 1","no_data_after_s":0})", ".no_data_after_s: expected a number > 0"},
      {R"({"when":"value > 1","severity":"critical"})", ".severity: expected one of \"info\""},
      {R"({"when":80})", ".when: expected a string"},
      {R"({"whenn":"value > 1"})", ".whenn: no such key"}};
  for (const auto& [config, why] : kBad) {
    const std::string error = error_of("alert", config);
    EXPECT_TRUE(error.starts_with(kStart + why)) << config << " gives " << error;
  }
  EXPECT_TRUE(make("alert", R"({"when":"value > 1"})")->ordered());
}

// --- state, limits ---

TEST_F(Alert, TellsTheRestLaterWithItsOwnTimeWhenACallIsFull) {
  SeriesTable table(10000);
  stage_ = *make_stage({PLUGIN_DIR, "alert", "", R"({"when":"value > 80","no_data_after_s":60})",
                        "room", "stages[0]", table});
  const auto all_at = [&](double t, double value) {
    ReadingBatch in;
    for (int i = 0; i < 3000; ++i) {
      Reading r = at(t, value);
      r.series = table.intern({"m", "", {{"i", std::to_string(i)}}});
      in.append(r);
    }
    return in;
  };
  std::map<std::string, std::map<SeriesId, std::vector<std::int64_t>>> told;
  const auto add = [&](const StageOutput& out) {
    for (const Event& e : out.events) {
      told[e.name + (e.phase == EventPhase::begin ? " begin" : " end")][e.series].push_back(
          e.event_time_ns);
    }
    return out.events.size();
  };
  const auto add_time = [&](double seconds) {
    StageOutput out;
    EXPECT_TRUE(stage_->on_time(static_cast<std::int64_t>(seconds * 1e9), out).ok());
    return add(out);
  };
  EXPECT_EQ(add(run(*stage_, all_at(0, 90))), 1024u);
  EXPECT_EQ(add_time(1), 1024u);
  EXPECT_EQ(add_time(2), 952u);
  EXPECT_EQ(add_time(100), 1024u);
  EXPECT_EQ(add_time(101), 1024u);
  EXPECT_EQ(add_time(102), 952u);
  EXPECT_EQ(add(run(*stage_, all_at(110, 50))), 1024u);
  for (int i = 0; i < 7; ++i) add(run(*stage_, all_at(111, 50)));
  for (const auto& [what, times] : told) {
    EXPECT_EQ(times.size(), 3000u) << what;
    for (const auto& [series, all] : times) ASSERT_EQ(all.size(), 1u) << what << series;
  }
  for (const auto& [series, all] : told["alert begin"]) EXPECT_EQ(all[0], 0);
  for (const auto& [series, all] : told["alert_no_data begin"]) EXPECT_EQ(all[0], 60 * kSecond);
  EXPECT_EQ(told.size(), 4u);
}

// A sanitizer's allocator tells nothing.
TEST_F(Alert, TakesNoMoreMemoryPerSeriesThanItSays) {
  constexpr std::size_t kSeries = 20000;
  SeriesTable table(kSeries + 1);
  std::vector<SeriesId> ids;
  for (std::size_t i = 0; i < kSeries; ++i) {
    ids.push_back(table.intern({"m", "", {{"i", std::to_string(i)}}}));
  }
  const auto stage = *make_stage({PLUGIN_DIR, "alert", "",
                                  R"({"when":"value > 80","for_s":9,"no_data_after_s":60})", "room",
                                  "stages[0]", table});
  const std::size_t before = mallinfo2().uordblks;
  if (before == 0) GTEST_SKIP() << "the allocator does not tell what is in use";
  for (const SeriesId id : ids) {
    Reading r = at(0, 90);
    r.series = id;
    run(*stage, batch({r}));
  }
  const double per_series = static_cast<double>(mallinfo2().uordblks - before) / kSeries;
  std::printf("%.0f bytes per series\n", per_series);
  EXPECT_LE(per_series, 256);
}

TEST_F(Alert, RefusesADamagedSnapshot) {
  const std::string config = R"({"when":"value > 80","for_s":60})";
  begin(config);
  read(0, 90);
  const std::string bytes = *stage_->snapshot();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(make("alert", config)->restore(bytes.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(make("alert", config)->restore(bytes + '\0').ok());
  // The plugin's own part stands last: the watermark, a count, one series and the seal.
  for (std::size_t bit = (bytes.size() - 104) * 8; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(make("alert", config)->restore(flipped).ok()) << bit;
  }
  EXPECT_TRUE(make("alert", config)->restore(bytes).ok());
}

// --- the examples of the README, as they are printed there ---

double clock_seconds(const std::string& text) {
  int hours = 0, minutes = 0, seconds = 0;
  EXPECT_EQ(std::sscanf(text.c_str(), "%d:%d:%d", &hours, &minutes, &seconds), 3) << text;
  return hours * 3600 + minutes * 60 + seconds;
}

/// As `12:06:00 begin alert`.
std::string example_text(const Event& e) {
  const std::int64_t s = e.event_time_ns / kSecond;
  char time[32];
  std::snprintf(time, sizeof time, "%02d:%02d:%02d", static_cast<int>(s / 3600),
                static_cast<int>(s / 60 % 60), static_cast<int>(s % 60));
  return std::string(time) + (e.phase == EventPhase::begin ? " begin " : " end ") + e.name;
}

TEST_F(Alert, DoesWhatTheExamplesOfTheReadmeSay) {
  std::ifstream file(ALERT_README);
  int examples = 0;
  int events = 0;
  for (std::string line; std::getline(file, line);) {
    if (line != "```alert") continue;
    ++examples;
    ASSERT_TRUE(std::getline(file, line));
    SCOPED_TRACE(line);
    begin(line);
    while (std::getline(file, line) && line != "```") {
      const std::size_t arrow = line.find("-> ");
      std::istringstream words(line.substr(0, arrow));
      std::string time_text, value;
      ASSERT_TRUE(words >> time_text >> value) << line;
      const double t = clock_seconds(time_text);
      events_.clear();
      if (value == "silence") {
        time(t);
      } else {
        Reading reading = at(t, std::atof(value.c_str()));
        if (value == "true" || value == "false") reading.value = Value::of(value == "true");
        read(reading);
      }
      std::string told;
      for (const Event& e : events_) told += (told.empty() ? "" : ", ") + example_text(e);
      EXPECT_EQ(told, arrow == std::string::npos ? "" : line.substr(arrow + 3)) << line;
      events += static_cast<int>(events_.size());
    }
  }
  EXPECT_EQ(examples, 5);
  EXPECT_EQ(events, 12);
}

}  // namespace
}  // namespace sluice
