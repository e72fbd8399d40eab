#pragma once

#include <cstdint>
#include <deque>

#include "base/bytes.h"
#include "base/status.h"
#include "model/message.h"

namespace sluice {

/// Tells a redelivered message from a new one, per source.
///
/// After a reconnect the broker sends again, in order and with DUP=1, what it holds no ack for. The
/// run is aligned with the tail of what was stored: a match further on in the tail is a duplicate,
/// one that only matches backwards cannot be decided and is kept as doubt. Exact while the broker
/// does not reuse a packet id inside its unacknowledged window. Thread: [pipeline].
class Redelivery {
 public:
  enum class Answer : std::uint8_t { fresh, duplicate, doubt };

  /// `window`: messages the broker may have unacknowledged.
  explicit Redelivery(std::size_t window);

  /// A connection begins. Without a session the broker has forgotten us, packet ids start anew.
  void connected(bool session_present);
  std::uint64_t fingerprint(const IngestEvent& message) const;
  Answer check(bool dup, std::uint64_t fingerprint);
  /// A message that was not a duplicate joined the log.
  void stored(std::uint64_t fingerprint);
  bool session_known() const { return generation_ > 0; }

  /// Goes on where `other` stood, with its own window.
  void inherit(const Redelivery& other);

  void snapshot(ByteWriter& out) const;
  Status restore(ByteReader& in);

 private:
  std::size_t tail_max_;
  std::uint64_t generation_ = 0;
  std::deque<std::uint64_t> tail_;
  std::size_t cursor_ = 0;  ///< next place of the tail a redelivery may match
  std::size_t limit_ = 0;   ///< end of what was stored before this connection
};

}  // namespace sluice
