#include "hub/query_service.h"

#include <gtest/gtest.h>

#include <set>

#include "unit/hub/hub_server.h"

namespace sluice::hub {
namespace {

TEST(QueryService, TellsWhoIsConnectedAndWhatCame) {
  TestHub hub;
  std::size_t bytes = 0;
  {
    TestNode node(hub.port());
    ASSERT_EQ(node.greet(), 0);
    const std::string block = sample_block({{1}, {2}, {3}});
    bytes = block.size();
    hub.clock.wall += 5;
    node.send_batch(1, 8, block);
    ASSERT_EQ(node.read_ack(), 1u);
    const auto nodes = list_nodes(hub.port());
    ASSERT_EQ(nodes.nodes_size(), 1);
    EXPECT_TRUE(nodes.nodes(0).connected());
    EXPECT_TRUE(node.finish().ok());
  }
  const v1::NodeRow row = list_nodes(hub.port()).nodes(0);
  EXPECT_EQ(row.node(), "plant-7");
  EXPECT_FALSE(row.connected());
  EXPECT_EQ(row.last_seen_ns(), kNoonNs + 5);
  EXPECT_EQ(row.highest_seq(), 8);
  EXPECT_EQ(row.panes(), 3u);
  EXPECT_EQ(row.series(), 10u);
  EXPECT_EQ(row.rows_received(), 1u);
  EXPECT_EQ(row.rows_repeated(), 0u);
  EXPECT_EQ(row.bytes_received(), bytes);
}

TEST(QueryService, PagesThroughAllPanesOnceOverTheWire) {
  TestHub hub;
  TestNode node(hub.port());
  ASSERT_EQ(node.greet(), 0);
  for (int no = 1; no <= 30; ++no) {
    std::vector<SamplePane> panes;
    for (std::uint32_t id = 1; id <= 10; ++id) panes.push_back({id, kNoonNs + kMinuteNs * no});
    node.send_batch(static_cast<std::uint64_t>(no), no, sample_block(panes));
    ASSERT_EQ(node.read_ack(), static_cast<std::uint64_t>(no));
  }
  const auto stub = v1::HubQuery::NewStub(connect(hub.port()));
  v1::ListSummariesRequest request;
  request.set_limit(47);
  std::set<std::pair<std::int64_t, std::string>> seen;
  do {
    grpc::ClientContext context;
    v1::ListSummariesResponse page;
    ASSERT_TRUE(stub->ListSummaries(&context, request, &page).ok());
    for (const v1::SummaryRecord& pane : page.summaries()) {
      EXPECT_TRUE(seen.insert({pane.start_ns(), pane.labels().at("device")}).second);
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(seen.size(), 300u);
}

TEST(QueryService, RefusesWrongQuestionsWithTheReason) {
  TestHub hub;
  const auto stub = v1::HubQuery::NewStub(connect(hub.port()));
  v1::ListSummariesRequest request;
  request.set_limit(1'000'000);
  grpc::ClientContext context;
  v1::ListSummariesResponse page;
  const grpc::Status refused = stub->ListSummaries(&context, request, &page);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(refused.error_message().find("100000"), std::string::npos);
}

}  // namespace
}  // namespace sluice::hub
