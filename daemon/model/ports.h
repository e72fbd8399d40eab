#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/event.h"
#include "model/log.h"
#include "model/message.h"
#include "model/reading.h"
#include "model/series.h"
#include "model/window.h"

// Where rooms meet. Each port has one real implementation and one fake in tests/fakes.

namespace sluice {

/// Messages in arrival order. Real: ingest. [pipeline] takes; [store] releases.
class MessageSource {
 public:
  virtual ~MessageSource() = default;
  /// Appends up to `count_max` events, waiting up to `timeout` for the first.
  virtual std::size_t take(std::vector<IngestEvent>& out, std::size_t count_max,
                           std::chrono::milliseconds timeout) = 0;
  /// Everything up to this position is on flash: its acknowledgements may leave. Any thread.
  virtual void release(const AckPosition& position) = 0;
  /// Messages of QoS 0 that a full queue turned away since the last call; the caller counts them.
  virtual std::uint64_t take_dropped_qos0(std::uint32_t source) = 0;
};

/// What became of one message.
struct DecodeResult {
  bool ok = true;
  std::string reason;  ///< the ledger's cause when not ok: not_json, empty, too_large, wrong_type …
  std::string detail;  ///< a sentence: what, where in the payload, what was expected
  /// Of `series_cap`: the first series, or the one of the first topic, for which there was no room.
  std::optional<Series> refused;
};

/// Turns one payload into readings. Real: ingest's JSON decoder. [pipeline]
class Decoder {
 public:
  virtual ~Decoder() = default;
  /// Appends the message's readings to `out`; appends nothing when it is rejected.
  virtual DecodeResult decode(const IngestEvent& message, ReadingBatch& out) = 0;
};

/// What a stage did with one input.
enum class Verdict : std::uint8_t { pass = 0, altered = 1, drop = 2, hold = 3 };

/// A stage's answer for one batch.
struct StageOutput {
  struct Drop {
    std::uint32_t row;
    std::uint16_t rule;  ///< index into Stage::rules()
  };
  std::vector<Verdict> verdicts;  ///< one per input row
  std::vector<Drop> drops;        ///< one per `drop`, in row order
  ReadingBatch altered;           ///< the new rows, one per `altered`, in row order
  ReadingBatch derived;           ///< readings the stage made
  std::vector<Event> events;      ///< what it tells people
  /// Held readings of earlier calls that were settled now.
  std::uint32_t settled_passed = 0;  ///< they stand in `settled`
  ReadingBatch settled;
  std::vector<std::uint16_t> settled_dropped;  ///< rule per dropped one
  /// Of a failed call that may have failed by its input: that input, for people, some of it.
  std::string fatal_input;
  void clear();
};

/// How a stage's calls went, for the log. [pipeline]
class RecordedCalls {
 public:
  virtual ~RecordedCalls() = default;
  /// False: calls need no record, but one that an earlier version of the stage left is repeated.
  virtual bool records() const { return true; }
  /// How the last call of process() or on_time() went, failed ones too.
  virtual std::string take_record() = 0;
  /// The call again after a restart, of process() with `in` or else of on_time(), with the outcome
  /// that `record` says. A failure is the call's own, or that the record cannot be read. A rule in
  /// `out` may be one that only another version has: what is counted in a replay, the log has.
  virtual Status replay(const ReadingBatch* in, std::int64_t watermark_ns, std::string_view record,
                        StageOutput& out) = 0;
};

/// A plugin that runs.
struct RunningPlugin {
  std::string name;
  std::string version;
  auto operator<=>(const RunningPlugin&) const = default;
};

/// One step of a pipeline. Real: plugin_host's PluginStage. [pipeline], one call at a time.
class Stage {
 public:
  virtual ~Stage() = default;
  virtual const std::string& name() const = 0;
  /// Empty when it is no plugin.
  virtual RunningPlugin plugin() const { return {}; }
  /// Names of the rules that may drop a reading; the ledger's cause is "stage/rule".
  virtual const std::vector<std::string>& rules() const = 0;
  /// Needs its input in event-time order per source key: a reorder buffer goes before it.
  virtual bool ordered() const = 0;
  /// Fills `out`, which comes cleared. A failure means the stage did nothing, and `out` has at most
  /// events: all input is counted `rejected(stage_failed)`.
  virtual Status process(const ReadingBatch& in, StageOutput& out) = 0;
  /// Whether on_time() has any effect; it is called at every rise of the watermark.
  virtual bool wants_time() const { return true; }
  /// Event time has reached `watermark_ns` for everything that will still come.
  virtual Status on_time(std::int64_t watermark_ns, StageOutput& out) = 0;
  /// What a failed process() was given goes on as it is, instead of being rejected.
  virtual bool passes_on_failure() const { return false; }
  /// Not null: a call once made may go another way when it is made again, so the log must say how
  /// it went, or it may have to be repeated as the log says.
  virtual RecordedCalls* recorded_calls() { return nullptr; }
  /// Between two calls, every now and then: what it has not needed for long it may give back.
  virtual void let_rest() {}
  virtual Result<std::string> snapshot() = 0;
  virtual Status restore(std::string_view snapshot) = 0;
};

/// Makes a group durable, in order. Real: store. [pipeline]
class CommitSink {
 public:
  virtual ~CommitSink() = default;
  /// Takes the group, or leaves it alone and answers false when one is still being written.
  virtual bool try_submit(CommitGroup& group) = 0;
  /// Since when, on the boot time, the oldest group that it took is not on flash; empty when every
  /// one is.
  virtual std::optional<std::int64_t> behind_since_ns() const = 0;
};

/// Bytes of a summary block, made once in the closing commit. Real: sync (protobuf). [pipeline]
class SummaryEncoder {
 public:
  virtual ~SummaryEncoder() = default;
  virtual std::string encode(const SummaryBlock& block) = 0;
  virtual std::string encode(const TimeCorrection& correction) = 0;
};

/// Why rows of an ended identity are not ours to deliver.
enum class GiveUp : std::uint8_t {
  live_elsewhere,  ///< another node holds the same rows and delivers them
  other_life       ///< the cloud never takes them, after what another life of the database has sent
};

/// The outbox as the uplink sees it. Real: store. [sync]
class SummarySource {
 public:
  virtual ~SummarySource() = default;
  /// Under which rows are made now; `unavailable` while that is being changed, when all
  /// rows there are belong to an identity that has ended.
  virtual Result<Identity> identity() = 0;
  /// Rows with seq > `after_seq`, oldest first, at most `bytes_max` in sum but at least one if any;
  /// all of one identity, though rows of another may follow.
  virtual Result<std::vector<OutboxRow>> read_outbox(std::int64_t after_seq,
                                                     std::size_t bytes_max) = 0;
  /// The cloud holds these durably; they leave with the next commit. Repeats are harmless.
  virtual void acknowledge(const std::vector<std::int64_t>& seqs) = 0;
  /// The cloud says that the highest row of `of` that it holds is `highest_seq`. True when it has
  /// acknowledged a higher one before: it is another cloud, or lost data. What is acknowledged and
  /// has not left stays then, to be sent again; what has left is a gap `missing_at_hub`, durable on
  /// return and told once.
  virtual Result<bool> misses_acked(const Identity& of, std::int64_t highest_seq) = 0;
  /// The rows of `of`, which is not identity() any more, from `first_seq` to `last_seq` leave as
  /// `expired(why)`; what nobody delivers is a gap.
  virtual Status give_up(const Identity& of, std::int64_t first_seq, std::int64_t last_seq,
                         GiveUp why) = 0;
};

/// Gaps that wait for the cloud, as the uplink sees them. Real: store. [sync]
class GapSource {
 public:
  virtual ~GapSource() = default;
  /// Rows with seq > `after_seq`, oldest first, at most `count_max`. A row that was given out comes
  /// again unchanged until it is acknowledged.
  virtual Result<std::vector<GapRow>> read_gaps(std::int64_t after_seq, std::size_t count_max) = 0;
  /// The cloud holds durably what was read up to and including `seq`: it leaves. Repeats are
  /// harmless, and so is a failure: the rows stay and are sent again.
  virtual Status acknowledge_gaps(std::int64_t seq) = 0;
};

/// Events that wait for the cloud, as the uplink sees them. Real: store. [sync]
class EventSource {
 public:
  virtual ~EventSource() = default;
  /// Rows with seq > `after_seq`, oldest first, at most `count_max` and about 64 KiB, but one if
  /// there is any.
  virtual Result<std::vector<EventRow>> read_events(std::int64_t after_seq,
                                                    std::size_t count_max) = 0;
  /// The cloud holds durably what was read up to and including `seq`; it leaves with the next
  /// commit. Repeats are harmless.
  virtual void acknowledge_events(std::int64_t seq) = 0;
};

}  // namespace sluice
