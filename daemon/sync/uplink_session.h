#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "base/mutex.h"
#include "sluice/v1/uplink.pb.h"
#include "sync/batch_builder.h"
#include "sync/event_sender.h"
#include "sync/gap_sender.h"
#include "sync/row_pace.h"
#include "sync/send_window.h"
#include "sync/uplink.h"

namespace sluice {

/// UplinkStats behind their mutex: [sync] writes, any thread reads.
class SharedStats {
 public:
  template <typename Change>
  void update(Change change) {
    MutexLock lock(mutex_);
    change(stats_);
  }
  UplinkStats get() const {
    MutexLock lock(mutex_);
    return stats_;
  }

 private:
  mutable Mutex mutex_;
  UplinkStats stats_ SLUICE_GUARDED_BY(mutex_);
};

/// What every session works with; all of it outlives the session.
struct SessionContext {
  UplinkOptions& options;
  UplinkCallbacks& callbacks;
  SummarySource& source;
  const SeriesTable& series;
  const TopicTable& topics;
  const Clock& clock;
  SharedStats& stats;
};

/// For whom a stream speaks.
struct UplinkTurn {
  Identity identity;
  bool ended = false;       ///< its epoch has ended: the stream carries what is left, then ends
  bool row_by_row = false;  ///< one row a batch, to find the one that the hub will never take
  /// The stream ends here, in peace, so that another identity gets its turn; 0: never.
  /// CLOCK_BOOTTIME
  std::int64_t until_ns = 0;
};

/// The node's side of one stream without its transport: what to say next, what an answer means,
/// when the hub is taken for dead. No I/O but the outbox, no thread, no waiting; so a simulation
/// runs what the daemon runs. [sync]
///
/// Of the transport it expects: messages arrive in order and at most one is being written.
class UplinkSession {
 public:
  /// Rows up to `acked_seq` are acknowledged and not sent again; every ack raises it.
  UplinkSession(const SessionContext& context, UplinkTurn turn, std::int64_t& acked_seq);

  /// The first message of the stream.
  v1::UplinkRequest hello();
  /// The next message, if one may leave now. `written` must follow before another.
  std::optional<v1::UplinkRequest> next();
  /// The transport has taken the last message.
  void written() { writing_ = false; }
  void on_response(const v1::UplinkResponse& response);
  /// The outbox has new rows, or there are new events or gaps.
  void on_outbox_grew() {
    more_rows_ = true;
    events_.look_again();
    gaps_.look_again();
  }
  /// Time passed: see until_due.
  void on_time();
  /// Until on_time or next may have something to do by themselves.
  std::chrono::nanoseconds until_due() const;

  /// Not ok: the stream must end, and this is why. Nothing more leaves. `already_exists` and
  /// `aborted` are the hub's refusals: another node is live under the identity; a series id of it
  /// is defined with other content.
  const Status& failure() const { return failure_; }
  /// Everything it was to carry is acknowledged: the stream may end, and the next turn begins.
  bool done() const;
  const UplinkTurn& turn() const { return turn_; }
  bool greeted() const { return phase_ == Phase::exchanging; }
  /// It carried an ack or held for a while: the next try may come soon.
  bool healthy() const;
  /// The hub holds numbers that our store has not given out yet.
  bool rewound() const { return rewound_; }
  /// As the hub said it.
  std::int64_t cloud_highest_seq() const { return cloud_highest_seq_; }

 private:
  enum class Phase : std::uint8_t { greeting, exchanging };

  void fail(Status why);
  void on_hello_reply(const v1::HelloReply& reply);
  /// Whether the hub's highest row is none of ours: the store was set back to an earlier day.
  Result<bool> is_rewound(const v1::HelloReply& reply) const;
  /// Fails the session when the hub lacks rows that it has acknowledged: the next one sends what is
  /// still here.
  Status check_acked_held(const v1::HelloReply& reply);
  void on_ack(const v1::BatchAck& ack);
  void on_gap_ack(const v1::GapAck& ack);
  void on_event_ack(const v1::EventAck& ack);
  void on_refusal(const v1::Refusal& refusal);
  void on_progress();
  bool awaits_hub() const {
    return writing_ || !window_.empty() || gaps_.awaits_hub() || events_.awaits_hub();
  }
  bool fetch();
  std::optional<v1::UplinkRequest> next_rows();
  void begin_write(std::size_t bytes, std::size_t rows);

  const SessionContext& context_;
  const UplinkTurn turn_;
  std::int64_t& acked_seq_;
  Phase phase_ = Phase::greeting;
  bool writing_ = false;
  bool acked_ = false;
  bool rewound_ = false;
  Status failure_;
  std::int64_t hello_seq_ = 0;
  std::int64_t hello_boottime_ns_ = 0;
  std::int64_t cloud_highest_seq_ = 0;

  SendWindow window_;
  RowPace pace_;
  BatchBuilder batches_;
  std::deque<Outgoing> outgoing_;
  EventSender events_;
  GapSender gaps_;
  bool more_rows_ = true;  ///< the outbox may hold rows not read yet

  const std::int64_t begun_ns_;     ///< all three: CLOCK_BOOTTIME
  std::int64_t progress_ns_ = 0;    ///< last ack, or first write after a pause
  std::int64_t retry_read_ns_ = 0;  ///< the outbox could not be read: not before; 0: at once
};

}  // namespace sluice
