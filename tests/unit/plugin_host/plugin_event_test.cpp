#include "plugin_host/plugin_event.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

sluice_event good() {
  sluice_event event{};
  event.struct_size = sizeof event;
  event.series = 3;
  event.source = 2;
  event.severity = SLUICE_SEVERITY_WARN;
  event.phase = SLUICE_PHASE_BEGIN;
  event.event_time_ns = 42;
  event.name = "too_hot";
  event.message = "The motor is too hot.";
  return event;
}

std::string refusal(const sluice_event& event) {
  const Result<Event> read = read_event(&event);
  return read.ok() ? "taken" : std::string(read.status().message());
}

TEST(PluginEvent, IsTakenWithItsAttributes) {
  const sluice_attribute attributes[] = {{"threshold", "80"}, {"where", ""}};
  sluice_event event = good();
  event.attributes = attributes;
  event.attribute_count = 2;
  const Result<Event> read = read_event(&event);
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_EQ(*read, (Event{3,
                          2,
                          42,
                          Severity::warn,
                          EventPhase::begin,
                          "too_hot",
                          "The motor is too hot.",
                          {{"threshold", "80"}, {"where", ""}}}));
}

TEST(PluginEvent, NamesWhatIsWrong) {
  EXPECT_EQ(read_event(nullptr).status().message(), "the event is NULL");
  const auto with = [](auto change) {
    sluice_event event = good();
    change(event);
    return refusal(event);
  };
  EXPECT_EQ(with([](auto& e) { e.struct_size = 8; }), "struct_size 8, expected at least 48");
  EXPECT_EQ(with([](auto& e) { e.severity = 10; }), "severity 10, expected 9, 13, 17 or 21");
  EXPECT_EQ(with([](auto& e) { e.phase = 3; }), "phase 3 does not exist");
  EXPECT_EQ(with([](auto& e) { e.event_time_ns = -1; }),
            "event time -1, expected 0 to 9191749636854775807");
  EXPECT_EQ(with([](auto& e) { e.name = nullptr; }), "the name is not 1..64 of a-z 0-9 _");
  EXPECT_EQ(with([](auto& e) { e.name = "Too hot"; }), "the name is not 1..64 of a-z 0-9 _");
  EXPECT_EQ(with([](auto& e) { e.message = ""; }), "the message is not 1..512 bytes of UTF-8");
  EXPECT_EQ(with([](auto& e) { e.message = "\xff"; }), "the message is not 1..512 bytes of UTF-8");
  const std::string long_message(513, 'x');
  EXPECT_EQ(with([&](auto& e) { e.message = long_message.c_str(); }),
            "the message is not 1..512 bytes of UTF-8");
  EXPECT_EQ(with([](auto& e) { e.attribute_count = 1; }),
            "1 attributes, expected at most 16 and a list");
}

TEST(PluginEvent, NamesTheWrongAttribute) {
  const auto with = [](std::vector<sluice_attribute> attributes) {
    sluice_event event = good();
    event.attributes = attributes.data();
    event.attribute_count = static_cast<std::uint16_t>(attributes.size());
    return refusal(event);
  };
  EXPECT_EQ(with({{"a", "1"}, {"a", "2"}}), "attribute a stands there twice");
  EXPECT_EQ(with({{"a b", "1"}}), "an attribute's key is not 1..64 of a-z 0-9 _");
  EXPECT_EQ(with({{"a", nullptr}}), "attribute a: the value is not 0..256 bytes of UTF-8");
  EXPECT_EQ(with(std::vector<sluice_attribute>(17, {"a", "1"})),
            "17 attributes, expected at most 16 and a list");
}

}  // namespace
}  // namespace sluice
