// Real recordings through a pipeline, with what they have of repeats, gaps and a file that lies the
// newest first: whatever the order within the disorder that is allowed, wherever batches end and
// wherever the process starts again, the windows are the same in the sense of DESIGN.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <tuple>

#include "pipeline/pipeline.h"
#include "unit/aggregate/real_series.h"
#include "window_bench.h"

namespace sluice {
namespace {

constexpr std::int64_t kDay = 24 * kHour;
using Readings = std::vector<Stamped>;

WindowSpec with_extras(WindowSpec spec) {
  spec.extras.histogram = HistogramOptions{};
  spec.extras.distinct_precision = 10;
  spec.extras.counter = CounterOptions{};
  spec.extras.states = StateOptions{256, 0};
  return spec;
}

WindowSpec of_kind(WindowKind kind) {
  WindowSpec spec = WindowSpec::tumbling(6 * kHour);
  spec.kind = kind;
  if (kind == WindowKind::hopping) spec.every_ns = 2 * kHour;
  if (kind == WindowKind::sliding) {
    spec.every_ns = kHour;
    spec.readings = 100'000;
  }
  if (kind == WindowKind::session) spec.size_ns = spec.every_ns = 7 * kMinute;
  if (kind == WindowKind::count) spec.readings = 100;
  return with_extras(spec);
}

struct Outcome {
  std::vector<Pane> panes;
  Ledger ledger;
  std::int64_t term(Term t) const { return ledger.get(LedgerKind::readings, "p", t); }
};

class RecordedWindows : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_real_data()) {
      GTEST_SKIP() << "no " << data_path("oracles") << "; set SLUICE_TEST_DATA";
    }
  }

  Pipeline pipeline(const WindowSpec& windows, std::int64_t disorder_ns) {
    PipelineSpec spec;
    spec.name = "p";
    spec.hash = 7;
    spec.windows = {windows};
    spec.max_out_of_order_ns = disorder_ns;
    return Pipeline(std::move(spec), series_, topics_);
  }

  /// `restarts`: in how many of 100 batches the process starts again after it, from a checkpoint.
  Outcome run(const Readings& order, const WindowSpec& windows, std::int64_t disorder_ns,
              std::size_t batch_max, unsigned restarts) {
    Pipeline at_work = pipeline(windows, disorder_ns);
    Outcome outcome;
    for (std::size_t i = 0; i < order.size();) {
      BatchEntry batch;
      for (std::size_t left = 1 + random_() % batch_max; left > 0 && i < order.size();
           --left, ++i) {
        batch.readings.append(
            {id_, topic_, order[i].time_ns, Value::of(order[i].value), Quality::good});
      }
      std::vector<bool> routed(batch.readings.size());
      at_work.process(batch, routed, {outcome.ledger, outcome.panes});
      if (random_() % 100 >= restarts) continue;
      std::vector<CheckpointPart> parts;
      EXPECT_TRUE(at_work.snapshot(parts).ok());
      Pipeline again = pipeline(windows, disorder_ns);
      EXPECT_TRUE(again.restore(parts).ok());
      std::destroy_at(&at_work);
      std::construct_at(&at_work, std::move(again));
    }
    at_work.retire(Ledger(), {outcome.ledger, outcome.panes});
    EXPECT_EQ(outcome.term(Term::in), static_cast<std::int64_t>(order.size()));
    EXPECT_EQ(outcome.term(Term::in), outcome.term(Term::aggregated) + outcome.term(Term::late));
    return outcome;
  }

  /// No reading comes more than `disorder_ns` behind one before it.
  Readings shuffled(const Readings& readings, std::int64_t disorder_ns) {
    std::vector<std::pair<std::int64_t, std::size_t>> keys;
    for (std::size_t i = 0; i < readings.size(); ++i) {
      const auto delay_ns =
          static_cast<std::int64_t>(random_() % (static_cast<std::uint64_t>(disorder_ns) + 1));
      keys.push_back({readings[i].time_ns + delay_ns, i});
    }
    std::sort(keys.begin(), keys.end());
    Readings out;
    for (const auto& [key, i] : keys) out.push_back(readings[i]);
    return out;
  }

  SeriesTable series_{10};
  TopicTable topics_{10};
  const TopicId topic_ = topics_.intern({"plant", "a"});
  const SeriesId id_ = series_.intern({"v", "", {}});
  std::mt19937_64 random_{announced_seed()};
};

std::string bytes_of(const WindowExtras& extras) {
  ByteWriter out;
  extras.snapshot(out);
  return out.take();
}

/// What DESIGN calls byte-equal under a shuffle; of a session its id too.
auto exact_part(const Pane& pane) {
  const Moments& m = pane.content.moments;
  return std::make_tuple(pane.window.start_ns, pane.window.end_ns, pane.window.ordinal, m.count,
                         m.min, m.max, m.first, m.last, m.first_time_ns, m.last_time_ns,
                         pane.content.held.largest_gap_ns, bytes_of(*pane.content.extras));
}

