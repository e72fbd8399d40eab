#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/ledger.h"
#include "model/log.h"
#include "store/file_system.h"

namespace sluice {

struct StoreOptions {
  /// Folder of the database; made with mode 0700 when missing.
  std::string dir;
  /// All files of the database together stay below this, while a group without its checkpoint is at
  /// most an eighth of it, or 4 MiB, and a checkpoint at most `checkpoint_bytes_max`. What a larger
  /// transaction writes beyond that is in the write-ahead log until the next commits shrink it; the
  /// database itself never grows past its part. Writing a damaged database anew takes its space
  /// once more. At least 1 MiB; keep it below the partition's size, because SQLite cannot even
  /// delete on a full partition.
  std::uint64_t quota_bytes = 512ull << 20;
  /// Room in the write-ahead log for a checkpoint: all parts may change at once. At most a quarter
  /// of the quota.
  std::uint64_t checkpoint_bytes_max = 0;
  /// Longest wait between two tries of a failed commit; each wait is random up to its bound.
  std::chrono::nanoseconds commit_retry_max = std::chrono::seconds(5);
  /// Rejected payloads kept, the newest ones.
  std::uint32_t dead_letters_max = 200;
  /// Part of the quota, 0..1, that segments may use before the oldest ones behind the checkpoint
  /// are deleted. A full database deletes them too, however few they are.
  double raw_share = 0.5;
  /// Our name upstream. An epoch is bound to it, to the machine and to the database's file.
  std::string node;
  /// Empty: /etc/machine-id.
  std::string machine_id;
  /// Where the files are; borrowed. Null: the system's.
  FileSystem* files = nullptr;
  /// Source of epochs and of the jitter between tries; [store]. Null: the kernel's randomness.
  std::function<std::uint64_t()> random;
};

/// What the database held when it was opened.
struct Recovered {
  std::vector<Definition> series;  ///< in the order of their ids
  std::vector<Definition> topics;
  std::vector<CheckpointPart> checkpoint;       ///< empty when there never was one
  Ledger ledger;                                ///< the durable total, all segments included
  std::int64_t next_seq = 1;                    ///< number of the next outbox row
  std::uint64_t segments_after_checkpoint = 0;  ///< what replay() will give, damaged ones excluded
  /// Rows after the checkpoint that are missing or fail their checksum: their readings are lost to
  /// the state, and were logged.
  std::uint64_t damaged_segments = 0;
};

/// A row of the log as it lies there.
struct StoredSegment {
  std::int64_t id = 0;  ///< rising by one with every commit
  std::string bytes;    ///< as encode_segment() made them; empty: the row is damaged
};

/// Some rows of the log, oldest first, and the ends of what is kept of it; 0: there is none.
struct SegmentSlice {
  std::vector<StoredSegment> segments;
  std::int64_t oldest_id = 0;
  std::int64_t newest_id = 0;
};

struct StoreStats {
  std::uint64_t bytes = 0;      ///< used pages of the database
  std::uint64_t bytes_max = 0;  ///< where SQLite says full
  std::uint64_t commits = 0;    ///< since open
  std::uint64_t commit_failures = 0;
  std::string last_error;  ///< of the commit that is being retried; empty when all is well
  std::uint64_t outbox_rows = 0;
  std::uint64_t outbox_panes = 0;
  std::uint64_t events_waiting = 0;  ///< for the cloud
  std::uint64_t raw_bytes = 0;       ///< of the segments that are kept
};

}  // namespace sluice
