#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>

#include "fault/campaign.h"
#include "fault/cloud_sim.h"
#include "fault/memory_folder.h"
#include "hub/hub_reader.h"
#include "sluice/v1/hub.pb.h"

namespace sluice::fault {
namespace {

void expect_equal(const CloudSim& sim, const std::string& database) {
  v1::ListSummariesRequest request;
  request.set_node(sim.node());
  request.set_limit(1000);
  v1::ListSummariesResponse found;
  ASSERT_TRUE(hub::HubReader(database)
                  .list_summaries(
                      request, [] { return false; }, found)
                  .ok());
  ASSERT_EQ(static_cast<std::size_t>(found.summaries_size()), sim.expected().size());
  for (const v1::SummaryRecord& record : found.summaries()) {
    const auto series = static_cast<SeriesId>(std::stoul(record.labels().at("room")));
    const auto pane = sim.expected().find({series, record.start_ns()});
    ASSERT_NE(pane, sim.expected().end());
    EXPECT_EQ(record.revision(), pane->second.revision);
    EXPECT_EQ(record.count(), pane->second.content.moments.count);
    EXPECT_DOUBLE_EQ(record.sum(), pane->second.content.moments.total());
    EXPECT_EQ(record.first(), pane->second.content.moments.first);
  }
}

void expect_gaps(const CloudSim& sim, const std::string& database) {
  v1::ListGapsRequest request;
  request.set_node(sim.node());
  request.set_limit(1000);
  v1::ListGapsResponse found;
  ASSERT_TRUE(hub::HubReader(database)
                  .list_gaps(
                      request, [] { return false; }, found)
                  .ok());
  std::map<std::int64_t, Gap> kept;
  for (const v1::GapRow& row : found.gaps()) {
    EXPECT_TRUE(kept.emplace(row.seq(), Gap{static_cast<LedgerKind>(row.kind()), row.owner(),
                                            row.cause(), row.from_ns(), row.to_ns(), row.count()})
                    .second)
        << "gap " << row.seq() << " twice";
  }
  std::map<std::int64_t, Gap> arose;
  for (const GapRow& row : sim.gaps()) arose[row.seq] = row.gap;
  EXPECT_EQ(kept, arose);
}

void expect_events(const CloudSim& sim, const std::string& database) {
  v1::ListEventsRequest request;
  request.set_node(sim.node());
  request.set_limit(100'000);
  v1::ListEventsResponse found;
  ASSERT_TRUE(hub::HubReader(database)
                  .list_events(
                      request, [] { return false; }, found)
                  .ok());
  std::map<std::int64_t, std::string> kept;
  for (const v1::EventRow& row : found.events()) {
    const std::string room = row.measurement().empty() ? "0" : row.labels().at("room");
    EXPECT_TRUE(kept.emplace(row.seq(), row.event().message() + " of " + room).second)
        << "event " << row.seq() << " twice";
  }
  std::map<std::int64_t, std::string> told;
  for (const EventRow& row : sim.events()) {
    told[row.seq] = row.told.event.message + " of " + std::to_string(row.told.event.series);
  }
  EXPECT_EQ(kept, told);
}

void expect_unread(const CloudSim& sim, const std::string& database) {
  v1::ListUnreadRequest request;
  request.set_node(sim.node());
  request.set_limit(1000);
  v1::ListUnreadResponse found;
  ASSERT_TRUE(hub::HubReader(database)
                  .list_unread(
                      request, [] { return false; }, found)
                  .ok());
  std::set<std::int64_t> kept;
  for (const v1::UnreadRow& row : found.unread()) {
    EXPECT_TRUE(kept.insert(row.seq()).second) << "row " << row.seq() << " twice";
  }
  EXPECT_EQ(kept, sim.unreadable());
  // An answer may have been lost since; the next Hello tells.
  EXPECT_LE(sim.stats().rows_unread, kept.size());
}

// The real protocol of both sides over a network from a seed; see CloudSim for its faults.
TEST(Cloud, HoldsEveryPaneOnceWhateverTheNetworkAndCrashesDo) {
  const Campaign campaign("cloud", 2000);
  const FakeClock clock;
  std::uint64_t connections = 0;
  std::uint64_t repeated = 0;
  std::uint64_t unread = 0;
  std::uint64_t events = 0;
  constexpr std::uint64_t kHistoriesPerDatabase = 500;  // bounds its size in a long run
  for (std::uint64_t from = 0; from < campaign.n(); from += kHistoriesPerDatabase) {
    const MemoryFolder folder;
    auto store = hub::HubStore::open(folder.file("hub.sqlite"), clock);
    ASSERT_TRUE(store.ok()) << store.status().to_string();
    const std::uint64_t to = std::min(campaign.n(), from + kHistoriesPerDatabase);
    for (std::uint64_t i = from; i < to; ++i) {
      SCOPED_TRACE(repeat_with(campaign.seed() + i));
      CloudSim sim(**store, "node-" + std::to_string(i), campaign.seed() + i);
      ASSERT_TRUE(sim.run()) << "rows are still unacknowledged";
      expect_equal(sim, folder.file("hub.sqlite"));
      expect_gaps(sim, folder.file("hub.sqlite"));
      expect_events(sim, folder.file("hub.sqlite"));
      events += sim.events().size();
      expect_unread(sim, folder.file("hub.sqlite"));
      unread += sim.unreadable().size();
      EXPECT_EQ(sim.missing_told(), 0);
      EXPECT_EQ(sim.unknown_acks(), 0);
      const hub::RowCounters rows =
          (*store)->counters({sim.node(), "0123456789abcdef0123456789abcdef"});
      EXPECT_EQ(rows.panes_conflicting, 0u);
      connections += sim.connections();
      repeated += rows.rows_repeated;
      if (testing::Test::HasFailure()) return;
    }
  }
  std::printf("%llu connections, %llu rows sent again, %llu kept unread, %llu events\n",
              static_cast<unsigned long long>(connections),
              static_cast<unsigned long long>(repeated), static_cast<unsigned long long>(unread),
              static_cast<unsigned long long>(events));
  if (campaign.n() >= 100) {
    EXPECT_GT(repeated, 0u);
    EXPECT_GT(unread, 0u);
    EXPECT_GT(events, campaign.n());
  }
}

}  // namespace
}  // namespace sluice::fault
