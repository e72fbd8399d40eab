// Windows of every kind on their whole way, with late readings, early panes, windows without
// readings, in rows that come in any order and more than once: what the hub answers is, of every
// window, the highest revision.
#include <algorithm>
#include <map>
#include <tuple>

#include "unit/node/summary_path.h"

namespace sluice {
namespace {

using Key = std::tuple<std::int64_t, std::int64_t, std::uint64_t>;  ///< start, end, ordinal

WindowSpec of_kind(WindowKind kind, std::int64_t lateness_ns) {
  WindowSpec spec = WindowSpec::tumbling(20);
  spec.kind = kind;
  spec.every_ns = kind == WindowKind::tumbling || kind == WindowKind::session ? 20 : 7;
  spec.readings = kind == WindowKind::count ? 9 : 1'000;
  spec.allowed_lateness_ns = kind == WindowKind::count ? 0 : lateness_ns;
  spec.extras.histogram = HistogramOptions{};
  spec.extras.counter = CounterOptions{};
  if (kind == WindowKind::tumbling || kind == WindowKind::hopping) spec.tells_empty = true;
  if (kind != WindowKind::count && kind != WindowKind::sliding) spec.early_every_ns = 6;
  return spec;
}

class WindowKindsPath : public SummaryPath {
 protected:
  std::int64_t any(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  Readings some_readings() {
    Readings readings;
    std::int64_t now = hub::kNoonNs;
    for (int i = 0; i < 300; ++i) {
      now += any(0, 9) == 0 ? any(20, 120) : any(0, 8);
      readings.push_back({now - any(0, 1) * any(0, 60), static_cast<double>(any(-99, 99)) / 10});
    }
    return readings;
  }
  /// Rows of a few panes each, two copies of every one, in any order.
  void send_in_any_order(const std::vector<Pane>& panes) {
    std::vector<std::string> rows;
    for (std::size_t i = 0; i < panes.size();) {
      SummaryBlock block{"climate", 7, {}};
      for (auto left = any(1, 20); left > 0 && i < panes.size(); --left) {
        block.panes.push_back(panes[i++]);
      }
      for (int copy = 0; copy < 2; ++copy) rows.push_back(ProtoSummaryEncoder().encode(block));
    }
    std::shuffle(rows.begin(), rows.end(), random_);
    for (const std::string& row : rows) {
      ASSERT_TRUE(hub::apply(*store_, hub::row_change(++seq_, row)).status.ok());
    }
    EXPECT_TRUE(hub::read_unread(path_).empty());
  }
};

void expect_record(const v1::SummaryRecord& record, const Pane& pane) {
  const Moments& m = pane.content.moments;
  EXPECT_EQ(record.revision(), pane.revision);
  EXPECT_EQ(record.quality(), static_cast<int>(pane.quality) + 1);
  EXPECT_EQ(record.count(), m.count);
  EXPECT_NEAR(record.sum(), m.total(), 1e-9);
  EXPECT_EQ(record.min(), m.min);
  EXPECT_EQ(record.max(), m.max);
  EXPECT_EQ(record.first_time_ns(), m.first_time_ns);
  EXPECT_EQ(record.last_time_ns(), m.last_time_ns);
  EXPECT_EQ(record.largest_gap_ns(), pane.content.held.largest_gap_ns);
  EXPECT_NEAR(record.aggregates().counter().increase(), pane.content.extras->counter()->increase(),
              1e-9);
}

TEST_F(WindowKindsPath, TheHubHasOfEveryWindowTheHighestRevision) {
  for (const WindowKind kind : {WindowKind::tumbling, WindowKind::hopping, WindowKind::sliding,
                                WindowKind::session, WindowKind::count}) {
    for (int round = 0; round < 6; ++round) {
      SCOPED_TRACE("kind " + std::to_string(static_cast<int>(kind)) + " round " +
                   std::to_string(round));
      hub::TempDir dir;
      path_ = dir.file("hub.db");
      store_ = hub::open_store(path_, clock_);
      const WindowSpec windows = of_kind(kind, round % 2 == 0 ? 1'000'000 : any(0, 60));
      const std::vector<Pane> panes = panes_of(some_readings(), windows, any(0, 10));
      std::map<Key, const Pane*> expected;
      for (const Pane& pane : panes) {
        const Pane*& kept =
            expected[{pane.window.start_ns, pane.window.end_ns, pane.window.ordinal}];
        if (kept == nullptr || pane.revision > kept->revision) kept = &pane;
      }
      std::erase_if(expected, [](const auto& entry) {
        return entry.second->quality == PaneQuality::retracted;
      });
      send_in_any_order(panes);
      const auto records = stored();
      ASSERT_EQ(records.size(), expected.size());
      for (const v1::SummaryRecord& record : records) {
        const auto at = expected.find({record.start_ns(), record.end_ns(), record.ordinal()});
        ASSERT_NE(at, expected.end()) << record.ShortDebugString();
        EXPECT_EQ(record.kind(), static_cast<int>(kind));
        expect_record(record, *at->second);
      }
      store_.reset();
    }
  }
}

// Windows that nothing came for and early panes change no merged number but the count of windows.
TEST_F(WindowKindsPath, WhatIsMergedIsWhatWasRead) {
  const WindowSpec windows = of_kind(WindowKind::tumbling, 0);
  const Readings readings = some_readings();
  WindowSpec scaled = windows;
  scaled.size_ns = scaled.every_ns = hub::kMinuteNs;
  scaled.early_every_ns = hub::kMinuteNs / 3;
  Readings in_minutes;
  for (const Stamped& r : readings) {
    in_minutes.push_back({hub::kNoonNs + (r.time_ns - hub::kNoonNs) * 10'000'000'000, r.value});
  }
  std::stable_sort(in_minutes.begin(), in_minutes.end(),
                   [](const Stamped& a, const Stamped& b) { return a.time_ns < b.time_ns; });
  std::vector<Pane> panes = panes_of(in_minutes, scaled, 0);
  const auto empty = std::count_if(
      panes.begin(), panes.end(), [](const Pane& pane) { return pane.content.moments.count == 0; });
  EXPECT_GT(empty, 0);
  for (Pane& pane : panes) {
    if (pane.quality == PaneQuality::partial_config) pane.quality = PaneQuality::complete;
  }
  send_in_any_order(panes);
  std::uint64_t count = 0;
  std::uint64_t merged_windows = 0;
  double increase = 0;
  for (const v1::MergedSummary& row : merged(60 * hub::kMinuteNs)) {
    count += row.count();
    merged_windows += row.windows();
    increase += row.aggregates().counter().increase();
    EXPECT_EQ(row.windows_partial(), 0u);
  }
  EXPECT_EQ(count, in_minutes.size());
  const auto early = std::count_if(panes.begin(), panes.end(), [](const Pane& pane) {
    return pane.quality == PaneQuality::early;
  });
  EXPECT_GT(early, 0);
  EXPECT_EQ(merged_windows, panes.size() - static_cast<std::size_t>(early));
  EXPECT_GT(increase, 0);
}

Pane session_of(std::int64_t first_s, std::int64_t last_s, std::uint64_t count) {
  Pane pane;
  const std::int64_t first_ns = hub::kNoonNs + first_s * 1'000'000'000;
  const std::int64_t last_ns = hub::kNoonNs + last_s * 1'000'000'000;
  pane.window = {WindowKind::session, 1, first_ns, last_ns + 30'000'000'000};
  for (std::uint64_t i = 1; i < count; ++i) pane.content.moments.add(first_ns, 1);
  pane.content.moments.add(last_ns, 1);
  pane.content.held.hold(1, static_cast<std::uint64_t>(last_ns - first_ns));
  return pane;
}

// A backup is restored while a session is open. The life before has told of it whole, and of one
// that joined two; the life after ends the epoch with what the backup held, under other bounds.
TEST_F(WindowKindsPath, TwoLivesOfADatabaseCountNoSessionTwice) {
  Pane first = session_of(0, 20, 2);
  Pane second = session_of(60, 80, 3);
  first.quality = second.quality = PaneQuality::partial_epoch;
  const Pane whole = session_of(0, 120, 9);
  const Pane other = session_of(300, 310, 2);
  for (int round = 0; round < 20; ++round) {
    hub::TempDir dir;
    path_ = dir.file("hub.db");
    store_ = hub::open_store(path_, clock_);
    send_in_any_order({first, second, whole, other});
    std::uint64_t count = 0;
    for (const v1::SummaryRecord& record : stored()) count += record.count();
    EXPECT_EQ(count, 11u) << round;
    store_.reset();
  }
}

}  // namespace
}  // namespace sluice
