#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "base/status.h"
#include "model/ports.h"
#include "model/series.h"
#include "sluice/v1/uplink.pb.h"
#include "sync/series_definer.h"

namespace sluice {

/// The events of one stream: oldest first, each kept until the hub has it. A few batches may be
/// under way at once, so that a long way does not stop a storm of them; then it is the others'
/// turn.
///
/// An event goes ahead of all else, so it must not rely on definitions that still wait there: it
/// has them sent itself. All times are CLOCK_BOOTTIME, ns. [sync]
class EventSender {
 public:
  static constexpr std::size_t kBatchMax = 100;
  static constexpr std::size_t kBatchesUnderWay = 4;
  static constexpr std::int64_t kLookAgain_ns = 1'000'000'000;

  /// Borrowed. Null: there are never any.
  EventSender(EventSource* source, const SeriesTable& series, const TopicTable& topics)
      : source_(source), topics_(topics), definer_(series) {}

  /// The hub has said that it takes events.
  void enable() { enabled_ = true; }
  /// There may be new ones.
  void look_again() { more_ = true; }
  /// The next message, if one may leave now.
  std::optional<v1::UplinkRequest> next(std::int64_t now_ns);
  /// True when it took something off. `failed_precondition` for an event that was never sent.
  Result<bool> on_ack(const v1::EventAck& ack);
  bool awaits_hub() const { return !under_way_.empty(); }
  /// When next() is worth a call by itself; empty when only a change elsewhere can bring one.
  std::optional<std::int64_t> due_ns() const;

 private:
  bool may_look() const {
    return source_ != nullptr && enabled_ && more_ && under_way_.size() < kBatchesUnderWay;
  }
  void fetch(std::int64_t now_ns);
  void add_batch(const std::vector<EventRow>& rows);

  EventSource* const source_;
  const TopicTable& topics_;
  SeriesDefiner definer_;
  bool enabled_ = false;
  bool more_ = true;
  std::int64_t read_seq_ = 0;           ///< of the last one read
  std::deque<Outgoing> outgoing_;       ///< a batch at most, with its definitions before it
  std::deque<std::int64_t> under_way_;  ///< the last one of each batch
  std::int64_t acked_seq_ = 0;
  std::int64_t not_before_ns_ = 0;
};

}  // namespace sluice
