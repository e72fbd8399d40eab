#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "model/log.h"

namespace sluice {

/// What names the session that a broker keeps for us.
struct SessionId {
  std::string broker;     ///< host:port
  std::string client_id;  ///< empty: none is known, and then it equals no other
  bool same_as(const SessionId& other) const {
    return !client_id.empty() && broker == other.broker && client_id == other.client_id;
  }
};

/// Sessions that a config has left: no source reads them, but the broker may keep them, with their
/// subscriptions and what it has no acknowledgement for, and a later config may come back to them.
///
/// Bounded by their number. A session that is forgotten here, and kept by the broker after all, is
/// one that we know nothing of: what it sends again is doubt. (No age: how long it was is for the
/// wall clock to say, which is not to be trusted.)
class LeftSessions {
 public:
  static constexpr std::size_t kSessionsMax = 16;

  /// `state`: as its source would have saved it. The one left first is forgotten for it, past the
  /// bound.
  void add(SessionId id, std::string state);
  /// The state of that session, which is no longer left.
  std::optional<std::string> take(const SessionId& id);

  std::size_t size() const { return sessions_.size(); }
  /// One part each, in the order in which they were left.
  void snapshot(std::vector<CheckpointPart>& parts) const;
  Status restore(const std::vector<CheckpointPart>& parts);

 private:
  struct Session {
    std::uint64_t number = 0;  ///< they rise
    SessionId id;
    std::string state;
  };
  std::deque<Session> sessions_;
};

}  // namespace sluice
