#include "sync/uplink.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "fakes/flaky_cloud.h"
#include "fakes/memory_outbox.h"
#include "fakes/sensor_panes.h"
#include "sync/summary_encoder.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

const std::string kEpoch = "00112233445566778899aabbccddeeff";

/// A node with an outbox and an uplink, facing `cloud`.
class Node {
 public:
  explicit Node(const FlakyCloud& cloud) {
    options.hub = cloud.address();
    options.backoff_max = milliseconds(5);
    outbox.set_identity({"gw-1", kEpoch});
    options.instance = "instance";
    options.version = "0.1.0";
    for (int i = 1; i <= 200; ++i) {
      series.intern({"temperature", "Cel", {{"device", std::to_string(i)}}});
    }
  }
  ~Node() { uplink.reset(); }

  void start() {
    uplink = std::make_unique<Uplink>(
        options, outbox, series, topics, clock,
        UplinkCallbacks{[this] { return outbox.next_seq(); },
                        [this](const std::string& epoch, std::int64_t) { end_epoch(epoch); },
                        [this] { ++epochs_confirmed; }});
    uplink->start();
  }
  /// A block of `panes` panes of random series.
  std::int64_t append(std::size_t panes = 3) {
    SummaryBlock block{"room", 42, {}};
    for (std::size_t i = 0; i < panes; ++i) {
      const auto id = static_cast<SeriesId>(1 + random() % 200);
      block.panes.push_back(sensor_pane(id, kBase, 10 * kSecond, 20, 1, 2, random));
    }
    const std::int64_t seq = outbox.append(ProtoSummaryEncoder().encode(block));
    if (uplink) uplink->poke();
    return seq;
  }
  std::vector<std::int64_t> append_many(int rows) {
    std::vector<std::int64_t> seqs;
    for (int i = 0; i < rows; ++i) seqs.push_back(append());
    return seqs;
  }
  void end_epoch(const std::string& epoch) {
    if (epoch_stays || epoch != outbox.identity()->epoch) return;
    epochs_taken += 1;
    outbox.take_rows_to({"gw-1", std::string(31, '0') + std::to_string(epochs_taken)});
  }

  UplinkOptions options;
  MemoryOutbox outbox;
  SeriesTable series{1000};
  TopicTable topics{10};
  SystemClock clock;
  std::mt19937_64 random{1};
  bool epoch_stays = false;  // what follows: [sync], once started
  int epochs_taken = 0;
  int epochs_confirmed = 0;
  std::unique_ptr<Uplink> uplink;
};

TEST(Uplink, DeliversAllRowsInOrderOnce) {
  FlakyCloud cloud;
  Node node(cloud);
  auto seqs = node.append_many(20);
  node.start();
  ASSERT_TRUE(node.outbox.wait_all_acked());
  const auto more = node.append_many(30);
  ASSERT_TRUE(node.outbox.wait_all_acked());
  seqs.insert(seqs.end(), more.begin(), more.end());
  EXPECT_EQ(seqs, cloud.received());
  EXPECT_EQ(node.outbox.history(), cloud.stored(kEpoch));
  EXPECT_TRUE(cloud.breaches().empty());
  ASSERT_TRUE(cloud.wait([&] { return node.uplink->stats().rows_acked == 50; }));
  const UplinkStats stats = node.uplink->stats();
  EXPECT_TRUE(stats.connected);
  EXPECT_EQ(50u, stats.rows_sent);
  EXPECT_GT(stats.bytes_sent, 50u * 50);
  EXPECT_EQ("", stats.last_error);
}

// The hub stores the batch, the link breaks before the ack: the rows come again and must be equal.
TEST(Uplink, SendsTheSameBytesAgainAfterALostAck) {
  FlakyCloud cloud;
  cloud.script({.batches_max = 1, .stores_last = true});
  cloud.script({.batches_max = 1, .stores_last = false});
  Node node(cloud);
  const auto seqs = node.append_many(5);
  node.start();
  ASSERT_TRUE(node.outbox.wait_all_acked());
  std::vector<std::int64_t> thrice;
  for (int i = 0; i < 3; ++i) thrice.insert(thrice.end(), seqs.begin(), seqs.end());
  EXPECT_EQ(thrice, cloud.received());
  EXPECT_EQ(node.outbox.history(), cloud.stored(kEpoch));
  EXPECT_TRUE(cloud.breaches().empty());
}

TEST(Uplink, DoesNotSendAcknowledgedRowsAgainWhileTheStoreStillHoldsThem) {
  FlakyCloud cloud;
  Node node(cloud);
  node.append_many(3);
  node.start();
  ASSERT_TRUE(node.outbox.wait_all_acked());
  cloud.shut_down();
  cloud.restart();
  node.append();
  ASSERT_TRUE(node.outbox.wait_all_acked());
  EXPECT_EQ((std::vector<std::int64_t>{1, 2, 3, 4}), cloud.received());
}

