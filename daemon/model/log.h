#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock_trust.h"
#include "model/event.h"
#include "model/gap.h"
#include "model/identity.h"
#include "model/ledger.h"
#include "model/message.h"
#include "model/reading.h"

namespace sluice {

/// Entries of the log. SQLite is the log; memory is a cache of it: state is the last checkpoint
/// plus the replay of every entry after it, in order.

/// Idle clocks count from here: the daemon started (boot time does not survive a reboot), or took
/// nothing in for a while.
struct StartEntry {
  std::int64_t boottime_ns = 0;
  friend bool operator==(const StartEntry&, const StartEntry&) = default;
};

/// A source (re)connected. Without a session the broker forgot us: a new session generation begins.
struct ConnectedEntry {
  std::uint32_t source = 0;
  bool session_present = false;
  std::int64_t boottime_ns = 0;
  std::int64_t wall_ns = 0;
  friend bool operator==(const ConnectedEntry&, const ConnectedEntry&) = default;
};

/// A source has no connection: its last one ended, or the process started. Until the next
/// ConnectedEntry its topics are not silent, we cannot hear them.
struct DisconnectedEntry {
  std::uint32_t source = 0;
  std::int64_t boottime_ns = 0;
  friend bool operator==(const DisconnectedEntry&, const DisconnectedEntry&) = default;
};

/// The filters that the broker may have in our session: all that are about to be subscribed, and
/// none less until the broker has confirmed that it forgot it.
struct SubscribedEntry {
  std::uint32_t source = 0;
  std::vector<TopicFilter> filters;
  std::int64_t boottime_ns = 0;
  friend bool operator==(const SubscribedEntry&, const SubscribedEntry&) = default;
};

/// The broker's counter of messages it dropped, for all of its clients, since it started: what the
/// next value is compared with.
struct BrokerDropsEntry {
  std::uint32_t source = 0;
  std::uint64_t dropped = 0;
  std::int64_t boottime_ns = 0;
  std::int64_t wall_ns = 0;
  friend bool operator==(const BrokerDropsEntry&, const BrokerDropsEntry&) = default;
};

/// Which message of QoS 1 came, duplicates too: what the next redelivery is compared with.
struct Fingerprint {
  std::uint32_t source = 0;
  std::uint16_t packet_id = 0;
  bool dup = false;        ///< the broker had sent it before
  std::uint64_t hash = 0;  ///< of topic and payload; within kFingerprintMask
  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

/// Chance takes one of 2^48 for another, and only under the same packet id of one session: six
/// bytes on flash are enough.
inline constexpr std::uint64_t kFingerprintMask = (std::uint64_t{1} << 48) - 1;

/// Messages decoded together: the unit of stage calls and of replay.
struct BatchEntry {
  std::int64_t boottime_ns = 0;  ///< arrival of its last message
  std::vector<Fingerprint> fingerprints;
  ReadingBatch readings;
  std::int64_t wall_ns = 0;  ///< arrival by the wall clock
  friend bool operator==(const BatchEntry&, const BatchEntry&) = default;
};

/// Time passed without readings and that closed or released something.
struct TickEntry {
  std::int64_t boottime_ns = 0;
  friend bool operator==(const TickEntry&, const TickEntry&) = default;
};

/// What is known of the time from here on: by it, arrivals are stamped.
struct ClockEntry {
  std::int64_t boottime_ns = 0;
  std::string boot_id;  ///< of the boot that CLOCK_BOOTTIME counts from
  TrustedTime time;
  bool in_boot_time = false;  ///< arrivals are stamped CLOCK_BOOTTIME alone
  std::int64_t least_ns = 0;  ///< else no earlier than this: event time has come so far
  friend bool operator==(const ClockEntry&, const ClockEntry&) = default;
};

/// How one call of a stage went that might go another way when it is made again.
struct StageCall {
  std::uint32_t stage = 0;  ///< index in its pipeline
  std::string record;       ///< as RecordedCalls::take_record()
  friend bool operator==(const StageCall&, const StageCall&) = default;
};

/// The calls of such stages that the next entry of the log caused in one pipeline.
struct CallsEntry {
  std::int64_t boottime_ns = 0;
  std::string pipeline;
  std::vector<StageCall> calls;
  friend bool operator==(const CallsEntry&, const CallsEntry&) = default;
};

using LogEntry = std::variant<StartEntry, ConnectedEntry, SubscribedEntry, BatchEntry, TickEntry,
                              BrokerDropsEntry, DisconnectedEntry, ClockEntry, CallsEntry>;

/// What one commit appends to the log: one row.
struct Segment {
  std::vector<LogEntry> entries;
  Ledger ledger;  ///< changes since the segment before
  friend bool operator==(const Segment&, const Segment&) = default;
};

/// A row's panes in the two parts that an epoch change would make of them (PaneSplit), encoded.
struct RowSplit {
  std::uint32_t before_panes = 0;  ///< at least 1
  std::string before;
  std::uint32_t since_panes = 0;  ///< 0: nothing came since the start
  std::string since;
  friend bool operator==(const RowSplit&, const RowSplit&) = default;
};

/// One row for the outbox: `bytes` are the identity of the summary block. They never change, nor do
/// the node and the epoch under which the row was made, and under which alone it is sent.
struct OutboxRow {
  std::int64_t seq = 0;  ///< given by the store on commit; 0 before
  std::string pipeline;
  std::uint32_t panes = 0;
  std::int64_t start_ns = 0;  ///< smallest window start
  std::int64_t end_ns = 0;    ///< largest window end
  std::string bytes;
  /// In a group with `epoch_end`: what the old epoch still has to say.
  bool of_ended_epoch = false;
  std::optional<RowSplit> split;
  Identity identity;  ///< given by the store when it is read
};

/// The epoch ends with this group, and the next one begins. The group carries a checkpoint too, so
/// that no replay crosses the change.
struct EpochEnd {
  /// The highest number the cloud holds of the ending epoch; 0 when nobody knows.
  std::int64_t cloud_highest_seq = 0;
  /// This process has not sent anything yet: its rows go over to the new epoch, without the parts
  /// that were there before it started.
  bool takes_rows_along = false;
  friend bool operator==(const EpochEnd&, const EpochEnd&) = default;
};

/// State of one part of the pipeline as of the commit that carries it, e.g.
/// "pipeline/room/windows". Parts whose bytes did not change are not written again.
struct CheckpointPart {
  std::string name;
  std::string bytes;
};

/// A rejected payload, kept so that the operator can see what was wrong. Bounded by the store.
struct DeadLetter {
  std::string source;
  std::string topic;
  std::string reason;        ///< the ledger's cause, e.g. "not_json"
  std::string detail;        ///< a sentence: what, where
  std::string payload_head;  ///< at most kDeadLetterBytes of the payload
  std::uint64_t payload_bytes = 0;
  std::int64_t wall_ns = 0;
};
inline constexpr std::size_t kDeadLetterBytes = 1024;

/// A definition that must be on flash no later than its first use.
struct Definition {
  std::uint32_t id = 0;
  std::string bytes;  ///< encode_series / encode_topic
};

/// Everything one transaction makes durable. An ordinary one writes the segment row and nothing
/// else.
struct CommitGroup {
  Segment segment;
  std::vector<Definition> series;
  std::vector<Definition> topics;
  std::vector<OutboxRow> outbox;
  std::vector<DeadLetter> dead_letters;
  std::vector<Gap> gaps;          ///< losses found in this group, for the cloud
  std::vector<ToldEvent> events;  ///< as its stages told them, counted as `waiting`
  /// When set, the transaction also makes this the checkpoint: all parts, the whole state.
  std::optional<std::vector<CheckpointPart>> checkpoint;
  std::optional<EpochEnd> epoch_end;
  /// Released to the broker after the transaction is on flash: the highest ticket per connection.
  std::vector<AckPosition> acks;
};

}  // namespace sluice
