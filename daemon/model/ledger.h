#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sluice {

/// The ledgers of promise P3: everything that arrives ends in exactly one durable counter.
enum class LedgerKind : std::uint8_t {
  messages = 1,
  source_readings = 2,
  readings = 3,
  panes = 4,
  events = 5
};
inline constexpr LedgerKind kLedgerKinds[] = {LedgerKind::messages, LedgerKind::source_readings,
                                              LedgerKind::readings, LedgerKind::panes,
                                              LedgerKind::events};

/// The terms. For each kind the first (`in` plus `derived` for readings) equals the sum of the
/// rest.
enum class Term : std::uint8_t {
  received = 1,           ///< messages
  decoded = 2,            ///< messages: made readings; source_readings: the readings made
  rejected = 3,           ///< messages, source_readings, readings: refused, by reason
  duplicate = 4,          ///< messages: redelivered after it was stored
  dropped = 5,            ///< messages of QoS 0 that a full queue turned away, by reason
  routed = 6,             ///< source_readings: taken by one or more pipelines
  unmatched = 7,          ///< source_readings: no pipeline wants it
  in = 8,                 ///< readings: routed into this pipeline
  derived = 9,            ///< readings: made by a stage of this pipeline
  aggregated = 10,        ///< readings: folded into one or more windows
  observed = 11,          ///< readings: reached the end of a pipeline without windows
  filtered = 12,          ///< readings: dropped by a stage, cause = "stage/rule"
  late = 13,              ///< readings: accepted by no window or ordered stage
  held = 14,              ///< readings: inside a stage, to be settled
  pending = 15,           ///< readings: in a reorder buffer, or of a parked pipeline
  closed = 16,            ///< panes
  acked = 17,             ///< panes, events: durably stored by the cloud
  outbox = 18,            ///< panes: waiting for the cloud
  expired = 19,           ///< panes, events: given up under a policy, by policy
  told = 20,              ///< events: by stages of this pipeline
  redelivery_doubt = 21,  ///< messages, outside the balance: kept though perhaps a copy
  /// messages, outside the balance: the broker lost some before us. Cause session_lost (it forgot
  /// us) and session_left (no source reads it any more): how often; dropped_counter, and
  /// dropped_counter_restarted where the broker began to count anew: how many, ours or others'.
  broker_loss = 22,
  waiting = 23,  ///< events: for the cloud
};
std::string_view term_name(Term term);
std::string_view ledger_kind_name(LedgerKind kind);

/// One counter. `owner` is "source/qos" for messages, the source for source_readings, the pipeline
/// for readings, panes and events. `cause` is empty where the term needs none.
struct LedgerKey {
  LedgerKind kind;
  std::string owner;
  Term term;
  std::string cause;
  friend auto operator<=>(const LedgerKey&, const LedgerKey&) = default;
  friend bool operator==(const LedgerKey&, const LedgerKey&) = default;
};

/// Counters, or changes of counters: the same shape, so that a total is a sum of deltas.
/// A plain value; whoever holds it guards it.
class Ledger {
 public:
  void add(LedgerKind kind, std::string_view owner, Term term, std::int64_t count,
           std::string_view cause = {});
  void add(const Ledger& delta);
  /// The sum over all causes.
  std::int64_t get(LedgerKind kind, std::string_view owner, Term term) const;
  std::int64_t sum(LedgerKind kind, Term term) const;
  const std::map<LedgerKey, std::int64_t>& counters() const { return counters_; }
  bool empty() const { return counters_.empty(); }
  void clear() { counters_.clear(); }

  /// Arrivals minus ends, for one owner; 0 unless we have a bug.
  std::int64_t difference(LedgerKind kind, std::string_view owner) const;
  /// The sum of |difference| over every kind and owner.
  std::int64_t difference() const;
  std::vector<std::string> owners(LedgerKind kind) const;

  std::string encode() const;
  static Result<Ledger> decode(std::string_view bytes);
  friend bool operator==(const Ledger&, const Ledger&) = default;

 private:
  std::map<LedgerKey, std::int64_t> counters_;
};

}  // namespace sluice
