#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fakes/fake_clock.h"
#include "fakes/memory_events.h"
#include "fakes/memory_gaps.h"
#include "fakes/memory_outbox.h"
#include "fault/sim_network.h"
#include "model/window.h"
#include "sync/summary_encoder.h"

namespace sluice::fault {

/// One history of a node's outbox and the hub, with a SimNetwork between.
///
/// Rows arise, later revisions of earlier windows among them and some that nobody can read, beside
/// them gaps and events, and at every step a fault may strike: the network's; the hub dies between
/// its commit and its ack; the node dies between an ack and the commit that takes the row out. Then
/// the faults end and everything must arrive.
class CloudSim {
 public:
  /// `store` is shared by many histories; `node` is unique in it.
  CloudSim(hub::HubStore& store, std::string node, std::uint64_t seed);

  /// False when not everything was acknowledged long after the faults have ended.
  bool run();

  /// What the hub must hold: the highest revision of every window that arose.
  const std::map<std::pair<SeriesId, std::int64_t>, Pane>& expected() const { return expected_; }
  /// The rows that the hub cannot read: it must hold each of them, once.
  const std::set<std::int64_t>& unreadable() const { return unreadable_; }
  /// As the node knows it, from what the hub said last.
  UplinkStats stats() const { return stats_.get(); }
  /// How often the node thought that acknowledged rows are missing.
  int missing_told() const { return outbox_.missing_told(); }
  /// And every gap that arose, once.
  const std::vector<GapRow>& gaps() const { return gaps_.history(); }
  /// Likewise every event.
  const std::vector<EventRow>& events() const { return events_.history(); }
  const std::string& node() const { return node_; }
  std::uint64_t connections() const { return network_.connections(); }
  int unknown_acks() const { return outbox_.unknown_acks(); }

 private:
  bool chance(double probability) { return std::bernoulli_distribution(probability)(random_); }
  std::size_t pick(std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
  }
  void step();
  void fault();
  void produce();
  void produce_unreadable();
  void lose();
  void tell();
  void node_crashes();

  const std::string node_;
  std::mt19937_64 random_;
  FakeClock clock_;
  MemoryOutbox outbox_;
  MemoryGaps gaps_;
  MemoryEvents events_;
  SeriesTable series_;
  TopicTable topics_{10};
  ProtoSummaryEncoder encoder_;
  UplinkOptions options_;
  UplinkCallbacks callbacks_;
  SharedStats stats_;
  SessionContext context_;
  std::int64_t acked_seq_ = 0;
  SimNetwork network_;
  std::map<std::pair<SeriesId, std::int64_t>, Pane> expected_;
  std::set<std::int64_t> unreadable_;
  int rows_left_ = 0;
  bool faulty_ = true;
};

}  // namespace sluice::fault
