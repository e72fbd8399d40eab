#include "pipeline/told_events.h"

namespace sluice {

void ToldEvents::add(ToldEvent told, Ledger& ledger) {
  const std::size_t bytes = bytes_of(told);
  ledger.add(LedgerKind::events, told.pipeline, Term::told, 1);
  if (events_.size() >= kCountMax || bytes_ + bytes > kBytesMax) {
    ++expired_;
    ledger.add(LedgerKind::events, told.pipeline, Term::expired, 1, kStorm);
    return;
  }
  ledger.add(LedgerKind::events, told.pipeline, Term::waiting, 1);
  bytes_ += bytes;
  events_.push_back(std::move(told));
}

std::vector<ToldEvent> ToldEvents::take() {
  bytes_ = 0;
  expired_ = 0;
  return std::exchange(events_, {});
}

}  // namespace sluice
