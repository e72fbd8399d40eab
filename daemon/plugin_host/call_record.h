#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"
#include "sluice_plugin.h"

namespace sluice {

/// Bytes of one record: more than any call within the contract's bounds takes.
inline constexpr std::size_t kCallRecordBytesMax = std::size_t{16} << 20;

/// Writes down all that a plugin says in one call, so that it can be said again: from another
/// process to the daemon, or by the log after a restart. Verdicts stand as runs of equal ones. At a
/// fixed address, reused. One thread at a time.
class CallRecorder {
 public:
  CallRecorder();
  CallRecorder(const CallRecorder&) = delete;
  CallRecorder& operator=(const CallRecorder&) = delete;

  /// `next` is told too, and its answers are the answers; borrowed until finish().
  void begin(const sluice_emit* next);
  /// Nobody is told: everything is taken, and of `rows` the held ones get tokens from `next_token`
  /// up, no more than `held_max` of them. For a call whose record is checked elsewhere.
  void begin(std::uint64_t next_token, std::uint64_t held_max, std::uint32_t rows);
  const sluice_emit* emit() const { return &emit_; }
  /// The record of the call that ends. `internal` when it would be larger than kCallRecordBytesMax,
  /// or when what nobody was told breaks the contract in a way that a record cannot show.
  Result<std::string> finish(const sluice_verdict* verdicts, std::uint32_t rows);

 private:
  static sluice_result on_alter(const sluice_emit*, std::uint32_t, const sluice_reading*);
  static sluice_result on_reading(const sluice_emit*, const sluice_reading*);
  static std::uint64_t on_hold(const sluice_emit*, std::uint32_t);
  static sluice_result on_settle_pass(const sluice_emit*, std::uint64_t, const sluice_reading*);
  static sluice_result on_settle_drop(const sluice_emit*, std::uint64_t, std::uint32_t);
  static sluice_result on_event(const sluice_emit*, const sluice_event*);

  bool takes(bool is_whole, std::size_t bytes);
  void reading(const sluice_reading& reading);

  const sluice_emit* next_ = nullptr;
  std::uint64_t next_token_ = 0;
  std::uint64_t held_left_ = 0;
  std::uint32_t rows_ = 0;
  std::string fault_;
  ByteWriter said_;
  sluice_emit emit_;
};

/// Says to `verdicts`, of `rows`, and to `emit` what the record says. `data_loss` when it is
/// malformed; some of it may have been said by then. A reading or an event that breaks the contract
/// is said as it stands: `emit` knows what to answer.
Status apply_call_record(std::string_view record, std::uint32_t rows, sluice_verdict* verdicts,
                         const sluice_emit* emit);

}  // namespace sluice
