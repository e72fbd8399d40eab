#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "alert/condition.hpp"

namespace sluice::alert {
namespace {

bool holds(const std::string& text, double value, std::optional<double> rate = std::nullopt) {
  return Condition::parse("when", text).holds({value, rate}).value();
}

std::string error_of(const std::string& when, const std::string& clear_when = "") {
  try {
    const Condition condition = Condition::parse("when", when);
    if (clear_when.empty()) {
      check_conditions(condition, nullptr);
    } else {
      const Condition clear = Condition::parse("clear_when", clear_when);
      check_conditions(condition, &clear);
    }
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "accepted";
}

TEST(AlertCondition, ComparesTheValueWithANumber) {
  const double kBelow = std::nextafter(80, 0);
  const double kAbove = std::nextafter(80, 100);
  struct Case {
    const char* text;
    bool below, at, above;
  };
  for (const Case& c : {Case{"value > 80", false, false, true},
                        {"value >= 80", false, true, true},
                        {"value < 80", true, false, false},
                        {"value <= 80", true, true, false},
                        {"value == 80", false, true, false},
                        {"value != 80", true, false, true}}) {
    EXPECT_EQ(holds(c.text, kBelow), c.below) << c.text;
    EXPECT_EQ(holds(c.text, 80), c.at) << c.text;
    EXPECT_EQ(holds(c.text, kAbove), c.above) << c.text;
  }
}

TEST(AlertCondition, ReadsBlanksSignsAndExponentsAsTheyComeAndTrueAsOne) {
  EXPECT_TRUE(holds("value>-1.5e2", -149));
  EXPECT_FALSE(holds("  value  >  -1.5e2  ", -151));
  EXPECT_TRUE(holds("value == true", 1));
  EXPECT_TRUE(holds("value == false", 0));
  EXPECT_FALSE(holds("value != false", 0));
}

TEST(AlertCondition, AndBindsTighterThanOr) {
  const char* text = "value < 2 or value > 8 and rate > 0 or value == 5";
  EXPECT_TRUE(holds(text, 1, -1));
  EXPECT_TRUE(holds(text, 9, 1));
  EXPECT_FALSE(holds(text, 9, -1));
  EXPECT_TRUE(holds(text, 5, -1));
  EXPECT_FALSE(holds(text, 6, 1));
}

TEST(AlertCondition, SaysNothingWithoutARateThatItNeeds) {
  const Condition condition = Condition::parse("when", "value > 8 or rate > 1");
  EXPECT_TRUE(condition.uses_rate());
  EXPECT_FALSE(condition.holds({9, std::nullopt}).has_value());
  EXPECT_EQ(condition.holds({9, 0}), true);
  EXPECT_FALSE(Condition::parse("when", "value > 8").uses_rate());
}

TEST(AlertCondition, NamesTheNumberOfTheFirstComparisonThatHolds) {
  const Condition condition = Condition::parse("when", "value < 2 or value > 8 and rate > 3");
  EXPECT_EQ(condition.threshold({1, 0}), 2);
  EXPECT_EQ(condition.threshold({9, 4}), 8);
  EXPECT_EQ(condition.threshold({5, 4}), 3);
  EXPECT_EQ(condition.threshold({5, 0}), 2);
  EXPECT_EQ(condition.threshold({5, std::nullopt}), 2);
}

TEST(AlertCondition, RefusesWhatItCannotReadAndSaysWhere) {
  const std::pair<const char*, const char*> kBad[] = {
      {"", "expected \"value\" or \"rate\" at byte 1"},
      {"temperature > 5", "expected \"value\" or \"rate\" at byte 1"},
      {"values > 5", "expected \"value\" or \"rate\" at byte 1"},
      {"value", "expected one of > >= < <= == != at byte 6"},
      {"value = 5", "expected one of > >= < <= == != at byte 7"},
      {"value > ", "expected a number, true or false at byte 9"},
      {"value > nan", "expected a number, true or false at byte 9"},
      {"value > 1e999", "expected a number, true or false at byte 9"},
      {"value > 5C", "expected \"and\", \"or\" or the end at byte 10"},
      {"value > 5c", "expected a number, true or false at byte 9"},
      {"value > 5 && value < 8", "expected \"and\", \"or\" or the end at byte 11"},
      {"value > 5 or", "expected \"value\" or \"rate\" at byte 13"},
      {"(value > 5)", "expected \"value\" or \"rate\" at byte 1"},
      {"value > 5\n", "expected \"and\", \"or\" or the end at byte 10"}};
  for (const auto& [text, expected] : kBad) {
    const std::string error = error_of(text);
    EXPECT_TRUE(error.starts_with(std::string("when: ") + expected)) << text << ": " << error;
  }
  std::string many = "value == 0";
  for (int i = 1; i < 16; ++i) many += " or value == " + std::to_string(i);
  EXPECT_EQ(error_of(many), "accepted");
  EXPECT_TRUE(error_of(many + " or value == 16").starts_with("when: expected at most 16"));
}

TEST(AlertCondition, RefusesWhatNeverOrAlwaysHoldsAndWhatClearsWhatItBegins) {
  EXPECT_EQ(error_of("value > 5 and value < 5"),
            "when: \"value > 5 and value < 5\" can never hold");
  EXPECT_EQ(error_of("value <= 5 or value >= 5"),
            "when: \"value <= 5 or value >= 5\" always holds");
  EXPECT_EQ(error_of("value > 5", "value < 1 and value > 2"),
            "clear_when: \"value < 1 and value > 2\" can never hold");
  EXPECT_EQ(error_of("value > 80", "value < 90"),
            "clear_when: must not hold together with when; at value 85 both do");
  EXPECT_EQ(error_of("value >= 80", "value <= 80"),
            "clear_when: must not hold together with when; at value 80 both do");
  EXPECT_EQ(error_of("rate > 1", "value < 5"),
            "clear_when: must not hold together with when; at value -inf and rate inf both do");
  EXPECT_EQ(error_of("value > 80", "value <= 80"), "accepted");
  EXPECT_EQ(error_of("value > 80", "value < 75"), "accepted");
  EXPECT_EQ(error_of("value < 2 or value > 8", "value >= 3 and value <= 7"), "accepted");
}

// Conditions with bounds 0..4 are tried at every half from -1 to 5, which is all they can tell
// apart.
TEST(AlertCondition, FindsEveryConditionThatNeverOrAlwaysHolds) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const char* const kOperators[] = {">", ">=", "<", "<=", "==", "!="};
  int refused = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (unsigned n = random() % 4 + 1; n > 0; --n) {
      text += (random() % 3 == 0 ? "rate " : "value ") + std::string(kOperators[random() % 6]) +
              " " + std::to_string(random() % 5);
      if (n > 1) text += random() % 2 == 0 ? " and " : " or ";
    }
    int held = 0;
    int failed = 0;
    for (double value = -1; value <= 5; value += 0.5) {
      for (double rate = -1; rate <= 5; rate += 0.5) ++(holds(text, value, rate) ? held : failed);
    }
    const bool useful = held > 0 && failed > 0;
    refused += !useful;
    EXPECT_EQ(error_of(text) == "accepted", useful) << text;
  }
  EXPECT_GT(refused, 20);
}

}  // namespace
}  // namespace sluice::alert
