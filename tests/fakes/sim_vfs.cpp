#include "fakes/sim_vfs.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

#include "fakes/sim_disk.h"

namespace sluice {

/// SQLite's callbacks; a struct so that the disk can make one friend.
struct SimVfs {
  using Outcome = SimDisk::Outcome;

  /// Lives in the memory SQLite keeps for an open file.
  struct Handle {
    sqlite3_file base;
    SimDisk* disk;
    std::shared_ptr<SimDisk::File> file;
    std::string path;   ///< empty for a temporary file
    bool syncs_folder;  ///< with its first sync: a journal is worth nothing without its name
    bool goes_on_close;
  };

  static SimDisk& disk_of(sqlite3_vfs* vfs) { return *static_cast<SimDisk*>(vfs->pAppData); }
  static Handle& handle_of(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file); }
  static int code_of(Outcome outcome, int error) {
    if (outcome == Outcome::full) return SQLITE_FULL;
    return outcome == Outcome::done ? SQLITE_OK : error;
  }

  static const sqlite3_io_methods kMethods;

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* out, int flags, int* given) {
    SimDisk& disk = disk_of(vfs);
    out->pMethods = nullptr;
    const std::string path = name != nullptr ? name : "";
    std::shared_ptr<SimDisk::File> file;
    if (path.empty()) {
      file = std::make_shared<SimDisk::File>();
    } else if (const auto known = disk.now_.find(path); known != disk.now_.end()) {
      if (disk.enter(SimDisk::Kind::read) != Outcome::done) return SQLITE_CANTOPEN;
      file = known->second;
    } else {
      if ((flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
      file = std::make_shared<SimDisk::File>();
      if (disk.change_name({"", path, file}) != Outcome::done) return SQLITE_CANTOPEN;
    }
    if (disk.read_only_) {
      flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
    }
    const int journals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
    const bool new_journal = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & journals) != 0;
    new (out) Handle{{&kMethods}, &disk,       std::move(file),
                     path,        new_journal, (flags & SQLITE_OPEN_DELETEONCLOSE) != 0};
    ++disk.open_files_;
    if (given != nullptr) *given = flags;
    return SQLITE_OK;
  }

  static int close(sqlite3_file* file) {
    Handle& handle = handle_of(file);
    handle.file->locks.erase(file);
    if (handle.goes_on_close && !handle.path.empty()) {
      static_cast<void>(handle.disk->change_name({handle.path, "", nullptr}));
    }
    --handle.disk->open_files_;
    handle.~Handle();
    return SQLITE_OK;
  }

  static int read(sqlite3_file* file, void* out, int count, sqlite3_int64 offset) {
    Handle& handle = handle_of(file);
    if (handle.disk->enter(SimDisk::Kind::read) != Outcome::done) return SQLITE_IOERR_READ;
    const std::string& bytes = handle.file->now;
    const auto at = std::min(static_cast<std::size_t>(offset), bytes.size());
    const std::size_t got =
        bytes.copy(static_cast<char*>(out), static_cast<std::size_t>(count), at);
    if (got == static_cast<std::size_t>(count)) return SQLITE_OK;
    std::memset(static_cast<char*>(out) + got, 0, static_cast<std::size_t>(count) - got);
    return SQLITE_IOERR_SHORT_READ;
  }

  static int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
    Handle& handle = handle_of(file);
    const std::string_view view(static_cast<const char*>(bytes), static_cast<std::size_t>(count));
    return code_of(handle.disk->write(*handle.file, static_cast<std::size_t>(offset), view),
                   SQLITE_IOERR_WRITE);
  }

  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    Handle& handle = handle_of(file);
    const Outcome outcome = handle.disk->truncate(*handle.file, static_cast<std::size_t>(size));
    return outcome == Outcome::done ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
  }

  static int sync(sqlite3_file* file, int) {
    Handle& handle = handle_of(file);
    if (handle.disk->sync(*handle.file) != Outcome::done) return SQLITE_IOERR_FSYNC;
    if (!handle.syncs_folder) return SQLITE_OK;
    handle.syncs_folder = false;
    const std::string folder = handle.path.substr(0, handle.path.rfind('/'));
    static_cast<void>(handle.disk->sync_names(folder));
    // Linux's VFS does not look at the result either; but without power there is no answer.
    return handle.disk->down_ ? SQLITE_IOERR_DIR_FSYNC : SQLITE_OK;
  }

  static int file_size(sqlite3_file* file, sqlite3_int64* size) {
    *size = static_cast<sqlite3_int64>(handle_of(file).file->now.size());
    return handle_of(file).disk->down_ ? SQLITE_IOERR_FSTAT : SQLITE_OK;
  }

  /// The level others hold at most.
  static int held_by_others(const Handle& handle) {
    int level = SQLITE_LOCK_NONE;
    for (const auto& [owner, held] : handle.file->locks) {
      if (owner != &handle) level = std::max(level, held);
    }
    return level;
  }

  static int lock(sqlite3_file* file, int level) {
    Handle& handle = handle_of(file);
    const int others = held_by_others(handle);
    const int bound = level == SQLITE_LOCK_SHARED     ? SQLITE_LOCK_RESERVED
                      : level == SQLITE_LOCK_RESERVED ? SQLITE_LOCK_SHARED
                                                      : SQLITE_LOCK_NONE;
    if (others > bound) return SQLITE_BUSY;
    int& held = handle.file->locks[file];
    held = std::max(held, level);
    return SQLITE_OK;
  }

  static int unlock(sqlite3_file* file, int level) {
    handle_of(file).file->locks[file] = level;
    return SQLITE_OK;
  }

  static int check_reserved_lock(sqlite3_file* file, int* reserved) {
    int level = held_by_others(handle_of(file));
    for (const auto& [owner, held] : handle_of(file).file->locks) level = std::max(level, held);
    *reserved = level >= SQLITE_LOCK_RESERVED ? 1 : 0;
    return SQLITE_OK;
  }

  static int file_control(sqlite3_file* file, int operation, void* argument) {
    Handle& handle = handle_of(file);
    if (operation == SQLITE_FCNTL_HAS_MOVED) {
      const auto at = handle.disk->now_.find(handle.path);
      *static_cast<int*>(argument) =
          at != handle.disk->now_.end() && at->second == handle.file ? 0 : 1;
      return SQLITE_OK;
    }
    return SQLITE_NOTFOUND;
  }

  static int sector_size(sqlite3_file*) { return static_cast<int>(SimDisk::kSector_bytes); }

  static int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

  static int remove(sqlite3_vfs* vfs, const char* path, int sync_folder) {
    SimDisk& disk = disk_of(vfs);
    if (!disk.now_.contains(path)) return SQLITE_IOERR_DELETE_NOENT;
    if (disk.change_name({path, "", nullptr}) != Outcome::done) return SQLITE_IOERR_DELETE;
    if (sync_folder == 0) return SQLITE_OK;
    const std::string folder = std::string(path).substr(0, std::string(path).rfind('/'));
    return code_of(disk.sync_names(folder), SQLITE_IOERR_DIR_FSYNC);
  }

  static int access(sqlite3_vfs* vfs, const char* path, int flags, int* answer) {
    SimDisk& disk = disk_of(vfs);
    if (disk.enter(SimDisk::Kind::read) != Outcome::done) return SQLITE_IOERR_ACCESS;
    const auto file = disk.now_.find(path);
    const bool there = file != disk.now_.end();
    // Linux's VFS takes an empty file for none.
    if (flags == SQLITE_ACCESS_EXISTS)
      *answer = there && !file->second->now.empty() ? 1 : 0;
    else
      *answer = there && !(disk.read_only_ && flags == SQLITE_ACCESS_READWRITE) ? 1 : 0;
    return SQLITE_OK;
  }

  static int full_path(sqlite3_vfs*, const char* path, int size, char* out) {
    sqlite3_snprintf(size, out, "%s", path);
    return SQLITE_OK;
  }

  static int randomness(sqlite3_vfs* vfs, int size, char* out) {
    for (int i = 0; i < size; ++i) out[i] = static_cast<char>(disk_of(vfs).random_());
    return size;
  }
  static int sleep(sqlite3_vfs*, int microseconds) { return microseconds; }
  static int time(sqlite3_vfs*, double* julian_day) {
    *julian_day = 2460000.5;
    return SQLITE_OK;
  }
};

const sqlite3_io_methods SimVfs::kMethods = {
    1,  // no shared memory
    close,
    read,
    write,
    truncate,
    sync,
    file_size,
    lock,
    unlock,
    check_reserved_lock,
    file_control,
    sector_size,
    characteristics,
};

std::unique_ptr<sqlite3_vfs> make_sim_vfs(SimDisk& disk) {
  auto vfs = std::make_unique<sqlite3_vfs>();
  vfs->iVersion = 1;
  vfs->szOsFile = sizeof(SimVfs::Handle);
  vfs->mxPathname = 512;
  vfs->zName = disk.vfs();
  vfs->pAppData = &disk;
  vfs->xOpen = SimVfs::open;
  vfs->xDelete = SimVfs::remove;
  vfs->xAccess = SimVfs::access;
  vfs->xFullPathname = SimVfs::full_path;
  vfs->xRandomness = SimVfs::randomness;
  vfs->xSleep = SimVfs::sleep;
  vfs->xCurrentTime = SimVfs::time;
  return vfs;
}

}  // namespace sluice
