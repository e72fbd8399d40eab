#include "pipeline/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <utility>

#include "fakes/fake_clock.h"
#include "fakes/memory_commits.h"
#include "fakes/plain_parts.h"
#include "fakes/scripted_messages.h"

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 2'000; ++i) {
    if (condition()) return true;
    timespec pause{0, 5'000'000};
    nanosleep(&pause, nullptr);
  }
  return false;
}

/// One node's tables and commits, which outlive the engines that come and go.
struct Node {
  SeriesTable series{1000};
  TopicTable topics{1000};
  ScriptedMessages messages;
  TextDecoder decoder{series, topics};
  MemoryCommits commits;
  BlockKeeper encoder;
  SystemClock clock;
  std::size_t checkpoint_log_bytes = 8u << 20;
  std::size_t group_bytes_max = 8u << 20;
  std::int64_t commit_interval_ns = 1'000'000;

  static PipelineSpec spec(std::uint64_t hash = 1) {
    PipelineSpec spec;
    spec.name = "p";
    spec.hash = hash;
    spec.windows = {WindowSpec::tumbling(10 * kSecond)};
    spec.windows[0].extras.histogram = HistogramOptions{};
    spec.windows[0].extras.counter = CounterOptions{};
    spec.windows[0].extras.top = TopOptions{4, 64};
    spec.stages.push_back(std::make_unique<DropNegative>(false));
    return spec;
  }
  std::unique_ptr<Engine> engine(std::size_t checkpoint_readings = 1'000'000,
                                 std::uint64_t hash = 1) {
    EngineOptions options;
    options.commit_interval_ns = commit_interval_ns;
    options.checkpoint_readings = checkpoint_readings;
    options.checkpoint_log_bytes = checkpoint_log_bytes;
    options.batch_messages_max = 3;
    options.group_bytes_max = group_bytes_max;
    options.stop_timeout_ns = 50'000'000;
    options.config = "config";
    std::vector<PipelineSpec> specs;
    specs.push_back(spec(hash));
    return std::make_unique<Engine>(
        options, std::vector<SourceSpec>{{"plant", false, 100}}, std::move(specs),
        Engine::Rooms{messages, decoder, commits, encoder, series, topics, clock});
  }
  void connect(bool session_present) {
    IngestEvent event;
    event.kind = IngestEvent::Kind::connected;
    event.session_present = session_present;
    event.boottime_ns = clock.boottime_ns();
    messages.push(event);
  }
  void message(std::uint16_t id, const std::string& payload, bool dup = false,
               bool retain = false) {
    IngestEvent event;
    event.topic = "a";
    event.payload = payload;
    event.qos = 1;
    event.packet_id = id;
    event.dup = dup;
    event.retain = retain;
    event.boottime_ns = clock.boottime_ns();
    event.position = {0, 1, id};
    messages.push(event);
  }
  std::int64_t messages_term(Term term) const {
    return commits.ledger().get(LedgerKind::messages, "plant/qos1", term);
  }
};

TEST(Engine, LogsBatchesAndEncodesClosedPanesInTheSameGroup) {
  Node node;
  auto engine = node.engine();
  engine->start();
  node.connect(false);
  node.message(1, "1000000000 5");
  node.message(2, "2000000000 -5");
  node.message(3, "11000000000 5");
  ASSERT_TRUE(eventually([&] { return node.messages_term(Term::decoded) == 3; }));
  engine->stop();
  ASSERT_EQ(node.encoder.blocks.size(), 1u);
  EXPECT_EQ(node.encoder.blocks[0].panes[0].content.moments.count, 1u);
  const Ledger ledger = node.commits.ledger();
  EXPECT_EQ(ledger.difference(), 0);
  EXPECT_EQ(ledger.get(LedgerKind::panes, "p", Term::outbox), 1);
  EXPECT_EQ(ledger.get(LedgerKind::readings, "p", Term::filtered), 1);
  bool defined = false;
  for (const CommitGroup& group : node.commits.groups()) {
    defined = defined || !group.series.empty();
    EXPECT_TRUE(defined || group.outbox.empty()) << "a block went out before its series";
  }
}

