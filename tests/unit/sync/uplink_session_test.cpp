#include "sync/uplink_session.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "fakes/fake_clock.h"
#include "fakes/memory_outbox.h"

namespace sluice {
namespace {

const Identity kSelf{"gw-1", "00112233445566778899aabbccddeeff"};

/// Sessions of one node, whose hub is played by hand.
class UplinkSessionTest : public ::testing::Test {
 protected:
  UplinkSessionTest() {
    outbox.set_identity(kSelf);
    options.hub = "hub";
    callbacks.next_seq = [this] { return outbox.next_seq(); };
  }
  /// A session whose hub says that it holds rows up to `highest_seq`.
  std::unique_ptr<UplinkSession> greeted(std::int64_t highest_seq, std::uint64_t unread = 0) {
    auto session = std::make_unique<UplinkSession>(context, UplinkTurn{kSelf}, acked_seq);
    (void)session->hello();
    session->written();
    v1::UplinkResponse response;
    response.mutable_hello()->set_highest_seq(highest_seq);
    if (unread > 0) {
      response.mutable_hello()->mutable_unread()->set_rows(unread);
      response.mutable_hello()->mutable_unread()->set_seq(1);
      response.mutable_hello()->mutable_unread()->set_text("why");
    }
    session->on_response(response);
    return session;
  }
  /// The numbers of the rows it sends now, in one batch each.
  static std::vector<std::int64_t> sent(UplinkSession& session) {
    std::vector<std::int64_t> seqs;
    while (auto message = session.next()) {
      session.written();
      for (const v1::SummaryRow& row : message->batch().rows()) seqs.push_back(row.seq());
    }
    return seqs;
  }
  static void ack(UplinkSession& session, std::uint64_t batch_no, std::uint64_t unread = 0) {
    v1::UplinkResponse response;
    response.mutable_ack()->set_batch_no(batch_no);
    if (unread > 0) {
      response.mutable_ack()->mutable_unread()->set_rows(unread);
      response.mutable_ack()->mutable_unread()->set_seq(2);
      response.mutable_ack()->mutable_unread()->set_text("not a block");
    }
    session.on_response(response);
  }

  MemoryOutbox outbox;
  UplinkOptions options;
  UplinkCallbacks callbacks;
  SeriesTable series{1};
  FakeClock clock;
  SharedStats stats;
  SessionContext context{options, callbacks, outbox, series, clock, stats};
  std::int64_t acked_seq = 0;
};

TEST_F(UplinkSessionTest, ARowThatTheHubKeepsUnreadIsAcknowledgedAndShown) {
  outbox.append("");
  outbox.append("not a block");
  const auto session = greeted(0);
  EXPECT_EQ(sent(*session), (std::vector<std::int64_t>{1, 2}));
  ack(*session, 1, 3);
  EXPECT_TRUE(session->failure().ok());
  EXPECT_TRUE(outbox.wait_all_acked(std::chrono::seconds(0)));
  EXPECT_EQ(stats.get().rows_unread, 3u);
  EXPECT_EQ(stats.get().unread, "row 2: not a block");
  outbox.append("");
  session->on_outbox_grew();
  EXPECT_EQ(sent(*session), std::vector<std::int64_t>{3});
  ack(*session, 2);
  EXPECT_EQ(stats.get().rows_unread, 3u) << "an ack that says nothing changes nothing";
}

TEST_F(UplinkSessionTest, EveryHelloTellsAnewWhatIsUnread) {
  (void)greeted(0, 2);
  EXPECT_EQ(stats.get().rows_unread, 2u);
  EXPECT_EQ(stats.get().unread, "row 1: why");
  (void)greeted(0);  // the hub has learnt to read them
  EXPECT_EQ(stats.get().rows_unread, 0u);
  EXPECT_EQ(stats.get().unread, "");
}

}  // namespace
}  // namespace sluice
