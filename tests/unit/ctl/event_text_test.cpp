#include "ctl/event_text.h"

#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

TEST(EventText, NamesSeveritiesAndPhasesAndNumbersThoseItDoesNotKnow) {
  for (const char* name : {"info", "warn", "error", "fatal"}) {
    const auto severity = parse_severity(name);
    ASSERT_TRUE(severity.ok());
    EXPECT_EQ(severity_text(*severity), name);
  }
  EXPECT_EQ(parse_severity("WARN").status().message(),
            "expected info, warn, error or fatal, got \"WARN\"");
  EXPECT_EQ(severity_text(static_cast<v1::EventSeverity>(10)), "10");
  EXPECT_EQ(phase_text(v1::EVENT_PHASE_MOMENT), "-");
  EXPECT_EQ(phase_text(v1::EVENT_PHASE_BEGIN), "begin");
  EXPECT_EQ(phase_text(static_cast<v1::EventPhase>(7)), "7");
}

TEST(EventText, PutsTheAttributesBehindTheMessage) {
  v1::Event event;
  event.set_message("It is hot.");
  EXPECT_EQ(message_text(event), "It is hot.");
  for (const char* key : {"limit", "value"}) {
    event.add_attributes()->set_key(key);
    event.mutable_attributes(event.attributes_size() - 1)->set_value("80");
  }
  EXPECT_EQ(message_text(event), "It is hot. (limit=80 value=80)");
}

}  // namespace
}  // namespace sluice::ctl