// One commit writes a group at once, and that must fit into the storage quota.
TEST(Engine, AGroupHasOneMessageMoreThanItsBytesAtMost) {
  Node node;
  node.group_bytes_max = 25;
  node.commit_interval_ns = 3'600 * kSecond;
  auto engine = node.engine();
  for (std::uint16_t id = 1; id <= 10; ++id) node.message(id, "1000000000 5");
  engine->start();
  ASSERT_TRUE(eventually([&] { return node.messages_term(Term::decoded) >= 8; }));
  engine->stop();
  EXPECT_EQ(node.commits.ledger().difference(), 0);
  for (const CommitGroup& group : node.commits.groups()) {
    EXPECT_LE(group.segment.ledger.get(LedgerKind::messages, "plant/qos1", Term::decoded), 2);
  }
}

TEST(Engine, NamesWhatAFullQueueTurnedAwayInTheGroupThatCountsIt) {
  Node node;
  auto engine = node.engine();
  const std::int64_t before_ns = node.clock.wall_ns();
  engine->start();
  node.messages.drop_qos0(5);
  const auto lost = [&] {
    return node.commits.ledger().get(LedgerKind::messages, "plant/qos0", Term::dropped);
  };
  ASSERT_TRUE(eventually([&] { return lost() == 5; }));
  node.messages.drop_qos0(2);
  ASSERT_TRUE(eventually([&] { return lost() == 7; }));
  engine->stop();
  std::uint64_t named = 0;
  for (const CommitGroup& group : node.commits.groups()) {
    const auto& delta = group.segment.ledger;
    const auto counted = delta.get(LedgerKind::messages, "plant/qos0", Term::dropped);
    EXPECT_EQ(group.gaps.size(), counted > 0 ? 1u : 0u);
    for (const Gap& gap : group.gaps) {
      EXPECT_EQ(gap.kind, LedgerKind::messages);
      EXPECT_EQ(gap.owner, "plant");
      EXPECT_EQ(gap.cause, "queue_full");
      EXPECT_GE(gap.from_ns, before_ns);
      EXPECT_LE(gap.from_ns, gap.to_ns);
      EXPECT_LE(gap.to_ns, node.clock.wall_ns());
      EXPECT_EQ(gap.count, static_cast<std::uint64_t>(counted));
      named += gap.count;
    }
  }
  EXPECT_EQ(named, 7u);
}

TEST(Engine, DropsARedeliveredMessageAlsoAfterARestartWithoutACheckpoint) {
  Node node;
  {
    auto engine = node.engine();
    engine->start();
    node.connect(false);
    node.message(1, "1000000000 5");
    node.message(2, "1000000000 6");
    ASSERT_TRUE(eventually([&] { return node.messages_term(Term::received) == 2; }));
    node.commits.refuse(true);  // as if killed: nothing more becomes durable
    engine->poke();
    engine->stop();
  }
  node.commits.refuse(false);
  auto engine = node.engine();
  ASSERT_TRUE(engine->restore(node.commits.checkpoint()).ok());
  for (const Segment& s : node.commits.segments_after_checkpoint()) {
    ASSERT_TRUE(engine->replay(s).ok());
  }
  engine->start();
  node.connect(true);
  node.message(1, "1000000000 5", true);
  node.message(2, "1000000000 6", true);
  node.message(3, "1000000000 6", false);  // same bytes, a new message
  node.message(4, "1000000000 7", true);   // never stored: it was in flight when we died
  ASSERT_TRUE(eventually([&] { return node.messages_term(Term::received) == 6; }));
  engine->stop();
  EXPECT_EQ(node.messages_term(Term::duplicate), 2);
  EXPECT_EQ(node.messages_term(Term::decoded), 4);
  EXPECT_EQ(node.commits.ledger().difference(), 0);
}

