#include "store/database_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

#include "base/log.h"
#include "store/migrations.h"

namespace sluice::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kDamagedKept = 2;

std::string suspect_mark(const std::string& path) { return path + ".suspect"; }

Status failure(std::string_view doing, const std::string& path, const std::error_code& error) {
  return unavailable("cannot " + std::string(doing) + " " + path + ": " + error.message());
}

void sync_directory(const fs::path& dir) {
  const int fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;  // not ours to read, so not made by us either
  ::fsync(fd);
  ::close(fd);
}

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
      "; PRAGMA journal_size_limit=" + std::to_string(2 * budget.wal_pages * (kPageBytes + 24)) +
      "; PRAGMA max_page_count=" + std::to_string(budget.database_pages);
  if (Status s = database.execute(limits); !s.ok()) return s;
  // Takes the lock now, so that a second process is told at its start.
  return database.execute("BEGIN IMMEDIATE; COMMIT");
}

Status check_if_suspect(Database& database, const std::string& path) {
  std::error_code error;
  if (!fs::exists(suspect_mark(path), error)) return {};
  auto verdict = database.text("PRAGMA quick_check(1)");
  if (!verdict.ok()) return verdict.status();
  if (*verdict != "ok") return data_loss("the check of every page says: " + *verdict);
  fs::remove(suspect_mark(path), error);
  return {};
}

/// Numbers of the damaged files beside `path`, rising.
std::vector<unsigned> damaged_numbers(const std::string& path) {
  std::vector<unsigned> numbers;
  const std::string prefix = fs::path(path).filename().string() + ".damaged-";
  std::error_code error;
  fs::directory_iterator entry(fs::path(path).parent_path(), error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
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

PageBudget page_budget(std::uint64_t quota_bytes) {
  const auto pages = static_cast<std::int64_t>(quota_bytes / kPageBytes);
  PageBudget budget;
  budget.wal_pages = std::clamp<std::int64_t>(pages / 8, 32, 1000);
  // Twice: a transaction that begins at the limit runs past it.
  budget.database_pages = pages - 2 * budget.wal_pages;
  return budget;
}

Status make_directory(const std::string& dir) {
  std::error_code error;
  if (fs::is_directory(dir, error)) return {};
  fs::create_directories(dir, error);
  if (error) return failure("make the folder", dir, error);
  fs::permissions(dir, fs::perms::owner_all, error);
  if (error) return failure("close to others the folder", dir, error);
  // SQLite syncs the folder for its files, but nobody the folder's own name: without it a power cut
  // after the first acks could take the whole folder.
  const fs::path whole = fs::absolute(dir, error);
  for (fs::path at = whole.parent_path(); at.has_relative_path(); at = at.parent_path()) {
    sync_directory(at);
  }
  return {};
}

Result<Database> open_database(const std::string& path, std::uint64_t quota_bytes) {
  auto database = Database::open(path);
  if (!database.ok()) return database.status();
  ::chmod(path.c_str(), S_IRUSR | S_IWUSR);
  if (Status s = configure(*database, page_budget(quota_bytes)); !s.ok()) {
    if (s.code() != StatusCode::failed_precondition) return s;
    return failed_precondition(path + " is in use by another process: stop it first (" +
                               std::string(s.message()) + ")");
  }
  if (Status s = check_if_suspect(*database, path); !s.ok()) return s;
  if (Status s = migrate(*database); !s.ok())
    return Status(s.code(), path + ": " + std::string(s.message()));
  return database;
}

Result<std::string> set_aside(const std::string& path) {
  std::vector<unsigned> numbers = damaged_numbers(path);
  const unsigned number = numbers.empty() ? 1 : numbers.back() + 1;
  numbers.push_back(number);
  const std::string target = path + ".damaged-" + std::to_string(number);
  std::error_code error;
  // The database before its log: SQLite deletes a log that it finds beside a new database.
  fs::rename(path, target, error);
  if (error) return failure("rename the damaged database", path, error);
  fs::rename(path + "-wal", target + "-wal", error);
  fs::remove(suspect_mark(path), error);
  sync_directory(fs::path(path).parent_path());
  for (; numbers.size() > kDamagedKept; numbers.erase(numbers.begin())) {
    const std::string old = path + ".damaged-" + std::to_string(numbers.front());
    fs::remove(old, error);
    fs::remove(old + "-wal", error);
    log::warn("store", "deleted an older damaged database", {{"file", old}});
  }
  return target;
}

void mark_suspect(const std::string& path) {
  const std::ofstream mark(suspect_mark(path));
  if (!mark) log::warn("store", "cannot mark the database as suspect", {{"file", path}});
}

}  // namespace sluice::storage