double relative(double a, double b) {
  return a == b ? 0 : std::abs(a - b) / std::max(std::abs(a), std::abs(b));
}

void expect_same(const std::vector<Pane>& got, const std::vector<Pane>& expected,
                 double tolerance) {
  const std::vector<Pane> a = kept_at_hub(got);
  const std::vector<Pane> b = kept_at_hub(expected);
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(exact_part(a[i]), exact_part(b[i]));
    const Moments& x = a[i].content.moments;
    const Moments& y = b[i].content.moments;
    EXPECT_LE(relative(x.total(), y.total()), tolerance);
    // M2 of readings that are all but equal is rounding; what it is small against is the square of
    // the values.
    const double scale = std::max({x.m2, y.m2, 1e-3 * x.max * x.max, 1e-3 * x.min * x.min});
    EXPECT_LE(std::abs(x.m2 - y.m2), std::max(tolerance, 0.0) * scale);
    EXPECT_LE(relative(a[i].content.time_weighted_mean(), b[i].content.time_weighted_mean()),
              tolerance);
  }
}

// A kill between any two batches changes nothing at all, sums included.
TEST_F(RecordedWindows, ARestartAnywhereChangesNoBit) {
  for (const RealSeries& series : real_series()) {
    for (const WindowKind kind : {WindowKind::tumbling, WindowKind::hopping, WindowKind::sliding,
                                  WindowKind::session, WindowKind::count}) {
      SCOPED_TRACE(series.name + " kind " + std::to_string(static_cast<int>(kind)));
      const Readings order = shuffled(series.readings, kHour);
      const Outcome straight = run(order, of_kind(kind), kHour, 50, 0);
      const Outcome restarted = run(order, of_kind(kind), kHour, 50, 30);
      expect_same(restarted.panes, straight.panes, 0);
      EXPECT_EQ(restarted.term(Term::late), 0);
    }
  }
}

TEST_F(RecordedWindows, NoOrderWithinTheDisorderAndNoSplitIntoBatchesMatters) {
  for (const RealSeries& series : real_series()) {
    for (const WindowKind kind :
         {WindowKind::tumbling, WindowKind::hopping, WindowKind::sliding, WindowKind::session}) {
      SCOPED_TRACE(series.name + " kind " + std::to_string(static_cast<int>(kind)));
      const Outcome in_order = run(series.readings, of_kind(kind), kHour, 1'000, 0);
      const Outcome other =
          run(shuffled(series.readings, kHour), of_kind(kind), kHour, 1 + random_() % 100, 5);
      EXPECT_EQ(other.term(Term::late), 0);
      expect_same(other.panes, in_order.panes, 1e-12);
    }
  }
}

// The buoy's file begins with the last hour. Kept for corrections, it comes to what its readings
// say in order; not kept, all but the newest are late, and every one is counted.
TEST_F(RecordedWindows, AFileThatLiesTheNewestFirst) {
  const Readings newest_first = read_newest_first(9).readings;
  ASSERT_GT(newest_first.size(), 4'000u);
  Readings in_order = newest_first;
  std::stable_sort(in_order.begin(), in_order.end(),
                   [](const Stamped& a, const Stamped& b) { return a.time_ns < b.time_ns; });
  for (const WindowKind kind : {WindowKind::tumbling, WindowKind::hopping}) {
    WindowSpec kept = of_kind(kind);
    kept.extras = {};
    kept.extras.histogram = HistogramOptions{};
    kept.allowed_lateness_ns = 365 * kDay;
    const Outcome corrected = run(newest_first, kept, 0, 20, 10);
    EXPECT_EQ(corrected.term(Term::late), 0);
    const std::vector<Pane> panes = kept_at_hub(corrected.panes);
    const std::vector<Pane> expected = kept_at_hub(run(in_order, kept, 0, 20, 10).panes);
    ASSERT_EQ(panes.size(), expected.size());
    for (std::size_t i = 0; i < panes.size(); ++i) {
      EXPECT_EQ(panes[i].window, expected[i].window);
      EXPECT_EQ(panes[i].content.moments.count, expected[i].content.moments.count);
      EXPECT_EQ(panes[i].content.moments.first, expected[i].content.moments.first);
      EXPECT_EQ(panes[i].content.moments.last, expected[i].content.moments.last);
      EXPECT_EQ(bytes_of(*panes[i].content.extras), bytes_of(*expected[i].content.extras));
    }
    const Outcome strict = run(newest_first, of_kind(kind), 0, 20, 10);
    EXPECT_GT(strict.term(Term::late), 4'000);
    EXPECT_EQ(strict.term(Term::late) + strict.term(Term::aggregated),
              static_cast<std::int64_t>(newest_first.size()));
  }
}

}  // namespace
}  // namespace sluice
