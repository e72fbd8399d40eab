#include "hub/uplink_session.h"

#include <gtest/gtest.h>

#include "sluice/v1/uplink.pb.h"
#include "unit/hub/hub_samples.h"

namespace sluice::hub {
namespace {

v1::UplinkRequest hello_request(std::int64_t next_seq = 100) {
  v1::UplinkRequest request;
  v1::Hello& hello = *request.mutable_hello();
  hello.set_node(sample_node().node);
  hello.set_epoch(sample_node().epoch);
  hello.set_instance("i1");
  hello.set_next_seq(next_seq);
  return request;
}

v1::UplinkRequest gaps_request(std::int64_t first, std::int64_t last) {
  v1::UplinkRequest request;
  for (std::int64_t seq = first; seq <= last; ++seq) {
    v1::GapRecord& gap = *request.mutable_gaps()->add_gaps();
    gap.set_epoch(sample_node().epoch);
    gap.set_seq(seq);
    gap.set_kind(v1::GAP_KIND_READINGS);
    gap.set_owner("climate");
    gap.set_cause("parked");
    gap.set_from_ns(kNoonNs);
    gap.set_to_ns(kNoonNs + seq);
  }
  return request;
}

/// Sessions on one store, without a network.
class UplinkSessionTest : public ::testing::Test {
 protected:
  UplinkSession session() {
    return UplinkSession({[this](const Change& change) {
                            if (!disk.ok()) return Outcome{disk};
                            return apply(*store_, change);
                          },
                          [](const NodeKey&, const std::string&) { return Status(); }, clock_});
  }
  /// The number in the ack; -1 for an error.
  static std::int64_t send(UplinkSession& session, v1::UplinkRequest request) {
    const auto answer = session.take(request);
    if (!answer.ok()) return -1;
    return (*answer)->gap_ack().seq();
  }

