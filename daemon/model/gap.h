#pragma once

#include <cstdint>
#include <string>

#include "model/ledger.h"

namespace sluice {

/// A loss, named: what the backend must know to tell "nothing happened" from "we do not know".
///
/// Written in the transaction that counts or finds the loss; goes upstream under a sequence of its
/// own, applied once (DESIGN §8, §9).
struct Gap {
  LedgerKind kind = LedgerKind::messages;  ///< what `count` counts
  std::string owner;                       ///< the source, for readings and panes the pipeline
  std::string cause;                       ///< the ledger's word, or "suspected_broker_loss"
  std::int64_t from_ns = 0;  ///< wall clock, ns since 1970 UTC: nothing is missing before this
  std::int64_t to_ns = 0;    ///< nor after this
  std::uint64_t count = 0;   ///< 0: not known
  friend bool operator==(const Gap&, const Gap&) = default;
};

}  // namespace sluice
