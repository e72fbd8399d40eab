#include "hub/uplink_messages.h"

#include <gtest/gtest.h>

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
  ASSERT_TRUE(series.ok());
  EXPECT_EQ(series->at(0).id, 7u);
  EXPECT_EQ(series->at(0).series.to_string(), "temperature{device=\"3\",site=\"north\"}");
}

TEST(UplinkMessages, RefusesABadSeriesDefinition) {
  const auto code = [](auto change) {
    v1::SeriesDefinitions definitions;
    v1::SeriesDefinition& definition = *definitions.add_definitions();
    definition.set_id(7);
    definition.set_measurement("temperature");
    change(definition);
    return read_series(definitions).status().code();
  };
  EXPECT_EQ(code([](auto&) {}), StatusCode::ok);
  EXPECT_EQ(code([](auto& d) { d.set_id(0); }), StatusCode::invalid_argument);
  EXPECT_EQ(code([](auto& d) { d.clear_measurement(); }), StatusCode::invalid_argument);
  EXPECT_EQ(code([](auto& d) { d.set_measurement(std::string(129, 'm')); }),
            StatusCode::invalid_argument);
  EXPECT_EQ(code([](auto& d) { (*d.mutable_labels())[""] = "x"; }), StatusCode::invalid_argument);
  EXPECT_EQ(code([](auto& d) { (*d.mutable_labels())["x"] = std::string(20'000, 'x'); }),
            StatusCode::invalid_argument);
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

}  // namespace
}  // namespace sluice::hub
