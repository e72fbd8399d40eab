#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "model/ledger.h"

namespace sluice {

/// A loss, named: what the backend must know to tell "nothing happened" from "we do not know".
///
/// Written in the transaction that counts or finds the loss; goes upstream under a sequence of its
/// own, applied once (DESIGN §8, §9). Its time range says when what is lost arrived here, for panes
/// which windows they were of.
struct Gap {
  LedgerKind kind = LedgerKind::messages;  ///< what `count` counts
  std::string owner;                       ///< the source, for readings and panes the pipeline;
                                           ///< empty: any of the node's
  std::string cause;                       ///< the ledger's word, or "suspected_broker_loss"
  std::int64_t from_ns = 0;  ///< wall clock, ns since 1970 UTC: nothing is missing before this
  std::int64_t to_ns = 0;    ///< nor after this
  std::uint64_t count = 0;   ///< 0: not known

  /// Whether one record can speak for both: they differ in time and count alone.
  bool same_loss(const Gap& other) const {
    return kind == other.kind && owner == other.owner && cause == other.cause;
  }
  /// Takes in `other`, which is the same loss.
  void widen(const Gap& other) {
    from_ns = std::min(from_ns, other.from_ns);
    to_ns = std::max(to_ns, other.to_ns);
    count = count == 0 || other.count == 0 ? 0 : count + other.count;
  }
  friend bool operator==(const Gap&, const Gap&) = default;
};

/// A gap that waits for the cloud. Once it was handed out it never changes.
struct GapRow {
  std::int64_t seq = 0;  ///< unique within the epoch, rising
  std::string epoch;     ///< of the database when the gap was written; 32 hex digits
  Gap gap;
  friend bool operator==(const GapRow&, const GapRow&) = default;
};

}  // namespace sluice