TEST(Engine, RejectsRetainedAndUndecodableMessagesAndKeepsASample) {
  Node node;
  auto engine = node.engine();
  engine->start();
  node.connect(false);
  node.message(1, "1000000000 5", false, true);
  node.message(2, "rubbish");
  ASSERT_TRUE(eventually([&] { return node.messages_term(Term::rejected) == 2; }));
  engine->stop();
  std::size_t letters = 0;
  for (const CommitGroup& group : node.commits.groups()) letters += group.dead_letters.size();
  EXPECT_EQ(letters, 2u);
}

TEST(Engine, HoldsBackWhileTheStoreTakesNothingAndLosesNothing) {
  Node node;
  node.commits.refuse(true);
  auto engine = node.engine();
  engine->start();
  node.connect(false);
  for (std::uint16_t i = 1; i <= 1000; ++i) node.message(i, "1000000000 5");
  ASSERT_TRUE(eventually([&] { return engine->view().pipelines.size() == 1; }));
  EXPECT_TRUE(node.commits.groups().empty());
  node.commits.refuse(false);
  ASSERT_TRUE(eventually([&] { return node.messages_term(Term::decoded) == 1000; }));
  engine->stop();
  std::uint64_t acked = 0;
  for (const CommitGroup& group : node.commits.groups()) {
    for (const AckPosition& ack : group.acks) {
      EXPECT_GT(ack.ticket, acked) << "tickets rise";
      acked = ack.ticket;
    }
  }
  EXPECT_EQ(acked, 1000u);
}

TEST(Engine, ANewSpecTakesOverAndTheOldOneClosesPartial) {
  Node node;
  {
    auto engine = node.engine();
    engine->start();
    node.connect(false);
    node.message(1, "1000000000 5");
    ASSERT_TRUE(eventually([&] { return node.messages_term(Term::decoded) == 1; }));
    engine->stop();
  }
  auto engine = node.engine();
  ASSERT_TRUE(engine->restore(node.commits.checkpoint()).ok());
  std::vector<PipelineSpec> next;
  next.push_back(Node::spec(2));
  engine->adopt({{"plant", false, 100}}, std::move(next), "other", node.commits.ledger(), 7);
  engine->start();
  ASSERT_TRUE(eventually(
      [&] { return node.commits.ledger().get(LedgerKind::panes, "p", Term::closed) == 1; }));
  engine->stop();
  EXPECT_EQ(node.encoder.blocks[0].spec_hash, 1u);
  EXPECT_EQ(node.encoder.blocks[0].panes[0].quality, PaneQuality::partial_config);
  EXPECT_EQ(node.commits.ledger().difference(), 0);
}

// The cloud keeps one pane per key, so the windows of a spec that came and went must not have the
// keys of the same spec when it comes again, for late readings of the same window.
TEST(Engine, ASpecThatComesBackDoesNotReplaceWhatItMadeBefore) {
  Node node;
  std::int64_t next_seq = 1;
  std::uint64_t hash_before = 1;
  for (const std::uint64_t hash : {1u, 2u, 1u, 1u, 2u}) {
    auto engine = node.engine(1'000'000, std::exchange(hash_before, hash));
    ASSERT_TRUE(engine->restore(node.commits.checkpoint()).ok());
    std::vector<PipelineSpec> next;
    next.push_back(Node::spec(hash));
    engine->adopt({{"plant", false, 100}}, std::move(next), "config", node.commits.ledger(),
                  ++next_seq);
    const std::int64_t decoded = node.messages_term(Term::decoded);
    engine->start();
    node.connect(false);
    node.message(static_cast<std::uint16_t>(next_seq), "1000000000 5");
    ASSERT_TRUE(eventually([&] { return node.messages_term(Term::decoded) == decoded + 1; }));
    engine->stop();
  }
  std::vector<std::uint64_t> hashes;
  for (const SummaryBlock& block : node.encoder.blocks) hashes.push_back(block.spec_hash);
  EXPECT_EQ(hashes.size(), 3u) << "the third and fourth run share a window";
  EXPECT_EQ(std::set<std::uint64_t>(hashes.begin(), hashes.end()).size(), hashes.size());
  EXPECT_EQ(node.commits.ledger().difference(), 0);
}

