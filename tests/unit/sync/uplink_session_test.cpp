#include "sync/uplink_session.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "fakes/fake_clock.h"
#include "fakes/memory_events.h"
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
  /// Rows 1..count are sent, acknowledged, and gone.
  void deliver(int count) {
    for (int i = 0; i < count; ++i) outbox.append("");
    const auto session = greeted(0);
    EXPECT_EQ(sent(*session).size(), static_cast<std::size_t>(count));
    ack(*session, 1);
    outbox.commit();
  }

  MemoryOutbox outbox;
  UplinkOptions options;
  UplinkCallbacks callbacks;
  SeriesTable series{1};
  TopicTable topics{1};
  FakeClock clock;
  SharedStats stats;
  SessionContext context{options, callbacks, outbox, series, topics, clock, stats};
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

TEST_F(UplinkSessionTest, AHubThatLacksAcknowledgedRowsIsNamedOnce) {
  deliver(3);
  auto session = greeted(1);
  EXPECT_EQ(session->failure().code(), StatusCode::failed_precondition);
  EXPECT_NE(session->failure().message().find("up to 1"), std::string_view::npos);
  EXPECT_FALSE(session->rewound()) << "the epoch goes on";
  EXPECT_EQ(outbox.missing_told(), 1);
  EXPECT_NE(stats.get().missing_at_hub, "");
  session = greeted(1);
  EXPECT_TRUE(session->failure().ok());
  EXPECT_EQ(outbox.missing_told(), 1);
  outbox.append("");
  session->on_outbox_grew();
  EXPECT_EQ(sent(*session), std::vector<std::int64_t>{4});
  ack(*session, 1);
  outbox.commit();
  EXPECT_TRUE(greeted(4)->failure().ok());
  EXPECT_FALSE(greeted(0)->failure().ok()) << "it happened again";
  EXPECT_EQ(outbox.missing_told(), 2);
}

TEST_F(UplinkSessionTest, WhatIsAcknowledgedAndStillHereGoesAgain) {
  for (int i = 0; i < 3; ++i) outbox.append("");
  const auto first = greeted(0);
  EXPECT_EQ(sent(*first).size(), 3u);
  ack(*first, 1);
  EXPECT_FALSE(greeted(1)->failure().ok());
  EXPECT_EQ(outbox.missing_told(), 0) << "nothing is lost";
  const auto next = greeted(1);
  EXPECT_TRUE(next->failure().ok());
  EXPECT_EQ(sent(*next), (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_FALSE(outbox.wait_all_acked(std::chrono::seconds(0)));
}

TEST_F(UplinkSessionTest, AFirstContactAndANewEpochMissNothing) {
  EXPECT_TRUE(greeted(0)->failure().ok());
  deliver(2);
  outbox.set_identity({"gw-1", std::string(32, 'e')});
  outbox.append("");
  auto session = UplinkSession(context, UplinkTurn{*outbox.identity()}, acked_seq);
  (void)session.hello();
  v1::UplinkResponse response;
  response.mutable_hello();
  session.on_response(response);
  EXPECT_TRUE(session.failure().ok());
  EXPECT_EQ(outbox.missing_told(), 0);
  EXPECT_EQ(stats.get().missing_at_hub, "");
}

TEST_F(UplinkSessionTest, ARowOfOursUnderAHigherNumberMakesANewEpochNotAMissingRow) {
  deliver(2);
  const auto session = greeted(3);
  EXPECT_TRUE(session->rewound());
  EXPECT_EQ(outbox.missing_told(), 0);
}

TEST_F(UplinkSessionTest, TellsWhatTimeTheHubSaidItIsAndBetweenWhichMoments) {
  std::vector<std::int64_t> heard;
  callbacks.heard_time = [&](std::int64_t wall_ns, std::int64_t sent_ns, std::int64_t received_ns) {
    heard = {wall_ns, sent_ns, received_ns};
  };
  UplinkSession session(context, UplinkTurn{kSelf}, acked_seq);
  const std::int64_t sent_ns = clock.boottime_ns();
  (void)session.hello();
  session.written();
  clock.advance(5);
  v1::UplinkResponse response;
  response.mutable_hello()->set_wall_ns(77);
  session.on_response(response);
  EXPECT_EQ(heard, (std::vector<std::int64_t>{77, sent_ns, sent_ns + 5}));
  heard.clear();
  (void)greeted(0);
  EXPECT_TRUE(heard.empty()) << "a hub that does not say";
}

/// Sessions whose hub takes events.
class UplinkSessionEventsTest : public UplinkSessionTest {
 protected:
  UplinkSessionEventsTest() { callbacks.events = &events; }
  std::unique_ptr<UplinkSession> greeted_for_events(bool ended = false) {
    auto session = std::make_unique<UplinkSession>(context, UplinkTurn{kSelf, ended}, acked_seq);
    (void)session->hello();
    session->written();
    v1::UplinkResponse response;
    response.mutable_hello()->set_takes_events(true);
    session->on_response(response);
    return session;
  }
  static v1::UplinkResponse event_ack(std::int64_t seq) {
    v1::UplinkResponse response;
    response.mutable_event_ack()->set_seq(seq);
    return response;
  }
  void tell() {
    ToldEvent told;
    told.event.name = "hot";
    told.event.message = "It is hot.";
    events.append(told);
  }
  MemoryEvents events{kSelf.epoch};
};

TEST_F(UplinkSessionEventsTest, AnEventGoesAheadOfABackfill) {
  options.unacked_bytes_max = 100;
  for (int i = 0; i < 50; ++i) outbox.append(std::string(60, 'r'));
  const auto session = greeted_for_events();
  auto first = session->next();
  ASSERT_TRUE(first && first->has_batch()) << "there is no event yet";
  session->written();
  tell();
  session->on_outbox_grew();
  const auto next = session->next();
  ASSERT_TRUE(next);
  EXPECT_TRUE(next->has_events());
  session->written();
  EXPECT_FALSE(session->done());
  session->on_response(event_ack(1));
  EXPECT_TRUE(session->failure().ok());
  EXPECT_EQ(events.acked_seq(), 1);
}

TEST_F(UplinkSessionEventsTest, AHubThatAcknowledgesNoEventIsTakenForDead) {
  tell();
  const auto session = greeted_for_events();
  ASSERT_TRUE(session->next());
  session->written();
  clock.advance(std::chrono::nanoseconds(options.ack_timeout).count());
  session->on_time();
  EXPECT_EQ(session->failure().code(), StatusCode::deadline_exceeded);
}

TEST_F(UplinkSessionEventsTest, AnAckOfAnEventThatWasNeverSentEndsTheStream) {
  tell();
  const auto session = greeted_for_events();
  session->on_response(event_ack(1));
  EXPECT_EQ(session->failure().code(), StatusCode::failed_precondition);
  EXPECT_EQ(events.acked_seq(), 0);
}

// Rows of an ended epoch may go through a stream of their own; what stages tell waits for the next.
TEST_F(UplinkSessionEventsTest, AStreamOfAnEndedEpochCarriesNone) {
  tell();
  const auto session = greeted_for_events(true);
  EXPECT_FALSE(session->next());
  EXPECT_TRUE(session->done());
}

TEST_F(UplinkSessionEventsTest, NothingIsDueByItselfWhileAMessageIsBeingWritten) {
  tell();
  tell();
  const auto session = greeted_for_events();
  EXPECT_EQ(session->until_due().count(), 0);
  ASSERT_TRUE(session->next());
  EXPECT_GT(session->until_due().count(), 0) << "the transport would be asked in a loop";
}

}  // namespace
}  // namespace sluice
