#include "hub/hub_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "unit/hub/hub_samples.h"

namespace sluice::hub {
namespace {

bool never() { return false; }

class HubReaderTest : public testing::Test {
 protected:
  // `minutes` windows of `series` series each.
  void fill(int minutes, std::uint32_t series, const std::string& pipeline = "climate") {
    std::vector<SamplePane> panes;
    for (int minute = 0; minute < minutes; ++minute) {
      for (std::uint32_t id = 1; id <= series; ++id) {
        panes.push_back({id, kNoonNs + kMinuteNs * minute});
      }
    }
    ASSERT_TRUE(apply(*store_, row_change(++seq_, sample_block(panes, pipeline))).status.ok());
  }
  v1::ListSummariesResponse list(const v1::ListSummariesRequest& request) {
    v1::ListSummariesResponse page;
    const Status status = reader_.list_summaries(request, never, page);
    EXPECT_TRUE(status.ok()) << status.to_string();
    return page;
  }
  Status refuse(const v1::ListSummariesRequest& request) {
    v1::ListSummariesResponse page;
    return reader_.list_summaries(request, never, page);
  }

  TempDir dir_;
  std::string path_ = dir_.file("hub.db");
  TestClock clock_;
  std::unique_ptr<HubStore> store_ = open_store(path_, clock_);
  HubReader reader_{path_};
  std::int64_t seq_ = 0;
};

TEST_F(HubReaderTest, GivesTheNewestHundredFirstUnlessToldOtherwise) {
  fill(15, 10);
  v1::ListSummariesRequest request;
  const auto newest = list(request);
  ASSERT_EQ(newest.summaries_size(), 100);
  EXPECT_EQ(newest.summaries(0).start_ns(), kNoonNs + kMinuteNs * 14);
  EXPECT_EQ(newest.summaries(99).start_ns(), kNoonNs + kMinuteNs * 5);
  request.set_oldest_first(true);
  EXPECT_EQ(list(request).summaries(0).start_ns(), kNoonNs);
}

TEST_F(HubReaderTest, CoversEveryPaneOnceWithPagesOfAnySize) {
  fill(13, 10);
  for (const bool oldest_first : {false, true}) {
    for (const std::uint32_t limit : {1u, 7u, 64u, 130u, 131u}) {
      v1::ListSummariesRequest request;
      request.set_limit(limit);
      request.set_oldest_first(oldest_first);
      std::set<std::pair<std::int64_t, std::string>> seen;
      std::int64_t start_before = oldest_first ? 0 : kNoonNs * 2;
      do {
        const auto page = list(request);
        EXPECT_LE(page.summaries_size(), static_cast<int>(limit));
        for (const v1::SummaryRecord& pane : page.summaries()) {
          EXPECT_TRUE(seen.insert({pane.start_ns(), pane.labels().at("device")}).second);
          EXPECT_TRUE(oldest_first ? pane.start_ns() >= start_before
                                   : pane.start_ns() <= start_before);
          start_before = pane.start_ns();
        }
        request.set_page_token(page.next_page_token());
      } while (!request.page_token().empty());
      EXPECT_EQ(seen.size(), 130u);
    }
  }
}

TEST_F(HubReaderTest, KeepsItsPlaceWhilePanesAreRevisedAndAdded) {
  fill(4, 5);
  v1::ListSummariesRequest request;
  request.set_limit(6);
  const auto first = list(request);
  std::vector<SamplePane> revised;
  for (std::uint32_t id = 1; id <= 5; ++id) {
    revised.push_back({id, kNoonNs, 2});
    revised.push_back({id, kNoonNs + kMinuteNs * 3, 2});
    revised.push_back({id, kNoonNs + kMinuteNs * 9});
  }
  ASSERT_TRUE(apply(*store_, row_change(++seq_, sample_block(revised))).status.ok());
  request.set_page_token(first.next_page_token());
  request.set_limit(1000);
  EXPECT_EQ(first.summaries_size() + list(request).summaries_size(), 20);
}

TEST_F(HubReaderTest, FiltersByNodePipelineMeasurementAndTime) {
  fill(3, 2);
  fill(3, 2, "energy");
  const NodeKey other = sample_node("plant-8");
  ASSERT_TRUE(apply(*store_, hello_change(other)).status.ok());
  const Change humidity{other, std::nullopt, {{1, {"humidity", "%", {}}}}, {}};
  ASSERT_TRUE(apply(*store_, humidity).status.ok());
  ASSERT_TRUE(apply(*store_, row_change(1, sample_block({{1}}), other)).status.ok());

  const auto count = [this](auto set) {
    v1::ListSummariesRequest request;
    set(request);
    return list(request).summaries_size();
  };
  EXPECT_EQ(count([](auto&) {}), 13);
  EXPECT_EQ(count([](auto& r) { r.set_node("plant-8"); }), 1);
  EXPECT_EQ(count([](auto& r) { r.set_node("plant"); }), 0);
  EXPECT_EQ(count([](auto& r) { r.set_pipeline("energy"); }), 6);
  EXPECT_EQ(count([](auto& r) { r.set_measurement("humidity"); }), 1);
  EXPECT_EQ(count([](auto& r) { r.set_node("x' OR '1'='1"); }), 0);
  EXPECT_EQ(count([](auto& r) { r.set_from_ns(kNoonNs + kMinuteNs); }), 8);
  EXPECT_EQ(count([](auto& r) { r.set_to_ns(kNoonNs + kMinuteNs); }), 5);
  EXPECT_EQ(count([](auto& r) {
              r.set_from_ns(kNoonNs + kMinuteNs);
              r.set_to_ns(kNoonNs + kMinuteNs + 1);
              r.set_pipeline("energy");
              r.set_node("plant-7");
              r.set_measurement("temperature");
            }),
            2);
}

TEST_F(HubReaderTest, RefusesWrongQuestionsByNameOfTheField) {
  v1::ListSummariesRequest request;
  request.set_limit(100'001);
  EXPECT_EQ(refuse(request).code(), StatusCode::invalid_argument);
  EXPECT_NE(refuse(request).message().find("limit"), std::string_view::npos);
  request.set_limit(100'000);
  EXPECT_TRUE(refuse(request).ok());
  request.set_from_ns(10);
  request.set_to_ns(10);
  EXPECT_NE(refuse(request).message().find("from_ns"), std::string_view::npos);
  request.set_to_ns(11);
  request.set_page_token("zz");
  EXPECT_NE(refuse(request).message().find("page_token"), std::string_view::npos);
}

TEST_F(HubReaderTest, EndsAPageBeforeAClientWouldRefuseIt) {
  fill(3000, 10);
  v1::ListSummariesRequest request;
  request.set_limit(100'000);
  std::size_t panes = 0;
  int pages = 0;
  do {
    const auto page = list(request);
    EXPECT_LT(page.ByteSizeLong(), 4u << 20);
    panes += static_cast<std::size_t>(page.summaries_size());
    ++pages;
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(panes, 30'000u);
  EXPECT_GT(pages, 1);
}

TEST_F(HubReaderTest, StopsSearchingWhenTheCallerIsGone) {
  fill(3000, 10);
  v1::ListSummariesRequest request;
  request.set_measurement("nothing of this name");
  v1::ListSummariesResponse page;
  const Status status = reader_.list_summaries(
      request, [] { return true; }, page);
  EXPECT_EQ(status.code(), StatusCode::cancelled);
}

TEST_F(HubReaderTest, ListsNodesByNameWithTheirCounts) {
  fill(3, 2);
  for (const char* name : {"b", "a"}) {
    ASSERT_TRUE(apply(*store_, hello_change(sample_node(name))).status.ok());
  }
  v1::ListNodesResponse nodes;
  ASSERT_TRUE(reader_.list_nodes(nodes).ok());
  ASSERT_EQ(nodes.nodes_size(), 3);
  EXPECT_EQ(nodes.nodes(0).node(), "a");
  EXPECT_EQ(nodes.nodes(1).node(), "b");
  const v1::NodeRow& plant = nodes.nodes(2);
  EXPECT_EQ(plant.version(), "0.1.0");
  EXPECT_EQ(plant.highest_seq(), 1);
  EXPECT_EQ(plant.panes(), 6u);
  EXPECT_EQ(plant.series(), 10u);
  EXPECT_EQ(plant.last_seen_ns(), kNoonNs);
}

TEST_F(HubReaderTest, ListsGapsByNodeAndCauseInPagesNewestFirst) {
  const NodeKey other = sample_node("plant-8");
  ASSERT_TRUE(apply(*store_, hello_change(other)).status.ok());
  std::vector<GapRow> gaps;
  for (std::int64_t seq = 1; seq <= 25; ++seq) {
    gaps.push_back(sample_gap(seq, seq % 5 == 0 ? "corrupt" : "parked"));
  }
  ASSERT_TRUE(apply(*store_, gap_change(gaps)).status.ok());
  ASSERT_TRUE(apply(*store_, gap_change(gaps, other)).status.ok());
  v1::ListGapsRequest request;
  request.set_node("plant-8");
  request.set_cause("parked");
  request.set_limit(7);
  std::vector<std::int64_t> seqs;
  do {
    v1::ListGapsResponse page;
    ASSERT_TRUE(reader_.list_gaps(request, never, page).ok());
    EXPECT_LE(page.gaps_size(), 7);
    for (const v1::GapRow& row : page.gaps()) {
      EXPECT_EQ(row.node(), "plant-8");
      EXPECT_EQ(row.cause(), "parked");
      seqs.push_back(row.seq());
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(seqs.size(), 20u);
  EXPECT_TRUE(std::is_sorted(seqs.rbegin(), seqs.rend()));
  EXPECT_EQ(seqs.front(), 24);
  EXPECT_EQ(read_gap_rows(path_).size(), 50u);
}

TEST_F(HubReaderTest, ListsUnreadRowsByNodeInPagesNewestFirst) {
  const NodeKey other = sample_node("plant-8");
  ASSERT_TRUE(apply(*store_, hello_change(other)).status.ok());
  for (std::int64_t seq = 1; seq <= 20; ++seq) {
    for (const NodeKey& node : {sample_node(), other}) {
      ASSERT_TRUE(apply(*store_, row_change(seq, "?", node)).status.ok());
    }
  }
  v1::ListUnreadRequest request;
  request.set_node("plant-8");
  request.set_limit(7);
  std::vector<std::int64_t> seqs;
  do {
    v1::ListUnreadResponse page;
    ASSERT_TRUE(reader_.list_unread(request, never, page).ok());
    EXPECT_LE(page.unread_size(), 7);
    for (const v1::UnreadRow& row : page.unread()) {
      EXPECT_EQ(row.node(), "plant-8");
      seqs.push_back(row.seq());
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(seqs.size(), 20u);
  EXPECT_TRUE(std::is_sorted(seqs.rbegin(), seqs.rend()));
  EXPECT_EQ(read_unread(path_).size(), 40u);
  request.set_limit(100'001);
  v1::ListUnreadResponse page;
  EXPECT_EQ(reader_.list_unread(request, never, page).code(), StatusCode::invalid_argument);
}

TEST_F(HubReaderTest, RefusesGapsWithATokenOfOtherFiltersOrTooManyRows) {
  v1::ListGapsRequest request;
  request.set_limit(100'001);
  v1::ListGapsResponse page;
  EXPECT_EQ(reader_.list_gaps(request, never, page).code(), StatusCode::invalid_argument);
  request.set_limit(1);
  request.set_page_token("00");
  EXPECT_EQ(reader_.list_gaps(request, never, page).code(), StatusCode::invalid_argument);
}

/// Every event of `request`, page by page.
std::vector<v1::EventRow> all_pages(const HubReader& reader, v1::ListEventsRequest request) {
  std::vector<v1::EventRow> rows;
  do {
    v1::ListEventsResponse page;
    EXPECT_TRUE(reader.list_events(request, never, page).ok());
    EXPECT_LE(page.events_size(), static_cast<int>(request.limit()));
    rows.insert(rows.end(), page.events().begin(), page.events().end());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return rows;
}

// The odd ones are errors; they arrive in the reverse order of their times.
TEST_F(HubReaderTest, ListsEventsByWhatIsAskedInPagesNewestFirst) {
  const NodeKey other = sample_node("plant-8");
  ASSERT_TRUE(apply(*store_, hello_change(other)).status.ok());
  for (std::int64_t seq = 25; seq >= 1; --seq) {
    const Severity severity = seq % 2 == 1 ? Severity::error : Severity::info;
    for (const NodeKey& node : {sample_node(), other}) {
      ASSERT_TRUE(apply(*store_, event_change({sample_event(seq, severity)}, node)).status.ok());
    }
  }
  v1::ListEventsRequest request;
  request.set_node("plant-8");
  request.set_severity_min(v1::EVENT_SEVERITY_WARN);
  request.set_limit(5);
  const auto severe = all_pages(reader_, request);
  ASSERT_EQ(severe.size(), 13u);
  EXPECT_EQ(severe.front().seq(), 25);
  EXPECT_EQ(severe.back().seq(), 1);
  request.clear_severity_min();
  request.set_from_ns(kNoonNs + 3'000'000'000);
  request.set_to_ns(kNoonNs + 9'000'000'000);
  EXPECT_EQ(all_pages(reader_, request).size(), 6u);
  request.set_oldest_first(true);
  EXPECT_EQ(all_pages(reader_, request).front().seq(), 3);
  request.set_name("too_cold");
  EXPECT_TRUE(all_pages(reader_, request).empty());
  request.set_name("too_hot");
  request.set_pipeline("climate");
  EXPECT_EQ(all_pages(reader_, request).size(), 6u);
  request.set_pipeline("another");
  EXPECT_TRUE(all_pages(reader_, request).empty());
  EXPECT_EQ(read_event_rows(path_).size(), 50u);
  v1::ListEventsResponse page;
  request.set_to_ns(1);
  EXPECT_EQ(reader_.list_events(request, never, page).code(), StatusCode::invalid_argument);
}

// Who follows must not miss one because its time is older than what he has seen.
TEST_F(HubReaderTest, ListsEventsByArrivalForWhoFollows) {
  for (const std::int64_t seq : {5, 3, 4}) {
    ASSERT_TRUE(apply(*store_, event_change({sample_event(seq)})).status.ok());
  }
  v1::ListEventsRequest request;
  request.set_by_arrival(true);
  request.set_oldest_first(true);
  request.set_limit(2);
  auto rows = all_pages(reader_, request);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].seq(), 5);
  EXPECT_EQ(rows[2].seq(), 4);
  request.set_after_number(rows[2].number());
  EXPECT_TRUE(all_pages(reader_, request).empty());
  ASSERT_TRUE(apply(*store_, event_change({sample_event(1)})).status.ok());
  rows = all_pages(reader_, request);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].seq(), 1);
}

}  // namespace
}  // namespace sluice::hub
