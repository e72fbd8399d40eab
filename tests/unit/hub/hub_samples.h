#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "hub/hub_reader.h"
#include "hub/hub_store.h"
#include "sluice/v1/hub.pb.h"
#include "sluice/v1/summary.pb.h"

// What the hub's tests send and where they keep it. Blocks are built by hand from the proto, so
// that the hub is not tested against the node's own encoder.

namespace sluice::hub {

constexpr std::int64_t kMinuteNs = 60'000'000'000;
constexpr std::int64_t kNoonNs = 1'700'000'000'000'000'000 / kMinuteNs * kMinuteNs;

class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hub_test.XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

class TestClock final : public Clock {
 public:
  std::int64_t boottime_ns() const override { return boottime; }
  std::int64_t wall_ns() const override { return wall; }
  std::atomic<std::int64_t> boottime{1'000'000'000};
  std::atomic<std::int64_t> wall{kNoonNs};
};

/// One pane of two readings, `low` and `high`.
struct SamplePane {
  std::uint32_t series_id = 1;
  std::int64_t start_ns = kNoonNs;
  std::uint32_t revision = 1;
  double low = 20.5;
  double high = 21.5;
};

inline std::string sample_block(const std::vector<SamplePane>& panes,
                                const std::string& pipeline = "climate",
                                std::uint64_t spec_hash = 0xFEDCBA9876543210u) {
  v1::SummaryBlock block;
  block.set_pipeline(pipeline);
  block.set_spec_hash(spec_hash);
  block.set_kind(v1::WINDOW_KIND_TUMBLING);
  block.set_time_unit_ns(1);
  block.add_length(kMinuteNs);
  block.add_quality(v1::PANE_QUALITY_COMPLETE);
  block.add_count(2);
  std::int64_t start_before = 0;
  for (const SamplePane& pane : panes) {
    block.add_series_id(pane.series_id);
    block.add_start(pane.start_ns - start_before);
    start_before = pane.start_ns;
    block.add_revision(pane.revision);
    block.mutable_sum()->add_exceptions(pane.low + pane.high);
    block.mutable_min()->add_exceptions(pane.low);
    block.mutable_max()->add_exceptions(pane.high);
    block.mutable_first()->add_exceptions(pane.low);
    block.mutable_last()->add_exceptions(pane.high);
    block.mutable_m2()->add_exceptions((pane.high - pane.low) * (pane.high - pane.low) / 2);
    block.add_first_offset(1'000);
    block.add_last_offset(2'000);
  }
  return block.SerializeAsString();
}

inline NodeKey sample_node(const std::string& name = "plant-7") {
  return {name, "0123456789abcdef0123456789abcdef"};
}

inline Series sample_series(std::uint32_t id) {
  return {"temperature", "Cel", {{"device", std::to_string(id)}, {"site", "north"}}};
}

inline Change hello_change(const NodeKey& node = sample_node()) { return {node, "0.1.0", {}, {}}; }

/// Defines the series 1..count.
inline Change series_change(std::uint32_t count, const NodeKey& node = sample_node()) {
  Change change{node, std::nullopt, {}, {}};
  for (std::uint32_t id = 1; id <= count; ++id) change.series.push_back({id, sample_series(id)});
  return change;
}

inline Change row_change(std::int64_t seq, const std::string& block,
                         const NodeKey& node = sample_node()) {
  return {node, std::nullopt, {}, {{seq, block}}};
}

inline Outcome apply(HubStore& store, const Change& change) {
  return store.apply({&change}).front();
}

/// A store that knows sample_node() with the series 1..series_count.
inline std::unique_ptr<HubStore> open_store(const std::string& path, const Clock& clock,
                                            std::uint32_t series_count = 10) {
  auto store = HubStore::open(path, clock);
  EXPECT_TRUE(store.ok()) << store.status().to_string();
  EXPECT_TRUE(apply(**store, hello_change()).status.ok());
  EXPECT_TRUE(apply(**store, series_change(series_count)).status.ok());
  return std::move(*store);
}

inline GapRow sample_gap(std::int64_t seq, const std::string& cause = "parked") {
  return {seq,
          sample_node().epoch,
          {LedgerKind::readings, "climate", cause, kNoonNs, kNoonNs + seq, 3}};
}

inline Change gap_change(std::vector<GapRow> gaps, const NodeKey& node = sample_node()) {
  return {node, std::nullopt, {}, {}, std::move(gaps)};
}

/// Every gap that is kept, oldest first.
inline std::vector<v1::GapRow> read_gap_rows(const std::string& path) {
  v1::ListGapsRequest request;
  request.set_limit(100'000);
  request.set_oldest_first(true);
  v1::ListGapsResponse page;
  const Status status = HubReader(path).list_gaps(
      request, [] { return false; }, page);
  EXPECT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(page.next_page_token(), "");
  return {page.gaps().begin(), page.gaps().end()};
}

/// Of series 1, a second later with each number.
inline EventEntry sample_event(std::int64_t seq, Severity severity = Severity::warn) {
  EventEntry entry;
  entry.row.seq = seq;
  entry.row.epoch = sample_node().epoch;
  entry.row.told = {{1,
                     0,
                     kNoonNs + seq * 1'000'000'000,
                     severity,
                     EventPhase::begin,
                     "too_hot",
                     "It is too hot.",
                     {{"limit", "80"}}},
                    "climate",
                    "alert",
                    ""};
  entry.source = "plant";
  entry.topic = "site/a";
  return entry;
}

inline Change event_change(std::vector<EventEntry> events, const NodeKey& node = sample_node()) {
  return {node, std::nullopt, {}, {}, {}, std::move(events)};
}

/// Every event that is kept, oldest first.
inline std::vector<v1::EventRow> read_event_rows(const std::string& path) {
  v1::ListEventsRequest request;
  request.set_limit(100'000);
  request.set_oldest_first(true);
  v1::ListEventsResponse page;
  const Status status = HubReader(path).list_events(
      request, [] { return false; }, page);
  EXPECT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(page.next_page_token(), "");
  return {page.events().begin(), page.events().end()};
}

/// Every row that is kept unread, oldest arrival first.
inline std::vector<v1::UnreadRow> read_unread(const std::string& path) {
  v1::ListUnreadRequest request;
  request.set_limit(100'000);
  request.set_oldest_first(true);
  v1::ListUnreadResponse page;
  const Status status = HubReader(path).list_unread(
      request, [] { return false; }, page);
  EXPECT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(page.next_page_token(), "");
  return {page.unread().begin(), page.unread().end()};
}

/// Everything that is kept, oldest window first.
inline std::vector<v1::SummaryRecord> read_all(const std::string& path) {
  const HubReader reader(path);
  v1::ListSummariesRequest request;
  request.set_limit(100'000);
  request.set_oldest_first(true);
  std::vector<v1::SummaryRecord> all;
  do {
    v1::ListSummariesResponse page;
    const Status status = reader.list_summaries(
        request, [] { return false; }, page);
    EXPECT_TRUE(status.ok()) << status.to_string();
    all.insert(all.end(), page.summaries().begin(), page.summaries().end());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

inline v1::NodeRow read_node(const std::string& path, const NodeKey& node = sample_node()) {
  v1::ListNodesResponse nodes;
  EXPECT_TRUE(HubReader(path).list_nodes(nodes).ok());
  for (const v1::NodeRow& row : nodes.nodes()) {
    if (row.node() == node.node && row.epoch() == node.epoch) return row;
  }
  ADD_FAILURE() << "no node " << node.node;
  return {};
}

}  // namespace sluice::hub
