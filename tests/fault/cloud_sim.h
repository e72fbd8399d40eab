#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "fakes/fake_clock.h"
#include "fakes/memory_outbox.h"
#include "hub/hub_store.h"
#include "hub/stream_registry.h"
#include "hub/uplink_session.h"
#include "model/window.h"
#include "sync/summary_encoder.h"
#include "sync/uplink_session.h"

namespace sluice::fault {

/// One node and the hub with a random network between them, in one thread and from one seed: what
/// the daemon and the hub run but the transport, which here loses, delays, repeats and cuts.
///
/// A history: rows arise (later revisions of earlier windows among them), and at every step one of
/// the faults may strike: a connection is cut with everything on its way, or half cut, so that the
/// hub goes on reading what was sent while the node has dialled again; an ack is lost, repeated or
/// overtaken by another; the hub dies between its commit and its ack; the node dies between an ack
/// and the commit that takes the row out. Then the faults end and everything must arrive.
class CloudSim {
 public:
  /// `store` is shared by many histories; `node` is unique in it.
  CloudSim(hub::HubStore& store, std::string node, std::uint64_t seed);
  ~CloudSim();

  /// False when not everything was acknowledged long after the faults have ended.
  bool run();

  /// What the hub must hold: the highest revision of every window that arose.
  const std::map<std::pair<SeriesId, std::int64_t>, Pane>& expected() const { return expected_; }
  const std::string& node() const { return node_; }
  /// Rows the hub took more than once, and connections made: that the faults did strike.
  std::uint64_t connections() const { return connections_; }
  int unknown_acks() const { return outbox_.unknown_acks(); }

 private:
  /// One connection. The node may have given it up while the hub has not noticed.
  struct Link {
    std::unique_ptr<hub::StreamRegistry::Stream> entry;
    std::unique_ptr<hub::UplinkSession> hub_side;  ///< gone when the hub has ended it
    std::unique_ptr<UplinkSession> node_side;      ///< gone when the node has ended it
    std::deque<std::string> up;
    std::deque<std::string> down;
    bool cancelled = false;
  };

  bool chance(double probability) { return std::bernoulli_distribution(probability)(random_); }
  std::size_t pick(std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
  }
  void step();
  void fault();
  void produce();
  void dial();
  void node_speaks();
  void hub_reads(Link& link);
  void node_reads();
  void hang_up();
  void node_crashes();
  void hub_crashes();
  void repeat_or_swap_acks();
  void bury_dead_links();
  Link* live();

  hub::HubStore& store_;
  const std::string node_;
  std::mt19937_64 random_;
  FakeClock clock_;
  MemoryOutbox outbox_;
  SeriesTable series_;
  ProtoSummaryEncoder encoder_;
  UplinkOptions options_;
  UplinkCallbacks callbacks_;
  SharedStats stats_;
  SessionContext context_;
  std::int64_t acked_seq_ = 0;
  std::unique_ptr<hub::StreamRegistry> registry_;
  std::vector<std::unique_ptr<Link>> links_;  ///< the last one may be the node's
  std::map<std::pair<SeriesId, std::int64_t>, Pane> expected_;
  int rows_left_ = 0;
  bool faulty_ = true;
  std::uint64_t connections_ = 0;
};

}  // namespace sluice::fault