TEST(Engine, TheFirstCommitSaysWhichConfigItsStateBelongsTo) {
  Node node;
  auto engine = node.engine();
  engine->start();
  ASSERT_TRUE(eventually([&] { return !node.commits.groups().empty(); }));
  node.commits.refuse(true);  // as if killed
  engine->stop();
  const std::vector<CheckpointPart> parts = node.commits.checkpoint();
  EXPECT_TRUE(std::any_of(parts.begin(), parts.end(), [](const CheckpointPart& part) {
    return part.name == "config" && part.bytes == "config";
  }));
}

TEST(Engine, ALogOfRejectedMessagesComesToACheckpointToo) {
  Node node;
  node.checkpoint_log_bytes = 2'000;
  auto engine = node.engine();
  engine->start();
  node.connect(false);
  for (std::uint16_t i = 1; i <= 500; ++i) node.message(i, "rubbish");
  ASSERT_TRUE(eventually([&] { return node.messages_term(Term::rejected) == 500; }));
  node.commits.refuse(true);
  engine->stop();
  std::size_t checkpoints = 0;
  for (const CommitGroup& group : node.commits.groups()) checkpoints += group.checkpoint ? 1 : 0;
  EXPECT_GT(checkpoints, 1u);
  std::size_t fingerprints = 0;
  for (const Segment& segment : node.commits.segments_after_checkpoint()) {
    for (const LogEntry& entry : segment.entries) {
      const auto* batch = std::get_if<BatchEntry>(&entry);
      if (batch != nullptr) fingerprints += batch->fingerprints.size();
    }
  }
  EXPECT_LT(fingerprints, 400u);
}

TEST(Engine, ACommitWaitsForItsInterval) {
  Node node;
  node.commit_interval_ns = 3'600 * kSecond;
  auto engine = node.engine();
  engine->start();
  node.connect(false);
  for (std::uint16_t i = 1; i <= 50; ++i) node.message(i, "1000000000 5");
  ASSERT_TRUE(eventually([&] { return node.messages.empty(); }));
  EXPECT_TRUE(node.commits.groups().empty());
  for (std::uint16_t i = 51; i <= 101; ++i) node.message(i, "1000000000 5");
  EXPECT_TRUE(eventually([&] { return !node.commits.groups().empty(); }))
      << "a full in-flight window is due at once";
  engine->stop();
}

TEST(Engine, ANewIdleTimeoutKeepsTheStateAndTakesEffect) {
  Node node;
  {
    auto engine = node.engine();
    engine->start();
    node.connect(false);
    node.message(1, "9990000000 5");
    ASSERT_TRUE(eventually([&] { return node.messages_term(Term::decoded) == 1; }));
    engine->stop();
  }
  auto engine = node.engine();
  ASSERT_TRUE(engine->restore(node.commits.checkpoint()).ok());
  std::vector<PipelineSpec> next;
  next.push_back(Node::spec());
  next.back().idle_timeout_ns = 1'000'000;
  engine->adopt({{"plant", false, 100}}, std::move(next), "other", node.commits.ledger(), 7);
  engine->start();
  node.connect(true);
  ASSERT_TRUE(eventually(
      [&] { return node.commits.ledger().get(LedgerKind::panes, "p", Term::closed) == 1; }));
  engine->stop();
  EXPECT_EQ(node.encoder.blocks[0].panes[0].content.moments.count, 1u);
  EXPECT_EQ(node.encoder.blocks[0].panes[0].quality, PaneQuality::complete);
  EXPECT_EQ(node.commits.ledger().difference(), 0);
}

