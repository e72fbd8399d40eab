#include "hub/uplink_messages.h"

#include <gtest/gtest.h>

#include "model/boot_time.h"
#include "sluice/v1/uplink.pb.h"

namespace sluice::hub {
namespace {

v1::Hello sample_hello() {
  v1::Hello hello;
  hello.set_node("plant-7.north_A");
  hello.set_epoch("0123456789ABCDEF0123456789abcdef");
  hello.set_instance("a1b2");
  hello.set_version("0.1.0");
  hello.set_next_seq(1);
  return hello;
}

TEST(UplinkMessages, TakesAHelloAndFoldsTheEpochsCase) {
  const auto key = read_hello(sample_hello());
  ASSERT_TRUE(key.ok()) << key.status().to_string();
  EXPECT_EQ(key->node, "plant-7.north_A");
  EXPECT_EQ(key->epoch, "0123456789abcdef0123456789abcdef");
}

TEST(UplinkMessages, NamesTheFieldOfABadHello) {
  const auto refusal = [](auto change) {
    v1::Hello hello = sample_hello();
    change(hello);
    const auto key = read_hello(hello);
    EXPECT_EQ(key.status().code(), StatusCode::invalid_argument);
    const std::string words(key.status().message());
    return words.substr(0, words.find(' '));
  };
  EXPECT_EQ(refusal([](auto& h) { h.clear_node(); }), "Hello.node");
  EXPECT_EQ(refusal([](auto& h) { h.set_node("a b"); }), "Hello.node");
  EXPECT_EQ(refusal([](auto& h) { h.set_node("a\nlevel=error"); }), "Hello.node");
  EXPECT_EQ(refusal([](auto& h) { h.set_node("caf\xC3\xA9"); }), "Hello.node");
  EXPECT_EQ(refusal([](auto& h) { h.set_node(std::string(129, 'n')); }), "Hello.node");
  EXPECT_EQ(refusal([](auto& h) { h.set_epoch(std::string(31, 'a')); }), "Hello.epoch");
  EXPECT_EQ(refusal([](auto& h) { h.set_epoch(std::string(33, 'a')); }), "Hello.epoch");
  EXPECT_EQ(refusal([](auto& h) { h.set_epoch(std::string(32, 'g')); }), "Hello.epoch");
  EXPECT_EQ(refusal([](auto& h) { h.clear_instance(); }), "Hello.instance");
  EXPECT_EQ(refusal([](auto& h) { h.set_instance("a\x01"); }), "Hello.instance");
  EXPECT_EQ(refusal([](auto& h) { h.set_version(std::string(65, 'v')); }), "Hello.version");
  EXPECT_EQ(refusal([](auto& h) { h.set_next_seq(0); }), "Hello.next_seq");
}

TEST(UplinkMessages, SortsTheLabelsOfASeries) {
  v1::SeriesDefinitions definitions;
  v1::SeriesDefinition& definition = *definitions.add_definitions();
  definition.set_id(7);
  definition.set_measurement("temperature");
  (*definition.mutable_labels())["site"] = "north";
  (*definition.mutable_labels())["device"] = "3";
  const auto series = read_series(definitions);
  ASSERT_EQ(series.entries.size(), 1u);
  EXPECT_EQ(series.left_out, 0u);
  EXPECT_EQ(series.entries[0].id, 7u);
  EXPECT_EQ(series.entries[0].series.to_string(), "temperature{device=\"3\",site=\"north\"}");
}

TEST(UplinkMessages, LeavesOutABadSeriesDefinitionAndTakesTheOthers) {
  const auto why = [](auto change) {
    v1::SeriesDefinitions definitions;
    for (const std::uint32_t id : {6, 7, 8}) {
      v1::SeriesDefinition& definition = *definitions.add_definitions();
      definition.set_id(id);
      definition.set_measurement("temperature");
    }
    change(*definitions.mutable_definitions(1));
    const ReadSeries series = read_series(definitions);
    EXPECT_EQ(series.entries.size() + series.left_out, 3u);
    EXPECT_EQ(series.entries.front().id, 6u);
    EXPECT_EQ(series.entries.back().id, 8u);
    return series.why;
  };
  EXPECT_EQ(why([](auto&) {}), "");
  EXPECT_NE(why([](auto& d) { d.set_id(0); }), "");
  EXPECT_NE(why([](auto& d) { d.clear_measurement(); }), "");
  EXPECT_NE(why([](auto& d) { d.set_measurement(std::string(129, 'm')); }), "");
  EXPECT_NE(why([](auto& d) { (*d.mutable_labels())[""] = "x"; }), "");
  EXPECT_NE(why([](auto& d) { (*d.mutable_labels())["x"] = std::string(20'000, 'x'); }), "");
}

TEST(UplinkMessages, TakesRowsInOrderAndRefusesASequenceBelowOne) {
  v1::SummaryBatch batch;
  for (const std::int64_t seq : {5, 3}) {
    v1::SummaryRow& row = *batch.add_rows();
    row.set_seq(seq);
    row.set_block("bytes " + std::to_string(seq));
  }
  const auto rows = take_rows(batch);
  ASSERT_TRUE(rows.ok());
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ(rows->at(0).seq, 5);
  EXPECT_EQ(rows->at(1).block, "bytes 3");
  batch.mutable_rows(1)->set_seq(-1);
  EXPECT_EQ(take_rows(batch).status().code(), StatusCode::invalid_argument);
}

v1::GapBatch sample_gaps(int count) {
  v1::GapBatch batch;
  for (int seq = 1; seq <= count; ++seq) {
    v1::GapRecord& gap = *batch.add_gaps();
    gap.set_epoch("0123456789ABCDEF0123456789abcdef");
    gap.set_seq(seq);
    gap.set_kind(v1::GAP_KIND_PANES);
    gap.set_owner("room");
    gap.set_cause("corrupt");
    gap.set_from_ns(-1);
    gap.set_to_ns(2);
    gap.set_count(3);
  }
  return batch;
}

TEST(UplinkMessages, TakesGaps) {
  const auto gaps = read_gaps(sample_gaps(1000));
  ASSERT_TRUE(gaps.ok()) << gaps.status().to_string();
  ASSERT_EQ(gaps->size(), 1000u);
  EXPECT_EQ(gaps->back(), (GapRow{1000,
                                  "0123456789abcdef0123456789abcdef",
                                  {LedgerKind::panes, "room", "corrupt", -1, 2, 3}}));
}

TEST(UplinkMessages, NamesTheFaultOfABadGap) {
  const auto refusal = [](auto change) {
    v1::GapBatch batch = sample_gaps(2);
    change(batch, *batch.mutable_gaps(1));
    const auto gaps = read_gaps(batch);
    EXPECT_EQ(gaps.status().code(), StatusCode::invalid_argument);
    return std::string(gaps.status().message());
  };
  const auto names = [&](auto change, const std::string& word) {
    const std::string why = refusal(change);
    EXPECT_NE(why.find(word), std::string::npos) << why;
  };
  names([](auto& b, auto&) { b.clear_gaps(); }, "1..1000");
  names([](auto& b, auto&) { b = sample_gaps(1001); }, "1001");
  names([](auto&, auto& g) { g.set_seq(0); }, "seq");
  names([](auto&, auto& g) { g.set_seq(1); }, "comes after");
  names([](auto&, auto& g) { g.clear_kind(); }, "kind");
  names([](auto&, auto& g) { g.set_kind(static_cast<v1::GapKind>(6)); }, "kind");
  names([](auto&, auto& g) { g.set_epoch("abc"); }, "epoch");
  names([](auto&, auto& g) { g.set_owner(std::string(513, 'a')); }, "owner");
  names([](auto&, auto& g) { g.clear_cause(); }, "cause");
  names([](auto&, auto& g) { g.set_cause(std::string(513, 'a')); }, "cause");
  names([](auto&, auto& g) { g.set_from_ns(3); }, "from_ns");
}

v1::EventBatch sample_events(int count) {
  v1::EventBatch batch;
  for (int seq = 1; seq <= count; ++seq) {
    v1::EventRecord& record = *batch.add_events();
    record.set_epoch("0123456789ABCDEF0123456789abcdef");
    record.set_seq(seq);
    record.set_series_id(4);
    v1::Event& event = *record.mutable_event();
    event.set_pipeline("room");
    event.set_stage("alert");
    event.set_name("too_hot");
    event.set_severity(v1::EVENT_SEVERITY_ERROR);
    event.set_phase(v1::EVENT_PHASE_END);
    event.set_message("It is hot.");
    event.set_event_time_ns(7);
    event.set_in_boot_time(true);
    event.set_boot_id("boot-a");
    event.set_source("plant");
    event.set_topic("site/a");
    v1::EventAttribute& attribute = *event.add_attributes();
    attribute.set_key("limit");
    attribute.set_value("80");
  }
  return batch;
}

TEST(UplinkMessages, TakesEvents) {
  const auto events = read_events(sample_events(1000));
  ASSERT_TRUE(events.ok()) << events.status().to_string();
  ASSERT_EQ(events->size(), 1000u);
  const EventEntry& last = events->back();
  EXPECT_EQ(last.row.seq, 1000);
  EXPECT_EQ(last.row.epoch, "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(last.row.told, (ToldEvent{{4,
                                       kBootTopic,
                                       7,
                                       Severity::error,
                                       EventPhase::end,
                                       "too_hot",
                                       "It is hot.",
                                       {{"limit", "80"}}},
                                      "room",
                                      "alert",
                                      "boot-a"}));
  EXPECT_EQ(last.source, "plant");
  EXPECT_EQ(last.topic, "site/a");
}

TEST(UplinkMessages, ASeverityOrPhaseOfALaterVersionPasses) {
  v1::EventBatch batch = sample_events(1);
  batch.mutable_events(0)->mutable_event()->set_severity(static_cast<v1::EventSeverity>(10));
  batch.mutable_events(0)->mutable_event()->set_phase(static_cast<v1::EventPhase>(3));
  EXPECT_TRUE(read_events(batch).ok());
}

TEST(UplinkMessages, NamesTheFaultOfABadEvent) {
  const auto names = [](auto change, const std::string& word) {
    v1::EventBatch batch = sample_events(2);
    change(batch, *batch.mutable_events(1), *batch.mutable_events(1)->mutable_event());
    const auto events = read_events(batch);
    EXPECT_EQ(events.status().code(), StatusCode::invalid_argument) << word;
    const std::string why(events.status().message());
    EXPECT_NE(why.find(word), std::string::npos) << why;
  };
  names([](auto& b, auto&, auto&) { b.clear_events(); }, "1..1000");
  names([](auto& b, auto&, auto&) { b = sample_events(1001); }, "1001");
  names([](auto&, auto& r, auto&) { r.set_seq(0); }, "seq");
  names([](auto&, auto& r, auto&) { r.set_seq(1); }, "comes after");
  names([](auto&, auto& r, auto&) { r.set_epoch("abc"); }, "epoch");
  names([](auto&, auto& r, auto&) { r.clear_event(); }, "pipeline");
  names([](auto&, auto&, auto& e) { e.clear_stage(); }, "stage");
  names([](auto&, auto&, auto& e) { e.set_stage(std::string(513, 's')); }, "stage");
  names([](auto&, auto&, auto& e) { e.set_name("Too hot"); }, "name");
  names([](auto&, auto&, auto& e) { e.clear_message(); }, "message");
  names([](auto&, auto&, auto& e) { e.set_message(std::string(513, 'm')); }, "message");
  names([](auto&, auto&, auto& e) { e.clear_severity(); }, "severity");
  names([](auto&, auto&, auto& e) { e.set_severity(static_cast<v1::EventSeverity>(25)); },
        "severity");
  names([](auto&, auto&, auto& e) { e.set_phase(static_cast<v1::EventPhase>(-1)); }, "phase");
  names([](auto&, auto&, auto& e) { e.set_phase(static_cast<v1::EventPhase>(256)); }, "phase");
  names([](auto&, auto&, auto& e) { e.set_event_time_ns(-1); }, "event_time_ns");
  names([](auto&, auto&, auto& e) { e.set_event_time_ns(kEventTimeMaxNs + 1); }, "event_time_ns");
  names([](auto&, auto&, auto& e) { e.set_in_boot_time(false); }, "boot");
  names([](auto&, auto&, auto& e) { e.set_boot_id(std::string(65, 'b')); }, "boot_id");
  names([](auto&, auto&, auto& e) { e.set_boot_id("a\nb"); }, "boot_id");
  names([](auto&, auto&, auto& e) { e.set_source(std::string(513, 's')); }, "source");
  names([](auto&, auto&, auto& e) { e.set_topic(std::string(65'536, 't')); }, "topic");
  names([](auto&, auto&, auto& e) { e.mutable_attributes(0)->set_key("A"); }, "attribute");
  names([](auto&, auto&, auto& e) { e.mutable_attributes(0)->set_value(std::string(257, 'v')); },
        "limit");
  names(
      [](auto&, auto&, auto& e) {
        for (int i = 0; i < 16; ++i) e.add_attributes()->set_key("k");
      },
      "17");
}

}  // namespace
}  // namespace sluice::hub
