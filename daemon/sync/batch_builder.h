#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "base/status.h"
#include "model/ports.h"
#include "model/series.h"
#include "sync/series_definer.h"

namespace sluice {

/// Turns outbox rows into the messages of one stream: batches in the order of their numbers, each
/// after the definitions of the series that the stream has not had yet. [sync]
class BatchBuilder {
 public:
  /// Begins after `after_seq`.
  BatchBuilder(SummarySource& source, const SeriesTable& series, std::int64_t after_seq,
               Identity identity)
      : source_(source), definer_(series), identity_(std::move(identity)), last_seq_(after_seq) {}

  /// The next batch with its definitions before it: at most `bytes_max` of blocks, or one larger
  /// row; empty when the outbox has no further rows, or the next one was made under another
  /// identity. An error of the source as it is. A row that is no block of ours, or names a series
  /// we do not know, goes as it is: the hub keeps it unread.
  Result<std::deque<Outgoing>> next(std::size_t bytes_max);
  /// Rows of another identity come next.
  bool at_other_identity() const { return at_other_identity_; }

 private:
  void define_series(const OutboxRow& row, std::deque<Outgoing>& out);

  SummarySource& source_;
  SeriesDefiner definer_;
  const Identity identity_;
  bool at_other_identity_ = false;
  std::int64_t last_seq_;
};

}  // namespace sluice
