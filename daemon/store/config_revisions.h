#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "model/config_revision.h"
#include "store/database.h"
#include "store/file_system.h"

namespace sluice {

/// Revisions in a small SQLite file of their own: it outlives the database of the data, is read
/// before that is opened, and takes no part in its quota. A call that fails says `unavailable` or
/// `resource_exhausted` when the disk does not take it. Any thread.
class ConfigRevisions final : public RevisionStore {
 public:
  /// Newest revisions that are kept beside those of the two slots, so long as their documents take
  /// no more than this together.
  static constexpr std::size_t kCountMax = 50;
  static constexpr std::int64_t kBytesMax = 4 << 20;

  /// Opens or creates `dir`/config.sqlite. A damaged file is set aside, and the next one begins
  /// empty. `failed_precondition` when another process has it open or a newer program made it.
  /// `files` is borrowed; null: the system's.
  static Result<std::unique_ptr<ConfigRevisions>> open(const std::string& dir,
                                                       FileSystem* files = nullptr);

  /// A damaged file was set aside by open().
  bool rebuilt() const { return rebuilt_; }

  Result<std::int64_t> add(ConfigRevision revision) override;
  Status set_state(std::int64_t number, RevisionState state, const std::string& message,
                   std::int64_t changed_ns) override;
  Result<std::int64_t> count_start(std::int64_t number) override;
  Result<std::optional<ConfigRevision>> current() override;
  Result<std::optional<ConfigRevision>> last_good() override;
  Result<ConfigRevision> get(std::int64_t number) override;
  Result<std::vector<ConfigRevision>> list(std::size_t count_max) override;

 private:
  explicit ConfigRevisions(storage::Database database);
  static Result<storage::Database> open_file(FileSystem& files, const std::string& path);
  Result<std::optional<ConfigRevision>> newest_of(RevisionState state) SLUICE_REQUIRES(mutex_);
  Result<ConfigRevision> find(std::int64_t number) SLUICE_REQUIRES(mutex_);
  Status write(const ConfigRevision& revision, std::int64_t starts) SLUICE_REQUIRES(mutex_);
  Status vacate(RevisionState slot, std::int64_t except, RevisionState becomes,
                std::int64_t changed_ns) SLUICE_REQUIRES(mutex_);
  Status remove(const std::vector<std::int64_t>& numbers) SLUICE_REQUIRES(mutex_);
  Status trim() SLUICE_REQUIRES(mutex_);

  Mutex mutex_;
  storage::Database database_ SLUICE_GUARDED_BY(mutex_);
  bool rebuilt_ = false;
};

}  // namespace sluice
