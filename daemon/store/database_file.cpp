#include "store/database_file.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/log.h"
#include "store/migrations.h"

namespace sluice::storage {
namespace {

constexpr std::size_t kDamagedKept = 2;
// A backup or a person with sqlite3 holds the lock for moments; who holds it longer is waited for
// by starting us again.
constexpr int kLockTries = 10;
constexpr int kLockPause_ms = 100;

bool is_busy(const Status& status) { return status.code() == StatusCode::failed_precondition; }

std::string suspect_mark(const std::string& path) { return path + ".suspect"; }

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

/// EXCLUSIVE first: with it the index of the log stays in our memory and no -shm file is made.
/// FULL: a commit returns after the flash has it, the promise behind every ack.
Status configure(Database& database, const PageBudget& budget) {
  const std::string settings =
      "PRAGMA locking_mode=EXCLUSIVE; PRAGMA page_size=" + std::to_string(kPageBytes) +
      "; PRAGMA cache_size=-1024; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0;"
      " PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON";
  if (Status s = database.execute(settings); !s.ok()) return s;
  auto mode = database.text("PRAGMA journal_mode=WAL");
  if (!mode.ok()) return mode.status();
  if (*mode != "wal") return unavailable("SQLite refuses its write-ahead log on this file system");
  const std::string limits =
      "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=" + std::to_string(budget.wal_pages) +
      "; PRAGMA journal_size_limit=" + std::to_string(budget.wal_bytes_max) +
      "; PRAGMA max_page_count=" + std::to_string(budget.database_pages);
  if (Status s = database.execute(limits); !s.ok()) return s;
  // Takes the lock now, so that a second process is told at its start.
  return database.execute("BEGIN IMMEDIATE; COMMIT");
}

/// SQLite tells of a page that it could not read in the words of its check, not with a code.
bool tells_of_reading(std::string_view verdict) {
  return verdict.find("failed to get page") != std::string_view::npos ||
         verdict.find("unable to get the page") != std::string_view::npos;
}

Status check_if_suspect(FileSystem& files, Database& database, const std::string& path) {
  if (!files.exists(suspect_mark(path))) return {};
  auto verdict = database.text("PRAGMA quick_check(1)");
  if (!verdict.ok()) return verdict.status();
  // A disk that does not read today is no reason to give up what it holds.
  if (tells_of_reading(*verdict)) return unavailable("the check of every page says: " + *verdict);
  if (*verdict != "ok") return data_loss("the check of every page says: " + *verdict);
  // Where the mark cannot go, the next start checks again.
  static_cast<void>(files.remove(suspect_mark(path)).ok());
  return {};
}

Result<Database> open_configured(FileSystem& files, const std::string& path,
                                 const PageBudget& budget) {
  auto database = Database::open(path, files.vfs());
  if (!database.ok()) return database.status();
  files.close_to_others(path);
  Status configured = configure(*database, budget);
  for (int tries = 1; is_busy(configured) && tries < kLockTries; ++tries) {
    Database::pause(kLockPause_ms);
    configured = configure(*database, budget);
  }
  if (!configured.ok()) {
    const std::string message(configured.message());
    // Our settings are constant: SQLite refuses them over a header that it cannot make sense of.
    if (configured.code() == StatusCode::internal) return data_loss(message);
    if (!is_busy(configured)) return configured;
    return unavailable(path + " is in use by another process: stop it first (" + message + ")");
  }
  // SQLite would read, and fail every commit.
  if (database->read_only()) {
    return failed_precondition(path + " is read-only: for us, or by a version in its header");
  }
  // SQLite takes over what a killed process wrote and did not sync, and syncs it with the next
  // commit. But what we read now counts as durable: rows leave for the cloud before that. Names
  // too: SQLite syncs the folder for a new log, but goes on when that fails.
  if (Status s = database->sync_log(); !s.ok()) return s;
  if (Status s = files.sync_directory(directory_of(path)); !s.ok()) return s;
  return database;
}

/// The checksum in SQLite's log is linear and weak against small numbers that shift: where a
/// process or the power ends between the header and the page of a log frame, the same page's image
/// from the log's last round can pass for the new one. Of all pages those that list free pages are
/// such images (ours else carry CRCs), and a list that names a used page would give it out twice.
/// The pragma checks that list and the schema's own few pages.
Result<bool> free_list_is_sound(Database& database) {
  auto verdict = database.text("PRAGMA quick_check(sqlite_schema)");
  if (!verdict.ok()) return verdict.status();
  if (*verdict == "ok") return true;
  if (tells_of_reading(*verdict)) return unavailable("the check of free pages says: " + *verdict);
  log::warn("store", "the list of free pages or the schema is damaged: all is written anew",
            {{"verdict", *verdict}});
  return false;
}

/// Every row into a new file, which then takes the place of the old one. A full disk is no reason
/// to set the database aside: the new one would have no room either.
Status rewrite(FileSystem& files, Database database, const std::string& path) {
  const std::string fresh = path + ".new";
  static_cast<void>(files.remove(fresh).ok());  // of a start that was cut short
  if (Status s = files.create(fresh); !s.ok()) return s;
  files.close_to_others(fresh);
  // A page number beyond the limit is "full" to SQLite, beyond the file it is damage. No limit, so
  // that only the disk is full.
  if (Status s = database.execute("PRAGMA max_page_count=4294967294"); !s.ok()) return s;
  if (Status s = Statement(database, "VACUUM INTO ?").bind_text(1, fresh).run(); !s.ok()) {
    static_cast<void>(files.remove(fresh).ok());
    const bool damage = s.code() == StatusCode::data_loss || s.code() == StatusCode::internal;
    return Status(damage ? StatusCode::data_loss : s.code(),
                  "the database cannot be written anew: " + std::string(s.message()));
  }
  // Closing moves the log into the old file. A log must not stay: it would be taken for the new
  // file's.
  database = Database();
  if (files.exists(path + "-wal")) return unavailable("the log of " + path + " cannot be closed");
  if (Status s = files.rename(fresh, path); !s.ok()) return s;
  return files.sync_directory(directory_of(path));
}

/// Numbers of the damaged files beside `path`, rising.
std::vector<unsigned> damaged_numbers(FileSystem& files, const std::string& path) {
  std::vector<unsigned> numbers;
  const std::string directory = directory_of(path);
  const std::string prefix = path.substr(directory.size() + 1) + ".damaged-";
  for (const std::string& name : files.list(directory)) {
    if (name.rfind(prefix, 0) != 0) continue;
    unsigned number = 0;
    const char* end = name.data() + name.size();
    const auto [at, code] = std::from_chars(name.data() + prefix.size(), end, number);
    if (code == std::errc() && at == end) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

/// The log holds a header and a page per frame. It is moved into the database once a commit leaves
/// it at wal_pages or above, so a transaction begins below that: twice those pages leave a group as
/// many, and its checkpoint has room of its own.
PageBudget page_budget(std::uint64_t quota_bytes, std::uint64_t checkpoint_bytes_max) {
  const auto pages = static_cast<std::int64_t>(quota_bytes / kPageBytes);
  const auto checkpoint_pages = static_cast<std::int64_t>(checkpoint_bytes_max / kPageBytes);
  PageBudget budget;
  budget.wal_pages = std::clamp<std::int64_t>(pages / 8, 32, 1000);
  budget.wal_bytes_max = (2 * budget.wal_pages + checkpoint_pages) * (kPageBytes + 24);
  budget.database_pages =
      (static_cast<std::int64_t>(quota_bytes) - budget.wal_bytes_max) / kPageBytes;
  return budget;
}

Result<Database> open_database(FileSystem& files, const std::string& path,
                               std::uint64_t quota_bytes, std::uint64_t checkpoint_bytes_max) {
  const PageBudget budget = page_budget(quota_bytes, checkpoint_bytes_max);
  auto database = open_configured(files, path, budget);
  if (!database.ok()) return database;
  auto sound = free_list_is_sound(*database);
  if (!sound.ok()) return sound.status();
  if (!*sound) {
    if (Status s = rewrite(files, *std::move(database), path); !s.ok()) return s;
    database = open_configured(files, path, budget);
    if (!database.ok()) return database;
  }
  if (Status s = check_if_suspect(files, *database, path); !s.ok()) return s;
  if (Status s = migrate(*database); !s.ok())
    return Status(s.code(), path + ": " + std::string(s.message()));
  return database;
}

Result<std::string> set_aside(FileSystem& files, const std::string& path) {
  std::vector<unsigned> numbers = damaged_numbers(files, path);
  const unsigned number = numbers.empty() ? 1 : numbers.back() + 1;
  numbers.push_back(number);
  const std::string target = path + ".damaged-" + std::to_string(number);
  // The database before its log, also after a power cut: SQLite deletes a log that it finds beside
  // a new database, but a database without its log is an older one that looks sound.
  if (Status s = files.rename(path, target); !s.ok()) return s;
  if (Status s = files.sync_directory(directory_of(path)); !s.ok()) return s;
  // There may be no log, and no mark.
  static_cast<void>(files.rename(path + "-wal", target + "-wal").ok());
  static_cast<void>(files.remove(suspect_mark(path)).ok());
  for (; numbers.size() > kDamagedKept; numbers.erase(numbers.begin())) {
    const std::string old = path + ".damaged-" + std::to_string(numbers.front());
    const Status removed = files.remove(old);
    static_cast<void>(files.remove(old + "-wal").ok());
    log::warn("store", "deleted an older damaged database",
              {{"file", old}, {"result", removed.to_string()}});
  }
  return target;
}

bool has_set_aside(FileSystem& files, const std::string& path) {
  return !damaged_numbers(files, path).empty();
}

void mark_suspect(FileSystem& files, const std::string& path) {
  if (const Status s = files.create(suspect_mark(path)); !s.ok()) {
    log::warn("store", "cannot mark the database as suspect", {{"error", s.to_string()}});
  }
}

}  // namespace sluice::storage
