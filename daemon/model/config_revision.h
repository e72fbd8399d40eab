#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace sluice {

/// What became of a config that the node was given.
enum class RevisionState : std::uint8_t {
  refused = 1,      ///< never took effect: it did not pass, could not be made, or was interrupted
  applying = 2,     ///< about to take effect
  probation = 3,    ///< in effect, and watched; the applied one before is what it goes back to
  applied = 4,      ///< in effect, or what a probation goes back to
  superseded = 5,   ///< was in effect until the next one
  rolled_back = 6,  ///< was in effect until its probation failed
};

/// Where a config came from.
enum class RevisionOrigin : std::uint8_t {
  file = 1,   ///< the config file on disk
  local = 2,  ///< the admin socket
  push = 3,   ///< the hub
};

struct RevisionSource {
  RevisionOrigin origin = RevisionOrigin::file;
  std::uint64_t signed_version = 0;  ///< of its envelope; 0: it came without one
  std::uint64_t offer_id = 0;        ///< the hub's number for it; 0: it did not come from there
};

/// One config that the node was given: the part of it that is not local. Only `state`, `message`
/// and `changed_ns` ever change.
struct ConfigRevision {
  std::int64_t number = 0;  ///< from 1, in the order in which they came
  RevisionSource source;
  RevisionState state = RevisionState::applying;
  std::int64_t received_ns = 0;      ///< wall clock, ns since 1970 UTC: a label
  std::int64_t changed_ns = 0;       ///< likewise, of its state
  std::string message;               ///< why it is in this state; may be empty
  std::string document;              ///< YAML, as it came
};

/// The revisions that are kept, in two slots and a history: one slot holds the config that is known
/// to run (`applied`), the other one that is tried (`probation`). Each call is one transaction,
/// durable on return; when it fails nothing has changed. Real: store. Any thread.
class RevisionStore {
 public:
  virtual ~RevisionStore() = default;
  /// Keeps it under the next number, which it answers.
  virtual Result<std::int64_t> add(ConfigRevision revision) = 0;
  /// `applied` makes the one that was superseded, `probation` the tried one before it rolled back.
  /// `not_found` for a number that is not kept.
  virtual Status set_state(std::int64_t number, RevisionState state, const std::string& message,
                           std::int64_t changed_ns) = 0;
  /// Starts of the daemon while this one was tried, one more than before; from 1.
  virtual Result<std::int64_t> count_start(std::int64_t number) = 0;
  /// In effect: the tried one, else the applied one. Empty: there is none that can be read.
  virtual Result<std::optional<ConfigRevision>> current() = 0;
  /// The applied one, which a probation goes back to.
  virtual Result<std::optional<ConfigRevision>> last_good() = 0;
  /// `not_found`, and `data_loss` for a row that fails its checksum.
  virtual Result<ConfigRevision> get(std::int64_t number) = 0;
  /// Newest first, without their documents; damaged ones are left out.
  virtual Result<std::vector<ConfigRevision>> list(std::size_t count_max) = 0;
};

}  // namespace sluice
