#include "node/rehearsal_counts.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

ToldEvent told(const std::string& name, EventPhase phase, const std::string& message = "text") {
  ToldEvent event;
  event.pipeline = "p";
  event.stage = "s";
  event.event.name = name;
  event.event.phase = phase;
  event.event.severity = Severity::warn;
  event.event.message = message;
  return event;
}

TEST(CountedEvents, CountsConditionsWhereTheyBeginAndTheBytesOfAll) {
  CountedEvents events;
  events.add(told("hot", EventPhase::begin, "first"), 10);
  events.add(told("hot", EventPhase::end), 20);
  events.add(told("hot", EventPhase::begin, "second"), 30);
  events.add(told("seen", EventPhase::moment), 40);
  v1::RehearsedPipeline out;
  events.write("p", out);
  ASSERT_EQ(out.events_size(), 2);
  EXPECT_EQ(out.events(0).name(), "hot");
  EXPECT_EQ(out.events(0).count(), 2u);
  EXPECT_EQ(out.events(0).last_message(), "second");
  EXPECT_EQ(out.events(0).severity(), v1::EVENT_SEVERITY_WARN);
  EXPECT_EQ(out.event_bytes(), 100u);
  v1::RehearsedPipeline other;
  events.write("q", other);
  EXPECT_EQ(other.events_size(), 0);
}

TEST(CountedEvents, KeepsNoMoreKindsThanItsBound) {
  CountedEvents events;
  for (std::size_t i = 0; i < CountedEvents::kKindsMax + 7; ++i) {
    events.add(told("n" + std::to_string(i), EventPhase::moment), 1);
  }
  v1::RehearsedPipeline out;
  events.write("p", out);
  EXPECT_EQ(out.events_size(), static_cast<int>(CountedEvents::kKindsMax));
  EXPECT_EQ(out.events_unlisted(), 7u);
}

TEST(CountingEncoder, GivesTheBytesOfTheWireAndCountsThem) {
  Pane pane;
  pane.window = {WindowKind::tumbling, 3, 0, 10, 0};
  pane.content.moments.add(5, 1.0);
  Pane early = pane;
  early.quality = PaneQuality::early;
  const SummaryBlock block{"p", 1, {pane, early}};
  CountingEncoder encoder;
  const std::string bytes = encoder.encode(block);
  EXPECT_EQ(bytes, ProtoSummaryEncoder().encode(block));
  const SentByPipeline& sent = encoder.of("p");
  EXPECT_EQ(sent.panes, 2u);
  EXPECT_EQ(sent.rows, 1u);
  EXPECT_EQ(sent.row_bytes, bytes.size());
  EXPECT_EQ(sent.by_quality.at(PaneQuality::early), 1u);
  EXPECT_EQ(sent.series, (std::vector<bool>{false, false, false, true}));
}

}  // namespace
}  // namespace sluice
