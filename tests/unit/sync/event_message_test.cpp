#include "sync/event_message.h"

#include <gtest/gtest.h>

#include "model/boot_time.h"

namespace sluice {
namespace {

TEST(EventMessage, EachSeverityAndPhaseHasItsOwnNumber) {
  const TopicTable topics(1);
  for (const Severity severity :
       {Severity::info, Severity::warn, Severity::error, Severity::fatal}) {
    for (const EventPhase phase : {EventPhase::moment, EventPhase::begin, EventPhase::end}) {
      ToldEvent told;
      told.event.severity = severity;
      told.event.phase = phase;
      v1::Event out;
      write_event(told, topics, out);
      EXPECT_TRUE(v1::EventSeverity_IsValid(out.severity()));
      EXPECT_EQ(static_cast<int>(out.severity()), static_cast<int>(severity));
      EXPECT_TRUE(v1::EventPhase_IsValid(out.phase()));
      EXPECT_EQ(static_cast<int>(out.phase()), static_cast<int>(phase));
    }
  }
}

TEST(EventMessage, ATopicInBootTimeIsTheTopicAllTheSame) {
  TopicTable topics(1);
  ToldEvent told;
  told.event.topic = topics.intern({"plant", "a/b"}) | kBootTopic;
  v1::Event out;
  write_event(told, topics, out);
  EXPECT_EQ(out.source(), "plant");
  EXPECT_EQ(out.topic(), "a/b");
  EXPECT_TRUE(out.in_boot_time());
}

// The hub refuses what is longer, and with it the stream, for ever.
TEST(EventMessage, WhatIsNotUtf8StaysWithinItsBounds) {
  TopicTable topics(1);
  ToldEvent told;
  told.event.topic = topics.intern({"plant", std::string(65'535, '\xff')});
  told.event.message = std::string(512, '\xff');
  told.event.attributes = {{"error", std::string(256, '\xff')}};
  v1::Event out;
  write_event(told, topics, out);
  EXPECT_LE(out.message().size(), 512u);
  EXPECT_LE(out.attributes(0).value().size(), 256u);
  EXPECT_LE(out.topic().size(), 65'535u);
  EXPECT_TRUE(v1::Event().ParseFromString(out.SerializeAsString()));
}

}  // namespace
}  // namespace sluice
