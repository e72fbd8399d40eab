#pragma once

#include <cstdint>
#include <optional>

#include "base/status.h"
#include "model/ports.h"
#include "sluice/v1/uplink.pb.h"

namespace sluice {

/// The gaps of one stream: oldest first, one batch at a time, each kept until the hub has it. There
/// are few, so a pause between two batches lets the store make one of a storm. Where each pause
/// brings new ones (a device that is late all day) it doubles up to kPauseMax_ns. All times are
/// CLOCK_BOOTTIME, ns. [sync]
class GapSender {
 public:
  static constexpr std::size_t kBatchMax = 100;
  static constexpr std::int64_t kPause_ns = 10'000'000'000;
  static constexpr std::int64_t kPauseMax_ns = 640'000'000'000;
  static constexpr std::int64_t kLookAgain_ns = 1'000'000'000;

  /// Null: there are never any.
  explicit GapSender(GapSource* source) : source_(source) {}

  /// The hub has said that it takes gaps; an older one refuses those of events.
  void enable(bool takes_events) {
    enabled_ = true;
    takes_events_ = takes_events;
  }
  /// There may be new ones.
  void look_again() { more_ = true; }
  /// The next batch, if one may leave now.
  std::optional<v1::UplinkRequest> next(std::int64_t now_ns);
  /// True when it took something off. `failed_precondition` for a gap that was never sent.
  Result<bool> on_ack(const v1::GapAck& ack);
  bool awaits_hub() const { return acked_seq_ < sent_seq_; }
  /// When next() is worth a call by itself; empty when only a change elsewhere can bring one.
  std::optional<std::int64_t> due_ns() const;

 private:
  bool may_look() const { return source_ != nullptr && enabled_ && more_ && !awaits_hub(); }

  GapSource* const source_;
  bool enabled_ = false;
  bool takes_events_ = false;
  bool more_ = true;
  std::int64_t sent_seq_ = 0;
  std::int64_t acked_seq_ = 0;
  std::int64_t unsettled_seq_ =
      0;  ///< acknowledged by the hub, but the store could not take it off
  std::int64_t not_before_ns_ = 0;
  std::int64_t pause_ns_ = kPause_ns;  ///< the next one
};

}  // namespace sluice
