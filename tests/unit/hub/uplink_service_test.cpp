#include "hub/uplink_service.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/crc32c.h"
#include "unit/hub/hub_server.h"

namespace sluice::hub {
namespace {

std::string block_at(std::int64_t minute, std::uint32_t series_id = 1) {
  return sample_block({{series_id, kNoonNs + kMinuteNs * minute}});
}

TEST(UplinkService, AcknowledgesABatchWhenItIsOnFlash) {
  TestHub hub;
  TestNode node(hub.port());
  ASSERT_EQ(node.greet(), 0);
  for (std::uint64_t no = 1; no <= 10; ++no) {
    const auto seq = static_cast<std::int64_t>(no);
    node.send_batch(no, seq, block_at(seq));
    ASSERT_EQ(node.read_ack(), no);
    // Another connection to the file sees what is committed, nothing else.
    ASSERT_EQ(read_all(hub.path()).size(), no);
  }
  EXPECT_TRUE(node.finish().ok());
}

TEST(UplinkService, TakesBatchesSentAheadOfTheirAcks) {
  TestHub hub;
  TestNode node(hub.port());
  ASSERT_EQ(node.greet(), 0);
  for (int no = 1; no <= 200; ++no) {
    ASSERT_TRUE(node.send_batch(static_cast<std::uint64_t>(no), no, block_at(no)));
  }
  std::uint64_t acked = 0;
  while (acked < 200) {
    const std::uint64_t next = node.read_ack();
    ASSERT_GT(next, acked);
    acked = next;
  }
  EXPECT_EQ(read_all(hub.path()).size(), 200u);
}

// The ack was lost: the node sends the same rows again over a new connection.
TEST(UplinkService, CountsRowsSentAgainOnceAndTellsTheHighest) {
  TestHub hub;
  for (int round = 0; round < 3; ++round) {
    TestNode node(hub.port());
    ASSERT_EQ(node.greet("i" + std::to_string(round)), round == 0 ? 0 : 6);
    node.send_batch(1, 6, block_at(6));
    node.send_batch(2, 5, block_at(5));
    ASSERT_EQ(node.read_ack(), 1u);
    ASSERT_EQ(node.read_ack(), 2u);
    ASSERT_TRUE(node.finish().ok());
  }
  EXPECT_EQ(read_all(hub.path()).size(), 2u);
  const v1::NodeRow row = list_nodes(hub.port()).nodes(0);
  EXPECT_EQ(row.rows_received(), 6u);
  EXPECT_EQ(row.rows_repeated(), 4u);
}

// By the checksum a node sees that its store was rewound and has since reused the number.
TEST(UplinkService, TellsTheChecksumOfTheHighestRow) {
  TestHub hub;
  v1::UplinkResponse reply;
  {
    TestNode node(hub.port());
    ASSERT_TRUE(node.send_hello() && node.read(reply));
    EXPECT_FALSE(reply.hello().has_highest_crc32c());
    node.send_series(1);
    node.send_batch(1, 4, block_at(4));
    ASSERT_EQ(node.read_ack(), 1u);
    ASSERT_TRUE(node.finish().ok());
  }
  TestNode node(hub.port());
  ASSERT_TRUE(node.send_hello() && node.read(reply));
  EXPECT_EQ(reply.hello().highest_seq(), 4);
  EXPECT_EQ(reply.hello().highest_crc32c(), crc32c(block_at(4)));
}

TEST(UplinkService, KeepsEverythingOverARestartOfTheHub) {
  TestHub hub;
  {
    TestNode node(hub.port());
    ASSERT_EQ(node.greet(), 0);
    node.send_batch(1, 1, block_at(1));
    ASSERT_EQ(node.read_ack(), 1u);
    hub.stop();
    EXPECT_FALSE(node.status().ok());
  }
  hub.start();
  TestNode node(hub.port());
  EXPECT_EQ(node.greet(), 1);
  EXPECT_EQ(read_all(hub.path()).size(), 1u);
}

TEST(UplinkService, RefusesASecondLiveNodeOfTheSameIdentity) {
  TestHub hub;
  TestNode first(hub.port());
  ASSERT_EQ(first.greet("one"), 0);
  TestNode clone(hub.port());
  clone.send_hello("two");
  const grpc::Status refused = clone.status();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(clone.refusal().reason(), v1::Refusal::LIVE_ELSEWHERE);
  EXPECT_NE(refused.error_message().find("plant-7"), std::string::npos);
  // The first one does not notice.
  first.send_batch(1, 1, block_at(1));
  EXPECT_EQ(first.read_ack(), 1u);
  EXPECT_TRUE(first.finish().ok());
  TestNode later(hub.port());
  EXPECT_EQ(later.greet("two"), 1);
}

TEST(UplinkService, GivesTheSameProcessItsPlaceBackAndEndsTheOldStream) {
  TestHub hub;
  TestNode old_stream(hub.port());
  ASSERT_EQ(old_stream.greet(), 0);
  TestNode new_stream(hub.port());
  ASSERT_EQ(new_stream.greet(), 0);
  EXPECT_EQ(old_stream.status().error_code(), grpc::StatusCode::CANCELLED);
  new_stream.send_batch(1, 1, block_at(1));
  EXPECT_EQ(new_stream.read_ack(), 1u);
  EXPECT_TRUE(list_nodes(hub.port()).nodes(0).connected());
}

// Connections of one process that overlap, each sending all of it: whatever is cut off where, the
// last one ends with every pane once.
TEST(UplinkService, CountsOnceWhatOverlappingConnectionsBothSend) {
  TestHub hub;
  constexpr int kRows = 60;
  const auto send_all = [&hub](bool must_finish) {
    TestNode node(hub.port());
    if (node.greet() < 0) return false;
    for (int no = 1; no <= kRows; ++no) {
      if (!node.send_batch(static_cast<std::uint64_t>(no), no, block_at(no))) break;
    }
    std::uint64_t acked = 0;
    while (acked < kRows) {
      const std::uint64_t next = node.read_ack();
      if (next == 0) break;
      acked = next;
    }
    return acked == kRows || !must_finish;
  };
  std::vector<std::thread> overlapping;
  for (int i = 0; i < 4; ++i) overlapping.emplace_back([&] { send_all(false); });
  for (std::thread& thread : overlapping) thread.join();
  EXPECT_TRUE(send_all(true));
  EXPECT_EQ(read_all(hub.path()).size(), static_cast<std::size_t>(kRows));
  EXPECT_EQ(list_nodes(hub.port()).nodes(0).panes(), static_cast<std::uint64_t>(kRows));
}

TEST(UplinkService, ARowThatItCannotReadStopsNeitherItsBatchNorTheStream) {
  TestHub hub;
  {
    TestNode node(hub.port());
    ASSERT_EQ(node.greet(), 0);
    v1::UplinkRequest request;
    request.mutable_batch()->set_batch_no(1);
    for (const std::int64_t seq : {41, 42, 43}) {
      v1::SummaryRow& row = *request.mutable_batch()->add_rows();
      row.set_seq(seq);
      row.set_block(seq == 42 ? std::string("not a block") : block_at(seq));
    }
    node.send(request);
    v1::UplinkResponse response;
    ASSERT_TRUE(node.read(response));
    EXPECT_EQ(response.ack().batch_no(), 1u);
    EXPECT_EQ(response.ack().unread().rows(), 1u);
    EXPECT_EQ(response.ack().unread().seq(), 42);
    node.send_batch(2, 44, block_at(1, 11));
    ASSERT_TRUE(node.read(response));
    EXPECT_EQ(response.ack().unread().rows(), 2u);
    EXPECT_NE(response.ack().unread().text().find("series 11"), std::string::npos);
    node.send_batch(3, 45, block_at(45));
    ASSERT_TRUE(node.read(response));
    EXPECT_EQ(response.ack().batch_no(), 3u);
    EXPECT_FALSE(response.ack().has_unread());
    EXPECT_TRUE(node.finish().ok());
  }
  EXPECT_EQ(read_all(hub.path()).size(), 3u);
  EXPECT_EQ(list_nodes(hub.port()).nodes(0).unread(), 2u);
  TestNode again(hub.port());
  v1::UplinkResponse reply;
  ASSERT_TRUE(again.send_hello() && again.read(reply));
  EXPECT_EQ(reply.hello().highest_seq(), 45);
  EXPECT_EQ(reply.hello().unread().rows(), 2u);
  EXPECT_EQ(reply.hello().unread().seq(), 44);
}

TEST(UplinkService, ABadSeriesDefinitionCostsOnlyTheRowsThatUseIt) {
  TestHub hub;
  TestNode node(hub.port());
  ASSERT_EQ(node.greet(), 0);
  v1::UplinkRequest request;
  v1::SeriesDefinition& definition = *request.mutable_series()->add_definitions();
  definition.set_id(11);
  definition.set_measurement(std::string(129, 'm'));
  node.send(request);
  node.send_batch(1, 1, block_at(1, 11));
  node.send_batch(2, 2, block_at(2));
  EXPECT_EQ(node.read_ack(), 1u);
  EXPECT_EQ(node.read_ack(), 2u);
  EXPECT_TRUE(node.finish().ok());
  EXPECT_EQ(read_all(hub.path()).size(), 1u);
  EXPECT_EQ(read_unread(hub.path()).size(), 1u);
}

TEST(UplinkService, RefusesToRedefineASeries) {
  TestHub hub;
  TestNode node(hub.port());
  ASSERT_EQ(node.greet(), 0);
  v1::UplinkRequest request;
  v1::SeriesDefinition& definition = *request.mutable_series()->add_definitions();
  definition.set_id(3);
  definition.set_measurement("humidity");
  node.send(request);
  EXPECT_EQ(node.status().error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(node.refusal().reason(), v1::Refusal::SERIES_REDEFINED);
  EXPECT_NE(node.refusal().text().find("series 3"), std::string::npos) << node.refusal().text();
}

TEST(UplinkService, RefusesMessagesOutOfTurn) {
  TestHub hub;
  const auto code = [&hub](bool greeted, auto send) {
    TestNode node(hub.port());
    if (greeted) {
      EXPECT_GE(node.greet(), 0);
    }
    send(node);
    return node.status().error_code();
  };
  using grpc::StatusCode;
  EXPECT_EQ(code(false, [](auto& n) { n.send_series(1); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code(false, [](auto& n) { n.send({}); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code(false, [](auto& n) { n.send_hello("", 1); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code(true, [](auto& n) { n.send({}); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code(true, [](auto& n) { n.send_hello(); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code(true, [](auto& n) { n.send_batch(2, 1, block_at(1)); }),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code(true, [](auto& n) { n.send_batch(1, 0, block_at(1)); }),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(read_all(hub.path()).empty());
}

TEST(UplinkService, RefusesRowsOfARewoundStoreUntilItTakesANewEpoch) {
  TestHub hub;
  {
    TestNode node(hub.port());
    ASSERT_EQ(node.greet("i1", 10), 0);
    node.send_batch(1, 9, block_at(9));
    ASSERT_EQ(node.read_ack(), 1u);
    ASSERT_TRUE(node.finish().ok());
  }
  TestNode rewound(hub.port());
  ASSERT_EQ(rewound.greet("i2", 9), 9);
  rewound.send_batch(1, 9, sample_block({{1, kNoonNs, 1, 5, 5}}));
  EXPECT_EQ(rewound.status().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(read_all(hub.path()).size(), 1u);
  NodeKey renewed = sample_node();
  renewed.epoch[0] = 'e';
  TestNode fresh(hub.port());
  EXPECT_EQ(fresh.greet("i2", 9, renewed), 0);
  fresh.send_batch(1, 9, block_at(1));
  EXPECT_EQ(fresh.read_ack(), 1u);
}

TEST(UplinkService, TakesGzip) {
  TestHub hub;
  TestNode node(connect(hub.port()), true);
  ASSERT_EQ(node.greet(), 0);
  std::vector<SamplePane> panes(2000);
  for (std::size_t i = 0; i < panes.size(); ++i) {
    panes[i].start_ns += kMinuteNs * static_cast<std::int64_t>(i);
  }
  node.send_batch(1, 1, sample_block(panes));
  EXPECT_EQ(node.read_ack(), 1u);
  EXPECT_EQ(read_all(hub.path()).size(), 2000u);
}

TEST(UplinkService, RefusesAMessageOfMoreThanSixteenMebibytesPackedOrNot) {
  TestHub hub;
  for (const bool gzip : {false, true}) {
    TestNode node(connect(hub.port()), gzip);
    ASSERT_EQ(node.greet(), 0);
    node.send_batch(1, 1, std::string(17 << 20, '\0'));
    EXPECT_EQ(node.status().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << gzip;
  }
  TestNode node(hub.port());
  EXPECT_EQ(node.greet(), 0) << "the hub did not survive it";
}

TEST(UplinkService, SaysSoWhenAllItsStreamsAreTaken) {
  HubServiceOptions options;
  options.streams_max = 2;
  TestHub hub(options);
  TestNode one(hub.port());
  TestNode two(hub.port());
  ASSERT_EQ(one.greet("i", 1'000, sample_node("n1")), 0);
  ASSERT_EQ(two.greet("i", 1'000, sample_node("n2")), 0);
  TestNode three(hub.port());
  three.send_hello("i", 1'000, sample_node("n3"));
  EXPECT_EQ(three.status().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  one.send_batch(1, 1, block_at(1));
  EXPECT_EQ(one.read_ack(), 1u);
}

TEST(UplinkService, ServesManyNodesAtOnce) {
  TestHub hub;
  constexpr int kNodes = 24;
  constexpr int kRows = 20;
  std::atomic<int> failed{0};
  std::vector<std::thread> nodes;
  for (int n = 0; n < kNodes; ++n) {
    nodes.emplace_back([&hub, &failed, n] {
      TestNode node(hub.port());
      if (node.greet("i", 1'000, sample_node("n" + std::to_string(n))) != 0) ++failed;
      for (int no = 1; no <= kRows; ++no) {
        node.send_batch(static_cast<std::uint64_t>(no), no, block_at(no));
        if (node.read_ack() != static_cast<std::uint64_t>(no)) ++failed;
      }
      if (!node.finish().ok()) ++failed;
    });
  }
  for (std::thread& node : nodes) node.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(read_all(hub.path()).size(), static_cast<std::size_t>(kNodes * kRows));
}

TEST(UplinkService, CancelsAStreamThatNeverSaysHello) {
  TestHub hub;
  TestNode silent(hub.port());
  // The first message is only awaited once the hub has the stream; keep the clock moving until it
  // has noticed.
  std::atomic<bool> done{false};
  std::thread clock([&] {
    while (!done) {
      hub.clock.boottime += 1'000'000'000;
      std::this_thread::yield();
    }
  });
  EXPECT_EQ(silent.status().error_code(), grpc::StatusCode::CANCELLED);
  done = true;
  clock.join();
}

}  // namespace
}  // namespace sluice::hub