  TempDir dir_;
  std::string path_ = dir_.file("hub.db");
  TestClock clock_;
  std::unique_ptr<HubStore> store_ = open_store(path_, clock_);
  Status disk;
};

TEST_F(UplinkSessionTest, AcknowledgesGapsOnceTheyAreOnFlash) {
  UplinkSession stream = session();
  v1::UplinkRequest hello = hello_request();
  EXPECT_TRUE((*stream.take(hello))->hello().takes_gaps());
  EXPECT_EQ(send(stream, gaps_request(1, 3)), 3);
  EXPECT_EQ(read_gap_rows(path_).size(), 3u);
  disk = unavailable("full");
  EXPECT_EQ(send(stream, gaps_request(4, 4)), -1);
  EXPECT_EQ(read_gap_rows(path_).size(), 3u);
}

// The ack was lost: the same gaps come over the next stream, with newer ones behind them.
TEST_F(UplinkSessionTest, CountsGapsSentAgainOnce) {
  for (const std::int64_t last : {3, 3, 5}) {
    UplinkSession stream = session();
    v1::UplinkRequest hello = hello_request();
    ASSERT_TRUE(stream.take(hello).ok());
    EXPECT_EQ(send(stream, gaps_request(1, last)), last);
  }
  EXPECT_EQ(read_gap_rows(path_).size(), 5u);
}

TEST_F(UplinkSessionTest, RefusesGapsThatGoBackWithinAStreamOrComeBeforeTheHello) {
  UplinkSession early = session();
  EXPECT_EQ(send(early, gaps_request(1, 1)), -1);
  UplinkSession stream = session();
  v1::UplinkRequest hello = hello_request();
  ASSERT_TRUE(stream.take(hello).ok());
  EXPECT_EQ(send(stream, gaps_request(2, 3)), 3);
  EXPECT_EQ(send(stream, gaps_request(3, 4)), -1);
  EXPECT_EQ(read_gap_rows(path_).size(), 2u);
}

TEST_F(UplinkSessionTest, TakesGapsOfARewoundNodeWhoseRowsItRefuses) {
  ASSERT_TRUE(apply(*store_, row_change(7, sample_block({{1}}))).status.ok());
  UplinkSession stream = session();
  v1::UplinkRequest hello = hello_request(5);
  ASSERT_TRUE(stream.take(hello).ok());
  EXPECT_EQ(send(stream, gaps_request(1, 1)), 1);
  v1::UplinkRequest batch;
  batch.mutable_batch()->set_batch_no(1);
  EXPECT_EQ(stream.take(batch).status().code(), StatusCode::failed_precondition);
}

v1::UplinkRequest events_request(std::int64_t first, std::int64_t last) {
  v1::UplinkRequest request;
  for (std::int64_t seq = first; seq <= last; ++seq) {
    v1::EventRecord& record = *request.mutable_events()->add_events();
    record.set_epoch(sample_node().epoch);
    record.set_seq(seq);
    v1::Event& event = *record.mutable_event();
    event.set_pipeline("climate");
    event.set_stage("alert");
    event.set_name("too_hot");
    event.set_severity(v1::EVENT_SEVERITY_WARN);
    event.set_message("number " + std::to_string(seq));
  }
  return request;
}

/// The number in the ack; -1 for an error.
std::int64_t send_events(UplinkSession& session, std::int64_t first, std::int64_t last) {
  v1::UplinkRequest request = events_request(first, last);
  const auto answer = session.take(request);
  return answer.ok() ? (*answer)->event_ack().seq() : -1;
}

TEST_F(UplinkSessionTest, AcknowledgesEventsOnceTheyAreOnFlash) {
  UplinkSession stream = session();
  v1::UplinkRequest hello = hello_request();
  EXPECT_TRUE((*stream.take(hello))->hello().takes_events());
  EXPECT_EQ(send_events(stream, 1, 3), 3);
  EXPECT_EQ(read_event_rows(path_).size(), 3u);
  disk = unavailable("full");
  EXPECT_EQ(send_events(stream, 4, 4), -1);
  disk = {};
  EXPECT_EQ(send_events(stream, 4, 4), 4) << "what was not stored comes again";
  EXPECT_EQ(read_event_rows(path_).size(), 4u);
}

// The ack was lost, or the hub was killed before it left: the same events come over the next
// stream, with newer ones behind them.
TEST_F(UplinkSessionTest, KeepsEventsSentAgainOnce) {
  for (const std::int64_t last : {3, 3, 5}) {
    store_.reset();
    store_ = open_store(path_, clock_);
    UplinkSession stream = session();
    v1::UplinkRequest hello = hello_request();
    ASSERT_TRUE(stream.take(hello).ok());
    EXPECT_EQ(send_events(stream, 1, last), last);
  }
  EXPECT_EQ(read_event_rows(path_).size(), 5u);
}

TEST_F(UplinkSessionTest, RefusesEventsThatGoBackWithinAStreamOrComeBeforeTheHello) {
  UplinkSession early = session();
  EXPECT_EQ(send_events(early, 1, 1), -1);
  UplinkSession stream = session();
  v1::UplinkRequest hello = hello_request();
  ASSERT_TRUE(stream.take(hello).ok());
  EXPECT_EQ(send_events(stream, 2, 3), 3);
  EXPECT_EQ(send_events(stream, 3, 4), -1);
  EXPECT_EQ(read_event_rows(path_).size(), 2u);
}

TEST_F(UplinkSessionTest, TakesEventsOfARewoundNodeWhoseRowsItRefuses) {
  ASSERT_TRUE(apply(*store_, row_change(7, sample_block({{1}}))).status.ok());
  UplinkSession stream = session();
  v1::UplinkRequest hello = hello_request(5);
  ASSERT_TRUE(stream.take(hello).ok());
  EXPECT_EQ(send_events(stream, 1, 1), 1);
}

}  // namespace
}  // namespace sluice::hub
