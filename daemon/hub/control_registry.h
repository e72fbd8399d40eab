#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "hub/control_mailbox.h"
#include "hub/control_messages.h"
#include "hub/fleet_store.h"
#include "hub/node_roster.h"
#include "hub/plan_desk.h"
#include "sluice/v1/fleet.pb.h"

namespace sluice::hub {

/// Where people's wishes meet the nodes that are there: decides which config each node should run,
/// and puts it into the mailbox of its stream when that changes.
///
/// Any thread. What nodes say is in memory at once and in the store with the next save().
class ControlRegistry {
 public:
  /// Reads what the store has. `store` and `clock` are borrowed.
  static Result<std::unique_ptr<ControlRegistry>> load(FleetStore& store, const Clock& clock,
                                                       std::chrono::milliseconds plan_timeout);

  // The node's side. `mailbox` is that of its stream and outlives the call of leave().

  /// The node has said Hello, which was checked: the mailbox gets keys and config. It takes the
  /// place of an earlier stream of that node.
  void attend(const v1::ControlHello& hello, ControlMailbox& mailbox);
  /// A message from it. Dropped when another stream has taken its place.
  void take_report(const std::string& node, const ControlMailbox& mailbox,
                   const v1::ConfigReport& report);
  void take_answer(const std::string& node, const ControlMailbox& mailbox, v1::PlanAnswer&& answer);
  void leave(const std::string& node, const ControlMailbox& mailbox);

  // The people's side; as fleet.proto says.

  Result<v1::PushConfigResponse> push(ReadPush read);
  Status withdraw(std::uint64_t offer_id);
  Result<v1::PushKeySetResponse> push_keys(PushedKeys keys);
  v1::ListConfigPushesResponse list_pushes(std::size_t limit) const;
  v1::ListNodeConfigsResponse list_nodes(const std::string& node, std::size_t limit) const;
  Result<v1::PlanReport> plan(const v1::PlanConfigRequest& request,
                              const std::function<bool()>& cancelled);

  /// Writes what changed since the last time, in one transaction; what cannot be written now is
  /// written with the next call.
  void save();
  /// Ends all waiting for plans.
  void stop() { plans_.stop(); }

 private:
  struct Live {
    ControlMailbox* mailbox = nullptr;
    std::uint64_t offered_id = 0;  ///< put into it last
  };
  ControlRegistry(FleetStore& store, const Clock& clock, std::chrono::milliseconds plan_timeout,
                  std::vector<NodeReport> nodes, std::vector<v1::ConfigPush> pushes, bool has_keys);

  Live* find_live(const std::string& node, const ControlMailbox& mailbox) SLUICE_REQUIRES(mutex_);
  /// Whether the node was offered something that it was not before.
  bool offer(const std::string& node, Live& live) SLUICE_REQUIRES(mutex_);
  std::uint64_t offer_to_all(std::uint64_t offer_id) SLUICE_REQUIRES(mutex_);

  FleetStore& store_;
  const Clock& clock_;
  PlanDesk plans_;
  mutable Mutex mutex_;
  NodeRoster roster_ SLUICE_GUARDED_BY(mutex_);
  std::vector<v1::ConfigPush> pushes_ SLUICE_GUARDED_BY(mutex_);  ///< newest first
  bool has_keys_ SLUICE_GUARDED_BY(mutex_);
  std::map<std::string, Live> live_ SLUICE_GUARDED_BY(mutex_);
  Mutex push_mutex_;  ///< one push at a time; taken before the other
  Mutex save_mutex_;  ///< likewise
};

}  // namespace sluice::hub