TEST(Uplink, DefinesEachSeriesBeforeItsFirstUseOnEveryStream) {
  FlakyCloud cloud;
  for (int i = 0; i < 6; ++i) cloud.script({.batches_max = 2});
  Node node(cloud);
  node.options.unacked_bytes_max = 2'000;  // small batches
  node.start();
  for (int i = 0; i < 60; ++i) node.append(10);
  ASSERT_TRUE(node.outbox.wait_all_acked());
  EXPECT_EQ(7u, cloud.hellos().size());
  EXPECT_TRUE(cloud.breaches().empty()) << cloud.breaches().front();
  EXPECT_EQ(node.outbox.history(), cloud.stored(kEpoch));
}

TEST(Uplink, KeepsTheBytesOnTheWireBelowTheirBound) {
  FlakyCloud cloud;
  Node node(cloud);
  const auto seqs = node.append_many(300);
  cloud.script({.ack_every = 3, .flush_seq = seqs.back()});
  node.options.unacked_bytes_max = 4'000;
  node.start();
  ASSERT_TRUE(node.outbox.wait_all_acked());
  EXPECT_EQ(seqs, cloud.received());
  EXPECT_LE(cloud.unacked_bytes_most(), 4'000u);
  EXPECT_GT(cloud.unacked_bytes_most(), 1'000u);  // several batches at once
}

TEST(Uplink, SendsNoMoreThanTheBoundToAHubThatAcknowledgesNothing) {
  FlakyCloud cloud;
  cloud.script({.ack_every = 0});
  Node node(cloud);
  node.options.unacked_bytes_max = 4'000;
  const auto seqs = node.append_many(300);
  node.start();
  ASSERT_TRUE(cloud.wait([&] { return cloud.unacked_bytes_most() > 3'000; }));
  node.append_many(100);  // with a poke each
  node.uplink->stop();
  EXPECT_LE(cloud.unacked_bytes_most(), 4'000u);
  EXPECT_LT(cloud.received().size(), seqs.size());
  EXPECT_EQ(0u, node.uplink->stats().rows_acked);
}

TEST(Uplink, SendsARowLargerThanTheBoundAlone) {
  FlakyCloud cloud;
  Node node(cloud);
  node.options.unacked_bytes_max = 500;
  node.append(3);
  node.append(150);
  node.append(3);
  node.start();
  ASSERT_TRUE(node.outbox.wait_all_acked());
  EXPECT_EQ(node.outbox.history(), cloud.stored(kEpoch));
  EXPECT_EQ(node.outbox.history().at(2).size(), cloud.unacked_bytes_most());
}

TEST(Uplink, TakesTheSameAckTwice) {
  FlakyCloud cloud;
  cloud.script({.acks_twice = true});
  Node node(cloud);
  node.start();
  for (int i = 0; i < 20; ++i) {
    node.append();
    ASSERT_TRUE(node.outbox.wait_all_acked());
  }
  EXPECT_EQ(20u, cloud.received().size());
  EXPECT_EQ(1u, cloud.hellos().size());
}

TEST(Uplink, BelievesNoAckOfABatchThatWasNeverSent) {
  FlakyCloud cloud;
  cloud.script({.stores_last = false, .acks_beyond = true});
  Node node(cloud);
  node.append();
  node.start();
  ASSERT_TRUE(node.outbox.wait_all_acked());
  EXPECT_EQ(2u, cloud.hellos().size());  // the first stream was given up
  EXPECT_EQ((std::vector<std::int64_t>{1, 1}), cloud.received());
}

/// A node whose database came back from a copy taken at row 8 of the 10 the hub holds.
void expect_new_epoch_after_rewind(int rows_before_the_hello) {
  FlakyCloud cloud;
  {
    Node node(cloud);
    node.append_many(10);
    node.start();
    ASSERT_TRUE(node.outbox.wait_all_acked());
  }
  Node restored(cloud);
  restored.random.seed(2);
  restored.outbox.rewind_to(8);
  restored.append_many(rows_before_the_hello);
  restored.start();
  ASSERT_TRUE(cloud.wait([&] { return cloud.hellos().size() == 3; }));
  restored.append_many(5);
  ASSERT_TRUE(restored.outbox.wait_all_acked());
  restored.uplink->stop();
  EXPECT_EQ(1, restored.epochs_taken);
  EXPECT_EQ(10u, cloud.stored(kEpoch).size());
  EXPECT_EQ(restored.outbox.history(), cloud.stored(std::string(31, '0') + "1"));
  EXPECT_TRUE(cloud.breaches().empty()) << cloud.breaches().front();
}

TEST(Uplink, TakesANewEpochBeforeItSendsWhenTheStoreWasRewound) {
  expect_new_epoch_after_rewind(0);
  expect_new_epoch_after_rewind(2);
}

// The numbers alone say nothing then: 8..12 are given out again, 10 is another row.
TEST(Uplink, NoticesARewoundStoreThatHasOvertakenTheHubAgain) { expect_new_epoch_after_rewind(5); }

TEST(Uplink, SendsNothingWhileTheNewEpochIsNotOnFlash) {
  FlakyCloud cloud;
  for (int i = 0; i < 3; ++i) cloud.script({.highest_seq = 1'000});
  Node node(cloud);
  node.epoch_stays = true;
  node.append();
  node.start();
  ASSERT_TRUE(cloud.wait(
      [&] { return node.uplink->stats().last_error.find("set back") != std::string::npos; }));
  ASSERT_TRUE(node.outbox.wait_all_acked());  // once the hub no longer says so
  EXPECT_EQ(4u, cloud.hellos().size());
  node.uplink->stop();
  EXPECT_EQ(1, node.epochs_confirmed);
  EXPECT_TRUE(cloud.breaches().empty());
}

TEST(Uplink, SaysWhyTheHubRefused) {
  FlakyCloud cloud;
  for (int i = 0; i < 1000; ++i) cloud.script({.refuse_with = 7});
  Node node(cloud);
  node.append();
  node.start();
  ASSERT_TRUE(cloud.wait([&] { return !node.uplink->stats().last_error.empty(); }));
  node.uplink->stop();
  const std::string error = node.uplink->stats().last_error;
  EXPECT_NE(std::string::npos, error.find("permission_denied")) << error;
  EXPECT_NE(std::string::npos, error.find("scripted refusal")) << error;
  EXPECT_NE(std::string::npos, error.find(cloud.address())) << error;
  EXPECT_TRUE(cloud.received().empty());
}

TEST(Uplink, TellsARefusalFromAHubThatIsAwayUntilAnAck) {
  FlakyCloud cloud;
  cloud.script({.refuse_with = 14});
  for (int i = 0; i < 200; ++i) cloud.script({.refuse_with = 3});
  Node node(cloud);
  node.append();
  node.start();
  ASSERT_TRUE(cloud.wait([&] { return !node.uplink->stats().refused.empty(); }));
  EXPECT_NE(node.uplink->stats().refused.find("scripted refusal"), std::string::npos);
  ASSERT_TRUE(node.outbox.wait_all_acked());
  EXPECT_TRUE(cloud.wait([&] { return node.uplink->stats().refused.empty(); }));
}

// What other programs mean by a code, ABORTED above all, is not for us to know.
TEST(Uplink, DrawsNoConsequenceFromAnyStatusCode) {
  FlakyCloud cloud;
  for (int code = 1; code <= 16; ++code) {
    for (int i = 0; i < 2; ++i) cloud.script({.refuse_with = code});
  }
  Node node(cloud);
  node.options.live_elsewhere_after = milliseconds(0);
  node.outbox.set_identity({"gw-1", std::string(32, 'e')});
  node.append();
  node.outbox.set_identity({"gw-1", kEpoch});
  node.append();
  node.start();
  ASSERT_TRUE(node.outbox.wait_all_acked());
  node.uplink->stop();
  EXPECT_TRUE(node.outbox.given_up().empty());
  EXPECT_EQ(0, node.epochs_taken);
  EXPECT_EQ(2u, cloud.received().size());
}

TEST(Uplink, ComesBackAfterTheHubWasAway) {
  FlakyCloud cloud;
  Node node(cloud);
  cloud.shut_down();
  node.append();
  node.start();
  ASSERT_TRUE(cloud.wait([&] { return !node.uplink->stats().last_error.empty(); }));
  EXPECT_FALSE(node.uplink->stats().connected);
  cloud.restart();
  ASSERT_TRUE(node.outbox.wait_all_acked());
  cloud.shut_down();
  ASSERT_TRUE(cloud.wait([&] { return !node.uplink->stats().connected; }));
  node.append();
  cloud.restart();
  ASSERT_TRUE(node.outbox.wait_all_acked());
  EXPECT_EQ(node.outbox.history(), cloud.stored(kEpoch));
}

TEST(Uplink, ReadsTheOutboxAgainAfterAFailedRead) {
  FlakyCloud cloud;
  Node node(cloud);
  node.append();
  node.outbox.fail_reads(1);
  node.start();
  ASSERT_TRUE(node.outbox.wait_all_acked());
  EXPECT_EQ(1u, cloud.hellos().size());
}

TEST(Uplink, LeavesAStreamWhoseHubStoppedAcknowledging) {
  FlakyCloud cloud;
  cloud.script({.ack_every = 0});
  Node node(cloud);
  node.options.ack_timeout = milliseconds(50);
  node.append();
  node.start();
  ASSERT_TRUE(node.outbox.wait_all_acked());
  EXPECT_GE(cloud.hellos().size(), 2u);
}

TEST(Uplink, LeavesAHubThatSaysNoHello) {
  FlakyCloud cloud;
  cloud.script({.mute = true});
  Node node(cloud);
  node.options.hello_timeout = milliseconds(50);
  node.append();
  node.start();
  ASSERT_TRUE(node.outbox.wait_all_acked());
  EXPECT_GE(cloud.hellos().size(), 2u);
}

// All time-outs are an hour: a stop that waited for one of them would run into the test's own.
TEST(Uplink, StopsAtOnceWhateverTheHubDoes) {
  for (const bool mute : {true, false}) {
    FlakyCloud cloud;
    cloud.script({.mute = mute, .ack_every = 0});
    Node node(cloud);
    node.options.hello_timeout = node.options.ack_timeout = std::chrono::hours(1);
    node.options.backoff_max = std::chrono::hours(1);
    node.append_many(50);
    node.start();
    ASSERT_TRUE(cloud.wait([&] { return cloud.hellos().size() == 1; }));
    node.uplink->stop();
    node.uplink->stop();
    node.uplink->poke();
    EXPECT_FALSE(node.uplink->stats().connected);
    EXPECT_EQ(0u, node.uplink->stats().rows_acked);
  }
}

TEST(Uplink, StopsBeforeItWasStarted) {
  FlakyCloud cloud;
  Node node(cloud);
  Uplink uplink(node.options, node.outbox, node.series, node.topics, node.clock, {});
  uplink.poke();
  uplink.stop();
  EXPECT_TRUE(cloud.hellos().empty());
}

TEST(Uplink, ARowThatIsNoBlockGoesUpAsItIsAndStopsNothing) {
  FlakyCloud cloud;
  Node node(cloud);
  node.outbox.append("\xFF\xFF not a block");
  node.append();
  node.start();
  ASSERT_TRUE(node.outbox.wait_all_acked());
  node.uplink->stop();
  EXPECT_EQ(node.outbox.history(), cloud.stored(kEpoch));
  EXPECT_EQ(std::vector<std::string>{"not a block"}, cloud.breaches());
}

StreamScript random_script(std::mt19937_64& random) {
  StreamScript script;
  const auto chance = [&random](unsigned percent) { return random() % 100 < percent; };
  if (chance(10)) script.refuse_with = 14;
  if (chance(5)) script.mute = true;
  if (chance(70)) script.batches_max = static_cast<int>(1 + random() % 4);
  script.stores_last = chance(60);
  script.acks_twice = chance(20);
  script.acks_beyond = chance(10);
  script.ack_every = static_cast<int>(random() % 4);
  return script;
}

/// One life of a node: rows at random moments, kills of the process, a hub that fails at will.
void run_history(std::uint64_t seed) {
  SCOPED_TRACE("history seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  FlakyCloud cloud;
  for (std::uint64_t n = random() % 8; n > 0; --n) cloud.script(random_script(random));
  Node node(cloud);
  node.options.unacked_bytes_max = 500 + random() % 3'000;
  node.options.hello_timeout = node.options.ack_timeout = milliseconds(30);
  node.start();
  for (std::uint64_t step = 10 + random() % 30; step > 0; --step) {
    switch (random() % 8) {
      case 0: node.outbox.commit(); break;
      case 1:
        node.uplink.reset();
        node.outbox.crash();
        node.start();
        break;
      case 2: cloud.wait([&] { return node.uplink->stats().connected; }); break;
      default: node.append(1 + random() % 8);
    }
  }
  ASSERT_TRUE(node.outbox.wait_all_acked());
  node.uplink->stop();
  EXPECT_EQ(node.outbox.history(), cloud.stored(kEpoch));
  EXPECT_EQ(0, node.outbox.unknown_acks());
  EXPECT_TRUE(cloud.breaches().empty()) << cloud.breaches().front();
  EXPECT_EQ(0, node.epochs_taken);
}

TEST(Uplink, LeavesTheHubWithTheOutboxHistoryWhateverHappens) {
  const std::uint64_t seed = fresh_seed();
  for (std::uint64_t i = 0; i < 60 && !::testing::Test::HasFatalFailure(); ++i) {
    run_history(seed + i);
  }
}

}  // namespace
}  // namespace sluice
