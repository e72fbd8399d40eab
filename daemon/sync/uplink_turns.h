#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "model/identity.h"
#include "sync/uplink_session.h"

namespace sluice {

/// Whose rows the next stream carries. A stream speaks for one node and epoch, the outbox may hold
/// rows of several: it is emptied in the order of the numbers, one stream for each stretch of equal
/// identity, and the stream of the current one stays.
///
/// The hub refuses an ended epoch under which another node is live: a clone tries to deliver what
/// its original holds too. Such rows are passed over and tried again every five minutes, since the
/// other may as well be the ghost of a connection, or die before it has delivered them. When the
/// other has been there for `live_elsewhere_after`, they are its own to deliver. The current epoch
/// refused for so long has a twin, made by copying a whole disk: it is ended.
///
/// The hub can hold definitions of series, under our epoch, that are none of ours: another life of
/// the database made them. The current epoch is ended then. Of an ended one the rows that use such
/// series were made after the lives had parted, by a process that did not know it yet; nobody will
/// ever take them. They are found one by one and given up as `expired(other_life)`.
///
/// No thread of its own. [sync]
class UplinkTurns {
 public:
  /// `context` is borrowed.
  explicit UplinkTurns(const SessionContext& context) : context_(context) {}

  /// `unavailable` when there is nothing to send but what the current epoch, which is being ended,
  /// will leave; else as read_outbox.
  Result<UplinkTurn> next();
  /// A session of `turn` has ended. `why` as UplinkSession::failure, or the transport's.
  void ended(const UplinkTurn& turn, const Status& why);
  /// What a session of the turn takes and raises.
  std::int64_t& acked_seq() { return acked_seq_; }

 private:
  struct Refused {
    Identity identity;
    std::int64_t since_ns = 0;  ///< both: CLOCK_BOOTTIME
    std::int64_t retry_ns = 0;
  };
  Refused* find(const Identity& identity);
  void current_ended(const UplinkTurn& turn, const Status& why, std::int64_t now_ns);
  void give_up_first_row(const UplinkTurn& turn);
  std::int64_t next_retry_ns(std::int64_t now_ns) const;
  bool too_long(std::int64_t since_ns, std::int64_t now_ns) const;
  void begin_again_if_due(std::int64_t now_ns);

  const SessionContext& context_;
  std::vector<Refused> refused_;
  Identity row_by_row_;             ///< what is sent so; empty: nothing
  std::int64_t twin_since_ns_ = 0;  ///< the current epoch is refused; 0: it is not
  std::int64_t acked_seq_ = 0;      ///< rows up to it need not be sent now
};

}  // namespace sluice