// A fake clock, step by step: silence closes a window only while we could hear, also after a kill
// during the outage, and for a source that no process has reached yet.
TEST(Engine, AnOutageIsNoSilence) {
  Node node;
  FakeClock clock;
  constexpr std::int64_t kIdle = 300 * kSecond;
  std::unique_ptr<Engine> engine;
  const auto happens = [&](IngestEvent::Kind kind) {
    IngestEvent event;
    event.kind = kind;
    event.session_present = true;
    event.boottime_ns = clock.boottime_ns();
    node.messages.push(event);
  };
  const auto wait = [&](std::int64_t ns) {
    for (; ns > 0; ns -= kSecond) {
      clock.advance(std::min(ns, kSecond));
      happens(IngestEvent::Kind::broker_dropped);  // so that no step waits
      engine->step();
    }
  };
  const auto start = [&] {
    std::vector<PipelineSpec> specs;
    specs.push_back(Node::spec());
    EngineOptions options;
    options.commit_interval_ns = kSecond;
    engine = std::make_unique<Engine>(options, std::vector<SourceSpec>{{"plant", false, 100}},
                                      std::move(specs),
                                      Engine::Rooms{node.messages, node.decoder, node.commits,
                                                    node.encoder, node.series, node.topics, clock});
    ASSERT_TRUE(engine->restore(node.commits.checkpoint()).ok());
    for (const Segment& segment : node.commits.segments_after_checkpoint()) {
      ASSERT_TRUE(engine->replay(segment).ok());
    }
    engine->begin();
  };
  const auto closed = [&] {
    return node.commits.ledger().get(LedgerKind::panes, "p", Term::closed);
  };
  start();
  happens(IngestEvent::Kind::connected);
  IngestEvent message;
  message.topic = "a";
  message.payload = "1000000000 5";
  message.boottime_ns = clock.boottime_ns();
  node.messages.push(message);
  wait(10 * kSecond);
  node.commits.fall_behind(clock.boottime_ns());
  wait(2 * kIdle);
  node.commits.fall_behind({});
  wait(kIdle - 5 * kSecond);
  EXPECT_EQ(closed(), 0) << "acks waited for the disk";
  happens(IngestEvent::Kind::disconnected);
  wait(2 * kIdle);
  EXPECT_EQ(closed(), 0);
  start();
  wait(2 * kIdle);
  EXPECT_EQ(closed(), 0) << "not connected yet";
  happens(IngestEvent::Kind::connected);
  wait(kIdle - 5 * kSecond);
  EXPECT_EQ(closed(), 0);
  wait(10 * kSecond);
  EXPECT_EQ(closed(), 1);
}

