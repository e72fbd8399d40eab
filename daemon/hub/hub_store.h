#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "model/event.h"
#include "model/gap.h"
#include "model/series.h"

namespace sluice::hub {

/// Who a change is from; numbers of series and rows are unique within it.
struct NodeKey {
  std::string node;   ///< 1..128 bytes of [A-Za-z0-9._-]
  std::string epoch;  ///< 32 hex digits, lower case
  friend auto operator<=>(const NodeKey&, const NodeKey&) = default;
};

struct SeriesEntry {
  std::uint32_t id = 0;  ///< from 1
  Series series;
};

struct RowEntry {
  std::int64_t seq = 0;  ///< from 1
  std::string block;     ///< a serialized SummaryBlock, not yet believed
};

struct EventEntry {
  /// Of its topic only whether it is in boot time is said.
  EventRow row;
  std::string source;  ///< both: where its readings came from; may be empty
  std::string topic;
};

/// What one message of a stream asks the store to keep: all of it or none.
struct Change {
  NodeKey from;
  std::optional<std::string> version;  ///< of its program; set by a Hello: makes the node known
  std::vector<SeriesEntry> series;
  std::vector<RowEntry> rows;
  std::vector<GapRow> gaps = {};        ///< each under its own epoch
  std::vector<EventEntry> events = {};  ///< likewise; series as the stream's epoch defines them
};

/// Rows that the hub holds and cannot read, under whatever epoch of a node's name.
struct UnreadRows {
  std::uint64_t rows = 0;
  std::int64_t seq = 0;  ///< of the newest one
  std::string text;      ///< and why it cannot be read
};

/// What became of a change.
struct Outcome {
  Status status;
  std::int64_t highest_seq = 0;      ///< stored for the node so far; 0 when none
  std::uint32_t highest_crc32c = 0;  ///< of the block that came first as highest_seq
  /// As of this change; set when it made the node known and there are any, or when it held some.
  std::optional<UnreadRows> unread = {};
};

/// Counted since the store was opened, durable rows only.
struct RowCounters {
  std::uint64_t rows_received = 0;
  std::uint64_t rows_repeated = 0;      ///< of these, the ones that changed nothing
  std::uint64_t panes_conflicting = 0;  ///< same revision, other content: the first was kept
  std::uint64_t bytes_received = 0;     ///< of the blocks
};

/// What the hub knows of its nodes, their series and their panes, in one SQLite file.
///
/// Idempotent: a pane replaces what is kept under its key (node, epoch, pipeline, spec hash,
/// window) only with a higher revision, and a gap or an event is kept once, so a node may send
/// anything again.
///
/// A row that cannot be read (no block, a field against its contract, a series that is not defined)
/// is kept as it is: nothing of it is lost, and nothing behind it waits. open() tries these again.
///
/// Thread: one at a time; `counters` alone may be called from any thread.
class HubStore {
 public:
  /// Creates or opens `path` and holds it against a second hub until the store goes. The message
  /// of an error names the file and what to do. `clock` is borrowed for the store's life.
  static Result<std::unique_ptr<HubStore>> open(const std::string& path, const Clock& clock);
  ~HubStore();

  /// Applies the changes, in order, in one transaction that is on flash on return; one outcome
  /// each. A change that is refused leaves no trace and does not disturb the others:
  ///   aborted              a series id that is already defined with other content: another life
  ///                        of the node's database has used the epoch
  ///   failed_precondition  an unknown node
  /// When the database itself fails, nothing is stored and every outcome is `unavailable`.
  std::vector<Outcome> apply(const std::vector<const Change*>& changes);

  /// All zero for a node that has sent nothing since the store was opened. Any thread.
  RowCounters counters(const NodeKey& from) const;

  const std::string& path() const { return path_; }

 private:
  class Session;
  HubStore(std::string path, const Clock& clock);

  const std::string path_;
  const Clock& clock_;
  int lock_fd_ = -1;
  std::unique_ptr<Session> session_;
  mutable Mutex mutex_;
  std::map<NodeKey, RowCounters> counters_ SLUICE_GUARDED_BY(mutex_);
};

}  // namespace sluice::hub
