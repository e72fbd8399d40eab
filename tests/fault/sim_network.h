#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"
#include "hub/hub_store.h"
#include "hub/stream_registry.h"
#include "hub/uplink_session.h"
#include "sync/uplink_session.h"

namespace sluice::fault {

/// The way between one node and the hub, in one thread and from one seed: connections whose
/// messages are delayed, cut, repeated and lost. Both ends run their real protocol, the hub on its
/// real database.
///
/// A connection that the node has given up may still be read by the hub, after the node has said
/// hello on the next one. One thread.
class SimNetwork {
 public:
  SimNetwork(hub::HubStore& store, const Clock& clock, std::mt19937_64& random);

  /// Whether the node holds a connection.
  bool dialled() const { return !links_.empty() && links_.back()->node_side != nullptr; }
  /// The node's end of a new connection; `make` gives its session.
  void dial(std::unique_ptr<UplinkSession> session);
  /// One thing happens: the node says or reads something, or the hub does. Empty while nothing
  /// ended; else the session of the node that ended, to be asked why.
  std::unique_ptr<UplinkSession> step();
  UplinkSession* session() { return dialled() ? links_.back()->node_side.get() : nullptr; }

  /// The node's end goes; some of what is on its way up may still arrive.
  std::unique_ptr<UplinkSession> hang_up();
  /// The hub dies, perhaps between the commit of what it has just read and its answer.
  void hub_dies();
  void lose_newest_answer();
  /// Acks are cumulative: one that comes twice or after a later one must not matter.
  void repeat_or_swap_answers();

  std::uint64_t connections() const { return connections_; }

 private:
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
  std::unique_ptr<UplinkSession> node_speaks();
  std::unique_ptr<UplinkSession> node_reads();
  void hub_reads(Link& link);
  void bury_dead_links();

  hub::HubStore& store_;
  const Clock& clock_;
  std::mt19937_64& random_;
  std::unique_ptr<hub::StreamRegistry> registry_;
  std::vector<std::unique_ptr<Link>> links_;  ///< the last one may be the node's
  std::uint64_t connections_ = 0;
};

}  // namespace sluice::fault
