#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock_trust.h"
#include "model/ports.h"
#include "pipeline/commit_builder.h"
#include "pipeline/left_sessions.h"
#include "pipeline/redelivery.h"
#include "pipeline/refused_series.h"
#include "pipeline/time_line.h"

namespace sluice {

/// One source as the engine sees it.
struct SourceSpec {
  std::string name;
  bool accept_retained = false;
  std::size_t inflight_window = 1000;  ///< messages the broker may have unacknowledged
  bool arrival_stamped = false;        ///< payloads carry no event time
  SessionId session;
  /// So much later than its arrival a reading may be stamped.
  std::int64_t max_future_ns = 600'000'000'000;
};

/// When something happened, by both clocks.
struct Moment {
  std::int64_t boottime_ns = 0;
  std::int64_t wall_ns = 0;
};

/// From messages to the next batch of readings: redelivery, retained messages, decoding, and the
/// message ledger. Thread: [pipeline].
class Intake {
 public:
  /// `time_line`, borrowed for life, stamps what has no time of its own; null: the decoder's stamps
  /// stay.
  Intake(std::vector<SourceSpec> sources, Decoder& decoder, CommitBuilder& builder,
         const TimeLine* time_line = nullptr);

  /// What time it is, for the messages that follow. What is set aside because of it is not in the
  /// log, so a replay asks nobody.
  void set_time(const TrustedTime& time) { time_ = time; }
  /// Takes one message into the open batch.
  void take(const IngestEvent& message);
  /// What is no message. The open batch must have been flushed.
  void take_event(const IngestEvent& event);
  /// Messages of QoS 0 that a full queue turned away.
  void dropped(std::uint32_t source, std::uint64_t count);
  /// The batch since the last call; empty when there was nothing to log.
  BatchEntry flush();
  bool has_batch() const { return !open_.fingerprints.empty() || !open_.readings.empty(); }
  /// Some source has a full in-flight window in the open group: the broker waits for our acks.
  bool window_full() const;

  void replay(const ConnectedEntry& entry);
  void replay(const SubscribedEntry& entry);
  void replay(const BatchEntry& entry);
  void replay(const BrokerDropsEntry& entry);
  void snapshot(std::vector<CheckpointPart>& parts) const;
  Status restore(const std::vector<CheckpointPart>& parts);
  /// Goes over to another list of sources. What is known of a session goes with the session,
  /// whatever its source is called now; `now` is a label. A session that no source reads any more
  /// is kept for one that may, and is a gap: what the broker holds for it does not come.
  void adopt(std::vector<SourceSpec> sources, const Moment& now);
  /// What the broker may have subscribed for this source, as of the log.
  const std::vector<TopicFilter>& subscribed(std::uint32_t source) const {
    return states_[source].subscribed;
  }
  /// Any thread.
  const RefusedSeries& refused_series() const { return refused_; }

 private:
  /// What we know of a session.
  struct State {
    Redelivery redelivery;
    std::vector<TopicFilter> subscribed{};
    std::int64_t last_wall_ns = 0;  ///< of the last message, or of the session's begin
    std::optional<std::uint64_t> broker_drops{};  ///< the broker's counter, as last seen
    std::int64_t broker_drops_wall_ns = 0;        ///< when that was

    void snapshot(ByteWriter& out) const;
    Status restore(std::string_view bytes);
  };

  void connected(const IngestEvent& event);
  void broker_dropped(const IngestEvent& event);
  void report_broker_loss(const SourceSpec& source, std::int64_t from_ns, const Moment& now,
                          std::uint64_t count, std::string_view cause);
  void leave(const SourceSpec& source, const State& state, const Moment& now);
  void reject(const IngestEvent& message, std::string reason, std::string detail);
  void add_dead_letter(const IngestEvent& message, std::string reason, std::string detail);
  void set_aside_future(const IngestEvent& message, std::size_t first_row);

  std::vector<SourceSpec> sources_;
  std::vector<State> states_;
  LeftSessions left_;
  Decoder& decoder_;
  CommitBuilder& builder_;
  const TimeLine* time_line_;
  TrustedTime time_;
  BatchEntry open_;
  RefusedSeries refused_;
};

}  // namespace sluice
