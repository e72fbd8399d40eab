#include "pipeline/window_keys.h"

#include <gtest/gtest.h>

#include "pipeline/pipeline.h"

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

/// Two sites with devices of their own, each device a topic.
struct Sites {
  SeriesTable series{6};
  TopicTable topics{6};
  Ledger ledger;
  std::vector<Pane> closed;

  static PipelineSpec spec(std::optional<std::vector<std::string>> key_by) {
    PipelineSpec spec;
    spec.name = "p";
    spec.windows = {WindowSpec::tumbling(10 * kSecond)};
    spec.idle_timeout_ns = 60 * kSecond;
    spec.key_by = std::move(key_by);
    return spec;
  }
  void process(Pipeline& pipeline, const std::string& site, const std::string& device,
               std::int64_t time_s, double value) {
    BatchEntry batch;
    batch.boottime_ns = kSecond;
    const SeriesId id = series.intern({"v", "Cel", {{"device", device}, {"site", site}}});
    const TopicId topic = topics.intern({"plant", device});
    batch.readings.append({id, topic, time_s * kSecond, Value::of(value), Quality::good});
    std::vector<bool> routed(1);
    pipeline.process(batch, routed, {ledger, closed});
  }
};

TEST(WindowKeys, ReadingsOfASiteShareAWindowThatWaitsForItsSlowestTopic) {
  Sites sites;
  Pipeline pipeline(Sites::spec(std::vector<std::string>{"site", "no such label"}), sites.series,
                    sites.topics);
  sites.process(pipeline, "a", "1", 1, 10);
  sites.process(pipeline, "a", "2", 2, 20);
  sites.process(pipeline, "b", "3", 3, 40);
  sites.process(pipeline, "a", "1", 11, 0);
  EXPECT_TRUE(sites.closed.empty()) << "device 2 may still have readings for it";
  sites.process(pipeline, "a", "2", 12, 0);
  ASSERT_EQ(sites.closed.size(), 1u);
  const Pane& pane = sites.closed[0];
  EXPECT_EQ(sites.series.at(pane.window.key), (Series{"v", "Cel", {{"site", "a"}}}));
  EXPECT_EQ(pane.content.moments.count, 2u);
  EXPECT_EQ(pane.content.moments.total(), 30);
  EXPECT_EQ(sites.ledger.difference(), 0);
}

TEST(WindowKeys, WithoutLabelsAllOfAMeasurementAreOne) {
  Sites sites;
  Pipeline pipeline(Sites::spec(std::vector<std::string>{}), sites.series, sites.topics);
  sites.process(pipeline, "a", "1", 1, 1);
  sites.process(pipeline, "b", "3", 3, 3);
  sites.process(pipeline, "a", "1", 11, 0);
  sites.process(pipeline, "b", "3", 12, 0);
  ASSERT_EQ(sites.closed.size(), 1u);
  EXPECT_EQ(sites.series.at(sites.closed[0].window.key), (Series{"v", "Cel", {}}));
  EXPECT_EQ(sites.closed[0].content.moments.total(), 4);
}

TEST(WindowKeys, AReadingWhoseKeyHasNoRoomIsCounted) {
  Sites sites;
  Pipeline pipeline(Sites::spec(std::vector<std::string>{"site"}), sites.series, sites.topics);
  for (int i = 0; i < 4; ++i) sites.process(pipeline, "a", std::to_string(i), 1, 1);
  sites.process(pipeline, "b", "0", 1, 1);  // the sixth series and the last
  EXPECT_EQ(sites.ledger.get(LedgerKind::readings, "p", Term::aggregated), 4);
  EXPECT_EQ(sites.ledger.sum(LedgerKind::readings, Term::rejected), 1);
  EXPECT_EQ(sites.ledger.difference(), 0);
}

}  // namespace
}  // namespace sluice
