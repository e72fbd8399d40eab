#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "model/event.h"
#include "model/ledger.h"

namespace sluice {

/// The events of one commit group, as the stages tell them.
///
/// A stage may tell a thousand in each call, and what a commit writes at once must fit into the
/// storage quota: what comes when the group is full is counted as `expired(event_storm)`, and the
/// group's gap says how many. Thread: [pipeline].
class ToldEvents {
 public:
  static constexpr std::size_t kCountMax = 2'000;
  static constexpr std::size_t kBytesMax = std::size_t{1} << 20;
  static constexpr const char* kStorm = "event_storm";

  /// Counts it in `ledger` too.
  void add(ToldEvent told, Ledger& ledger);
  const std::vector<ToldEvent>& all() const { return events_; }
  /// Told since the last take() and not kept.
  std::size_t expired() const { return expired_; }
  /// Hands them over; the next group begins.
  std::vector<ToldEvent> take();

 private:
  std::vector<ToldEvent> events_;
  std::size_t bytes_ = 0;
  std::size_t expired_ = 0;
};

}  // namespace sluice
