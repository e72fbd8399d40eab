#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "hub/node_report_table.h"
#include "sluice/v1/fleet.pb.h"

namespace sluice::hub {

/// A key set that was pushed.
struct PushedKeys {
  std::uint64_t version = 0;
  std::string chain;  ///< a serialized KeySetChain
};

/// What people want the fleet to run and what the fleet says that it runs, in the hub's database.
///
/// On a connection of its own beside the HubStore's, so that a push does not queue behind rows that
/// are backfilled. What is written is on flash on return.
///
/// Any thread; calls wait for each other.
class FleetStore {
 public:
  /// `path` is that of an open HubStore, which has brought it to the present schema.
  static Result<std::unique_ptr<FleetStore>> open(const std::string& path);
  ~FleetStore();

  /// Gives `push` its number. Makes room by expendable_pushes(), whose numbers it answers;
  /// `resource_exhausted` when there is none.
  Result<std::vector<std::uint64_t>> add_push(v1::ConfigPush& push, const std::string& config);
  /// `not_found`.
  Status withdraw(std::uint64_t offer_id);
  /// Newest first.
  Result<std::vector<v1::ConfigPush>> pushes();
  /// None: it was withdrawn, or is gone.
  Result<std::optional<v1::ConfigOffer>> offer(std::uint64_t offer_id);

  /// `failed_precondition` when there is a later version.
  Status put_keys(const PushedKeys& keys);
  /// Version 0: none.
  Result<PushedKeys> keys();

  /// By name.
  Result<std::vector<NodeReport>> nodes();
  /// All in one transaction.
  Status save_nodes(const std::vector<NodeReport>& changed, const std::vector<std::string>& gone);

 private:
  class Session;
  explicit FleetStore(std::unique_ptr<Session> session);
  std::unique_ptr<Session> session_;
};

}  // namespace sluice::hub
