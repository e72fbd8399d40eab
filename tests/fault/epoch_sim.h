#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "fakes/fake_clock.h"
#include "fakes/sim_disk.h"
#include "hub/hub_store.h"
#include "hub/stream_registry.h"
#include "hub/uplink_session.h"
#include "node/data_plane.h"
#include "sync/uplink_session.h"
#include "sync/uplink_turns.h"

namespace sluice::fault {

/// One reading: which window of which room, and its own digit there (see EpochSim::value).
struct SimReading {
  int room = 0;
  std::int64_t window = 0;
  int digit = 0;
  friend auto operator<=>(const SimReading&, const SimReading&) = default;
};

/// A broker with one persistent session: keeps every message until it is acknowledged and gives the
/// unacknowledged ones again, marked DUP, on the next connection.
class PatientBroker final : public MessageSource {
 public:
  void publish(const SimReading& reading, std::string topic, std::string payload);
  void connect();
  std::size_t take(std::vector<IngestEvent>& out, std::size_t count_max,
                   std::chrono::milliseconds timeout) override;
  void release(const AckPosition& position) override;
  std::uint64_t take_dropped_qos0(std::uint32_t) override { return 0; }

  bool empty() const { return queue_.empty(); }
  /// Of all databases that this broker fed: what was acknowledged since the last call.
  std::vector<SimReading> take_acknowledged() { return std::exchange(acknowledged_, {}); }

 private:
  struct Message {
    SimReading reading;
    std::string topic;
    std::string payload;
    std::uint16_t packet_id;
    bool given_before = false;
  };
  std::deque<Message> queue_;
  std::size_t given_ = 0;       ///< of queue_, on this connection
  std::uint64_t released_ = 0;  ///< tickets of this connection
  std::uint64_t connection_ = 0;
  bool announced_ = true;
  std::uint16_t packet_ids_ = 0;
  std::vector<SimReading> acknowledged_;
};

/// A node's database through random histories of copies: set back to an earlier day with the node
/// none the wiser, cloned to another machine, killed at any moment, the hub within reach or not,
/// cut off in the midst. Real store, engine, uplink protocol and hub; one thread, one seed.
///
/// The n-th reading of a window has the value 4^n, so the sum of all panes of that window, over all
/// nodes and epochs, tells how often each reading was counted. Never twice. Exactly once, if the
/// database of a node that lives at the end held it, or an ancestor of it did.
class EpochSim {
 public:
  /// `store` is shared by many histories; `name` is unique in it.
  EpochSim(hub::HubStore& store, std::string name, std::uint64_t seed);
  ~EpochSim();

  void run();
  /// Empty when the hub holds what it must; else what is wrong.
  std::string verdict(const std::map<std::pair<int, std::int64_t>, double>& sums) const;
  std::vector<std::string> nodes() const;
  /// The share of windows of which nothing may be missing.
  double judged_strictly() const;

  static constexpr int kDigits = 26;  ///< 4^26 is still exact in a double
  static constexpr std::int64_t kWindow_s = 10;
  static std::string room_name(int room) { return "room" + std::to_string(room); }
  std::uint64_t epochs_ended() const { return epochs_ended_; }
  /// How often a node thought that the hub lacks what it has acknowledged: it never does.
  std::uint64_t missing_told() const { return missing_told_; }
  std::uint64_t copies_used() const { return copies_used_; }

 private:
  struct Copy {
    SimDisk::Image image;
    std::set<SimReading> held;
  };
  struct Node {
    std::string name;
    std::string machine;
    v1::Config config;
    std::unique_ptr<SimDisk> disk;
    PatientBroker broker;
    std::set<SimReading> held;
    std::unique_ptr<DataPlane> plane;
    UplinkOptions options;
    UplinkCallbacks callbacks;
    SharedStats stats;
    std::unique_ptr<SessionContext> context;
    std::unique_ptr<UplinkTurns> turns;
    bool settled = true;       ///< the hub has answered since the database was set back
    bool noticed = false;      ///< and knew rows that the database had lost
    std::string shared_epoch;  ///< goes on under it as another life of it did; empty: it does not
  };

  bool chance(double p) { return std::bernoulli_distribution(p)(random_); }
  std::size_t pick(std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
  }
  Node& any_node() { return *nodes_[pick(nodes_.size())]; }
  std::unique_ptr<Node> make_node(const std::string& name, const std::string& machine);
  void open(Node& node);
  void close(Node& node, bool clean);
  void step(Node& node);
  void collect(Node& node);
  void publish(Node& node);
  void publish_at(Node& node, int room, std::int64_t time_s);
  /// A connection to the hub, cut after `messages_max` messages.
  void exchange(Node& node, std::size_t messages_max);
  bool converse(Node& node, const UplinkTurn& turn, std::size_t& messages_left);
  void doubt(const std::set<SimReading>& held);
  void doubt_if_unsettled(const Node& node);
  void settle(Node& node, const UplinkTurn& turn);
  void restart(Node& node);
  void copy(Node& node);
  void set_back(Node& node);
  void clone(Node& node);
  void finish(Node& node);

  hub::HubStore& store_;
  const std::string name_;
  std::mt19937_64 random_;
  FakeClock clock_;
  hub::StreamRegistry registry_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<Copy> copies_;  ///< of the first node
  std::map<std::pair<int, std::int64_t>, int> digits_;
  /// Two lives of a database may have filled them under one epoch: the hub keeps one.
  std::set<std::pair<int, std::int64_t>> doubtful_;
  std::int64_t now_s_ = 1'700'000'000;
  std::uint64_t epochs_ended_ = 0;
  std::uint64_t copies_used_ = 0;
  std::uint64_t missing_told_ = 0;
  std::uint64_t instances_ = 0;
};

}  // namespace sluice::fault
