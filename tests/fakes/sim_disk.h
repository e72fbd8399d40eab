#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "store/file_system.h"

namespace sluice {

/// A disk in memory whose power can be cut, seen through an SQLite VFS of its own name and through
/// FileSystem. Everything it does by chance comes from one seed.
///
/// What is written is volatile until its file is synced, names until their folder is: at a power
/// cut each 512-byte sector since the last sync is, by itself, kept, lost, kept in an older version
/// or torn, each size since then may be the file's, and each change of a name happens or not.
/// Folders are durable at once, as the store makes them. A torn sector is half old, half new:
/// Linux's VFS tells SQLite so of every disk, which then pads nothing and is not safe against
/// garbage.
///
/// Faults are as Linux has them: a write that fails may have written its beginning; after a sync
/// that failed the unsynced sectors count as clean though some never reached the disk.
///
/// One thread at a time per disk; any number of disks. No shared memory: WAL needs EXCLUSIVE mode.
class SimDisk final : public FileSystem {
 public:
  struct Options {
    double lying_syncs = 0;            ///< chance that a sync says ok and does nothing
    std::uint64_t capacity_bytes = 0;  ///< all files; 0: no bound
  };
  enum class Fault : std::uint8_t { io_error, full };
  /// Content by path, as durable as can be.
  using Image = std::map<std::string, std::string>;

  SimDisk(std::uint64_t seed, Options options);
  ~SimDisk() override;
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  /// Makes SQLite's own random numbers (salts of its log) repeatable. The whole process.
  static void seed_sqlite(std::uint32_t seed);

  // --- the end of a process ---
  /// The power goes in the midst of the n-th change from now: write, sync, new name. 0: at once.
  /// From then on every operation fails, until bring_up().
  void cut_power_after(std::uint64_t changes);
  /// The same for the process alone: what it wrote stays, and stays volatile.
  void kill_process_after(std::uint64_t changes);
  bool down() const { return down_; }
  /// Decides what the power cut left, and works again. All files must have been closed.
  void bring_up();
  /// Changes so far.
  std::uint64_t changes() const { return changes_; }

  // --- faults ---
  /// Operations `first`.. of all from now on (1 is the next one; reads count too) fail, `count` of
  /// them. `full` concerns those that may need room. Replaces what was asked before.
  void fail(Fault fault, std::uint64_t first, std::uint64_t count);
  /// Each operation fails with this chance; 0 ends it.
  void fail_by_chance(Fault fault, double chance);
  /// How many operations failed for what fail() and fail_by_chance() asked.
  std::uint64_t faults() const { return faults_; }
  void set_read_only(bool read_only) { read_only_ = read_only; }
  void set_capacity(std::uint64_t bytes) { options_.capacity_bytes = bytes; }

  // --- looking at it and tampering with it; no file may be open ---
  Image image() const;
  void load_image(const Image& image);

  // --- FileSystem ---
  const char* vfs() const override { return name_.c_str(); }
  Status make_directory(const std::string& dir) override;
  void close_to_others(const std::string& path) override;
  bool exists(const std::string& path) override;
  Status create(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  std::vector<std::string> list(const std::string& dir) override;
  Status sync_directory(const std::string& dir) override;

 private:
  friend struct SimVfs;
  static constexpr std::size_t kSector_bytes = 512;

  struct Write {
    std::size_t sector;
    std::string bytes;  ///< what the whole sector held after it
  };
  struct File {
    std::string now;  ///< what a process reads
    std::string durable;
    std::vector<Write> unsynced;
    std::vector<std::size_t> sizes;  ///< it had since the last sync
    std::map<const void*, int> locks;
  };
  using Names = std::map<std::string, std::shared_ptr<File>>;
  /// A new name without `from`, a deleted one without `to`.
  struct NameChange {
    std::string from;
    std::string to;
    std::shared_ptr<File> file;
  };
  enum class Kind : std::uint8_t { read, write, sync, name };
  enum class Outcome : std::uint8_t { done, done_and_down, error, full };

  bool chance(double p) { return std::uniform_real_distribution<>()(random_) < p; }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  Outcome enter(Kind kind);
  bool asked_to_fail(Kind kind);
  std::uint64_t used_bytes() const;

  Outcome write(File& file, std::size_t offset, std::string_view bytes);
  Outcome truncate(File& file, std::size_t size);
  Outcome sync(File& file);
  Outcome sync_names(const std::string& dir);
  Outcome change_name(NameChange change);
  void put(File& file, std::size_t offset, std::string_view bytes);
  void resize(File& file, std::size_t size);
  void lose_dirty(File& file);
  static void apply(Names& names, const NameChange& change);
  void settle(File& file);
  std::string torn(const std::string& old_bytes, const std::string& new_bytes);
  std::string garbage(std::size_t size);

  Options options_;
  std::mt19937_64 random_;
  std::string name_;
  std::unique_ptr<sqlite3_vfs> vfs_;

  Names now_;
  Names durable_;
  std::vector<NameChange> unsynced_names_;
  std::uint64_t open_files_ = 0;

  bool down_ = false;
  bool power_cut_ = false;
  std::uint64_t down_at_change_ = UINT64_MAX;
  std::uint64_t changes_ = 0;
  std::uint64_t operations_ = 0;
  Fault fault_ = Fault::io_error;
  std::uint64_t fault_first_ = 0;
  std::uint64_t fault_count_ = 0;
  double fault_chance_ = 0;
  std::uint64_t faults_ = 0;
  bool read_only_ = false;
};

}  // namespace sluice
