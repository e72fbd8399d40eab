#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "pipeline/pipeline.h"
#include "sync/summary_encoder.h"
#include "unit/aggregate/real_series.h"
#include "unit/hub/hub_samples.h"

namespace sluice {

using Readings = std::vector<Stamped>;

/// One series through a pipeline of its own, its panes to a hub.
class SummaryPath : public testing::Test {
 protected:
  void run(const Readings& order, const WindowSpec& windows, std::int64_t disorder_ns) {
    std::vector<Pane> closed = panes_of(order, windows, disorder_ns);
    for (Pane& pane : closed) pane.quality = PaneQuality::complete;
    send(closed);
  }
  std::vector<Pane> panes_of(const Readings& order, const WindowSpec& windows,
                             std::int64_t disorder_ns) {
    SeriesTable series(10);
    TopicTable topics(10);
    const TopicId topic = topics.intern({"plant", "a"});
    const SeriesId id = series.intern({"v", "", {}});
    PipelineSpec spec;
    spec.name = "climate";
    spec.hash = 7;
    spec.windows = {windows};
    spec.max_out_of_order_ns = disorder_ns;
    Pipeline pipeline(std::move(spec), series, topics);
    Ledger ledger;
    std::vector<Pane> closed;
    for (std::size_t i = 0; i < order.size();) {
      BatchEntry batch;
      for (std::size_t left = 1 + random_() % 50; left > 0 && i < order.size(); --left, ++i) {
        batch.readings.append(
            {id, topic, order[i].time_ns, Value::of(order[i].value), Quality::good});
      }
      std::vector<bool> routed(batch.readings.size());
      pipeline.process(batch, routed, {ledger, closed});
    }
    pipeline.retire(Ledger(), {ledger, closed});
    return closed;
  }
  void send(const std::vector<Pane>& closed) {
    for (std::size_t i = 0; i < closed.size(); i += 100) {
      SummaryBlock block{"climate", 7, {}};
      const std::size_t end = std::min(closed.size(), i + 100);
      for (std::size_t p = i; p < end; ++p) block.panes.push_back(closed[p]);
      const std::string bytes = ProtoSummaryEncoder().encode(block);
      bytes_ += bytes.size();
      // Twice: the hub must find that it has it.
      for (int times = 0; times < 2; ++times) {
        ASSERT_TRUE(hub::apply(*store_, hub::row_change(++seq_, bytes)).status.ok());
      }
      --seq_;
    }
    EXPECT_TRUE(hub::read_unread(path_).empty());
  }
  std::vector<v1::SummaryRecord> stored() { return hub::read_all(path_); }
  std::vector<v1::MergedSummary> merged(std::int64_t every_ns) {
    v1::MergeSummariesRequest request;
    request.set_measurement("temperature");
    request.set_every_ns(every_ns);
    request.set_limit(100'000);
    for (const double q : {0.0, 0.5, 0.9, 0.99, 1.0}) request.add_quantiles(q);
    v1::MergeSummariesResponse page;
    const Status status = hub::HubReader(path_, find_)
                              .merge_summaries(
                                  request, [] { return false; }, page);
    EXPECT_TRUE(status.ok()) << status.to_string();
    return {page.rows().begin(), page.rows().end()};
  }

  std::mt19937_64 random_{announced_seed()};
  hub::TempDir dir_;
  std::string path_ = dir_.file("hub.db");
  hub::TestClock clock_;
  std::unique_ptr<hub::HubStore> store_ = hub::open_store(path_, clock_);
  std::int64_t seq_ = 0;
  std::size_t bytes_ = 0;
  FindAggregateType find_;  ///< the plugins that the hub has
};

}  // namespace sluice
