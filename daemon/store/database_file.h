#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "store/database.h"
#include "store/file_system.h"

namespace sluice::storage {

/// Pages of 4096 bytes the quota leaves for the database; the rest is for its write-ahead log.
struct PageBudget {
  std::int64_t database_pages = 0;
  std::int64_t wal_pages = 0;  ///< where SQLite moves the log into the database
  std::int64_t wal_bytes_max = 0;
};
PageBudget page_budget(std::uint64_t quota_bytes, std::uint64_t checkpoint_bytes_max = 0);
inline constexpr std::int64_t kPageBytes = 4096;
inline constexpr std::uint64_t kQuotaMin_bytes = 1 << 20;

/// Opens or creates the database with our settings and schema, and holds its lock from then on.
/// Waits a second for another process that holds it, then `unavailable`; `failed_precondition` when
/// its schema is newer, `data_loss` when it is damaged or not ours. A file that was marked suspect
/// is checked page by page first.
Result<Database> open_database(FileSystem& files, const std::string& path,
                               std::uint64_t quota_bytes, std::uint64_t checkpoint_bytes_max = 0);

/// Renames a damaged database, with its write-ahead log, to `<path>.damaged-<n>` and gives that
/// name. The newest two are kept, older ones deleted. No connection may be open.
Result<std::string> set_aside(FileSystem& files, const std::string& path);

/// Whether a damaged database was set aside here before.
bool has_set_aside(FileSystem& files, const std::string& path);

/// Leaves a mark beside the database: SQLite found damage while we ran, look closely next time.
void mark_suspect(FileSystem& files, const std::string& path);

}  // namespace sluice::storage
