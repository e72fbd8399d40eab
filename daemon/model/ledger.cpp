#include "model/ledger.h"

#include <cstdlib>

#include "base/bytes.h"

namespace sluice {
namespace {

/// +1 on the arriving side of the balance, -1 on the ending side, 0 outside it.
int side(LedgerKind kind, Term term) {
  switch (kind) {
    case LedgerKind::messages:
      switch (term) {
        case Term::received: return 1;
        case Term::decoded:
        case Term::rejected:
        case Term::duplicate:
        case Term::dropped: return -1;
        default: return 0;
      }
    case LedgerKind::source_readings:
      switch (term) {
        case Term::decoded: return 1;
        case Term::routed:
        case Term::unmatched:
        case Term::rejected: return -1;
        default: return 0;
      }
    case LedgerKind::readings:
      switch (term) {
        case Term::in:
        case Term::derived: return 1;
        case Term::aggregated:
        case Term::observed:
        case Term::filtered:
        case Term::rejected:
        case Term::late:
        case Term::held:
        case Term::pending: return -1;
        default: return 0;
      }
    case LedgerKind::panes:
      switch (term) {
        case Term::closed: return 1;
        case Term::acked:
        case Term::outbox:
        case Term::expired: return -1;
        default: return 0;
      }
    case LedgerKind::events:
      switch (term) {
        case Term::told: return 1;
        case Term::acked:
        case Term::waiting:
        case Term::expired: return -1;
        default: return 0;
      }
  }
  return 0;
}

constexpr std::uint8_t kFormat = 1;

}  // namespace

std::string_view term_name(Term term) {
  static constexpr std::string_view kNames[] = {
      "",         "received",  "decoded", "rejected",         "duplicate",   "dropped",
      "routed",   "unmatched", "in",      "derived",          "aggregated",  "observed",
      "filtered", "late",      "held",    "pending",          "closed",      "acked",
      "outbox",   "expired",   "told",    "redelivery_doubt", "broker_loss", "waiting"};
  return kNames[static_cast<std::size_t>(term)];
}

std::string_view ledger_kind_name(LedgerKind kind) {
  static constexpr std::string_view kNames[] = {"",         "messages", "source_readings",
                                                "readings", "panes",    "events"};
  return kNames[static_cast<std::size_t>(kind)];
}

void Ledger::add(LedgerKind kind, std::string_view owner, Term term, std::int64_t count,
                 std::string_view cause) {
  if (count == 0) return;
  counters_[LedgerKey{kind, std::string(owner), term, std::string(cause)}] += count;
}

void Ledger::add(const Ledger& delta) {
  for (const auto& [key, count] : delta.counters_) counters_[key] += count;
}

std::int64_t Ledger::get(LedgerKind kind, std::string_view owner, Term term) const {
  std::int64_t total = 0;
  for (const auto& [key, count] : counters_) {
    if (key.kind == kind && key.owner == owner && key.term == term) total += count;
  }
  return total;
}

std::int64_t Ledger::sum(LedgerKind kind, Term term) const {
  std::int64_t total = 0;
  for (const auto& [key, count] : counters_) {
    if (key.kind == kind && key.term == term) total += count;
  }
  return total;
}

std::int64_t Ledger::difference(LedgerKind kind, std::string_view owner) const {
  std::int64_t total = 0;
  for (const auto& [key, count] : counters_) {
    if (key.kind == kind && key.owner == owner) total += side(kind, key.term) * count;
  }
  return total;
}

std::int64_t Ledger::difference() const {
  std::int64_t total = 0;
  for (const LedgerKind kind : kLedgerKinds) {
    for (const std::string& owner : owners(kind)) total += std::llabs(difference(kind, owner));
  }
  return total;
}

std::vector<std::string> Ledger::owners(LedgerKind kind) const {
  std::vector<std::string> names;
  for (const auto& [key, count] : counters_) {
    if (key.kind == kind && (names.empty() || names.back() != key.owner)) {
      names.push_back(key.owner);
    }
  }
  return names;
}

std::string Ledger::encode() const {
  ByteWriter w;
  w.u8(kFormat);
  w.u64(counters_.size());
  for (const auto& [key, count] : counters_) {
    w.u8(static_cast<std::uint8_t>(key.kind));
    w.string(key.owner);
    w.u8(static_cast<std::uint8_t>(key.term));
    w.string(key.cause);
    w.i64(count);
  }
  return w.take();
}

Result<Ledger> Ledger::decode(std::string_view bytes) {
  ByteReader r(bytes);
  if (r.u8() != kFormat) return data_loss("ledger of an unknown format");
  Ledger ledger;
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    const auto kind = r.u8();
    std::string owner(r.string());
    const auto term = r.u8();
    std::string cause(r.string());
    const std::int64_t count = r.i64();
    if (kind < 1 || kind > 5 || term < 1 || term > 23) return data_loss("malformed ledger");
    const auto [it, fresh] =
        ledger.counters_.emplace(LedgerKey{static_cast<LedgerKind>(kind), std::move(owner),
                                           static_cast<Term>(term), std::move(cause)},
                                 count);
    if (!fresh) return data_loss("a counter stands twice in a ledger");
  }
  if (!r.at_end()) return data_loss("malformed ledger");
  return ledger;
}

}  // namespace sluice