// Kills the engine at random moments; the restarted one must end with the panes of a run without
// kills, each exactly once.
TEST(Engine, PanesAfterKillsEqualThoseOfARunWithoutThem) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::vector<std::string> history;
  for (int t = 0; t < 300; ++t) {
    history.push_back(std::to_string(t * kSecond) + " " +
                      std::to_string(static_cast<int>(random() % 100) - 10));
  }
  const auto run = [&](bool kills) {
    Node node;
    std::size_t durable = 0;
    bool session = false;
    while (durable < history.size()) {
      auto engine = node.engine(50);
      EXPECT_TRUE(engine->restore(node.commits.checkpoint()).ok());
      for (const Segment& s : node.commits.segments_after_checkpoint()) {
        EXPECT_TRUE(engine->replay(s).ok());
      }
      engine->start();
      node.connect(session);
      session = true;
      const std::size_t upto =
          kills ? std::min(history.size(), durable + 1 + random() % 60) : history.size();
      for (std::size_t i = durable; i < upto; ++i) {
        node.message(static_cast<std::uint16_t>(i + 1), history[i]);
      }
      const auto target = kills ? durable + 1 + random() % (upto - durable) : upto;
      EXPECT_TRUE(eventually(
          [&] { return node.messages_term(Term::decoded) >= static_cast<std::int64_t>(target); }));
      if (upto < history.size()) node.commits.refuse(true);
      engine->stop();
      node.commits.refuse(false);
      durable = static_cast<std::size_t>(node.messages_term(Term::decoded));
      std::vector<IngestEvent> lost;
      node.messages.take(lost, 1'000'000, std::chrono::milliseconds(0));
    }
    EXPECT_EQ(node.commits.ledger().difference(), 0);
    std::map<std::int64_t, WindowContent> panes;
    // Blocks encoded for a group that never became durable do not count.
    for (const CommitGroup& group : node.commits.groups()) {
      for (const OutboxRow& row : group.outbox) {
        const auto index = static_cast<std::size_t>(std::stoul(row.bytes.substr(6))) - 1;
        for (const Pane& pane : node.encoder.blocks[index].panes) {
          EXPECT_TRUE(panes.emplace(pane.window.start_ns, pane.content).second) << "closed twice";
        }
      }
    }
    return panes;
  };
  const auto expected = run(false);
  const auto actual = run(true);
  ASSERT_EQ(expected.size(), actual.size());
  for (const auto& [start, content] : expected) {
    const WindowContent& other = actual.at(start);
    EXPECT_EQ(content.moments.count, other.moments.count);
    EXPECT_EQ(content.moments.total(), other.moments.total());
    EXPECT_EQ(content.moments.m2, other.moments.m2);
    EXPECT_EQ(content.held.integral_s, other.held.integral_s);
    EXPECT_EQ(content.held.integral_error_s, other.held.integral_error_s);
    EXPECT_EQ(content.held.largest_gap_ns, other.held.largest_gap_ns);
    ByteWriter straight;
    ByteWriter killed;
    content.extras->snapshot(straight);
    other.extras->snapshot(killed);
    EXPECT_TRUE(straight.bytes() == killed.bytes()) << start;
  }
}

// One device stamps 2050; the next reading of its topic is of today. Killed and replayed, the state
// is the same, though the clock is believed no more.
TEST(Engine, AReadingOfTheFutureMakesNothingLate) {
  Node node;
  const FakeClock clock;
  KernelSync kernel{true, 0};
  ClockTrust trust(
      clock, [&kernel] { return kernel; }, 0);
  const std::string now = std::to_string(clock.wall_ns());
  const auto engine_of = [&] {
    std::vector<PipelineSpec> specs;
    specs.push_back(Node::spec());
    EngineOptions options;
    options.commit_interval_ns = 0;
    return std::make_unique<Engine>(
        options, std::vector<SourceSpec>{{"plant", false, 100}}, std::move(specs),
        Engine::Rooms{node.messages, node.decoder, node.commits, node.encoder, node.series,
                      node.topics, clock, &trust});
  };
  auto engine = engine_of();
  engine->begin();
  const auto push = [&](std::uint16_t id, const std::string& payload) {
    IngestEvent event;
    event.topic = "a";
    event.payload = payload;
    event.qos = 1;
    event.packet_id = id;
    event.boottime_ns = clock.boottime_ns();
    event.position = {0, 1, id};
    node.messages.push(event);
  };
  push(1, now + " 1");
  push(2, "2524608000000000000 2");
  push(3, now + " 3");
  engine->step();
  const Ledger ledger = node.commits.ledger();
  EXPECT_EQ(ledger.difference(), 0);
  EXPECT_EQ(ledger.get(LedgerKind::readings, "p", Term::aggregated), 2);
  EXPECT_EQ(ledger.get(LedgerKind::readings, "p", Term::late), 0);
  EXPECT_EQ(ledger.get(LedgerKind::source_readings, "plant", Term::rejected), 1);
  kernel = {};
  auto next = engine_of();
  for (const CommitGroup& group : node.commits.groups()) {
    ASSERT_TRUE(next->replay(group.segment).ok());
  }
  next->begin();
  EXPECT_EQ(next->view().pipelines[0].windows_open, 1u);
}

}  // namespace
}  // namespace sluice
