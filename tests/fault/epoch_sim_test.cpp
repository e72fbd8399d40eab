#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <memory>

#include "base/log.h"
#include "fault/campaign.h"
#include "fault/epoch_sim.h"
#include "fault/memory_folder.h"
#include "hub/hub_reader.h"
#include "sluice/v1/hub.pb.h"

namespace sluice::fault {
namespace {

using Sums = std::map<std::pair<int, std::int64_t>, double>;

/// Over all epochs of the node, as whoever reads the hub merges them.
void add_sums(const std::string& database, const std::string& node, Sums& sums) {
  v1::ListSummariesRequest request;
  request.set_node(node);
  request.set_limit(1000);
  do {
    v1::ListSummariesResponse found;
    const Status listed = hub::HubReader(database).list_summaries(
        request, [] { return false; }, found);
    ASSERT_TRUE(listed.ok()) << listed.to_string();
    for (const v1::SummaryRecord& record : found.summaries()) {
      const int room = std::atoi(record.labels().at("room").c_str() + 4);
      sums[{room, record.start_ns() / 1'000'000'000}] += record.sum();
    }
    request.set_page_token(found.next_page_token());
  } while (!request.page_token().empty());
}

// Random histories of a database that is copied, set back and cloned; see EpochSim.
TEST(Epochs, CountNoReadingTwiceAndLoseNoneOfThoseALivingDatabaseHeld) {
  log::configure(log::Level::error, log::Format::logfmt);
  const Campaign campaign("epochs", 200);
  const FakeClock clock;
  std::uint64_t ended = 0;
  std::uint64_t copies = 0;
  double strictly = 0;
  constexpr std::uint64_t kHistoriesPerDatabase = 200;  // bounds its size in a long run
  for (std::uint64_t from = 0; from < campaign.n(); from += kHistoriesPerDatabase) {
    const MemoryFolder folder;
    auto store = hub::HubStore::open(folder.file("hub.sqlite"), clock);
    ASSERT_TRUE(store.ok()) << store.status().to_string();
    const std::uint64_t to = std::min(campaign.n(), from + kHistoriesPerDatabase);
    for (std::uint64_t i = from; i < to; ++i) {
      SCOPED_TRACE(repeat_with(campaign.seed() + i));
      EpochSim sim(**store, "sim" + std::to_string(i), campaign.seed() + i);
      sim.run();
      Sums sums;
      for (const std::string& node : sim.nodes()) add_sums(folder.file("hub.sqlite"), node, sums);
      ASSERT_EQ(sim.verdict(sums), "");
      ended += sim.epochs_ended();
      copies += sim.copies_used();
      EXPECT_EQ(sim.missing_told(), 0u);
      strictly += sim.judged_strictly() / static_cast<double>(campaign.n());
      if (testing::Test::HasFailure()) return;
    }
  }
  campaign.report(campaign.n(), std::to_string(copies) + " copies put to use, " +
                                    std::to_string(ended) + " epochs ended, " +
                                    std::to_string(std::lround(strictly * 100)) +
                                    " % of windows judged strictly");
  if (campaign.n() < 100) return;
  EXPECT_GT(strictly, 0.25) << "too few that say anything";
  EXPECT_GT(ended, 0u);
}

}  // namespace
}  // namespace sluice::fault
