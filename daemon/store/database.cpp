#include "store/database.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/crc32c.h"

namespace sluice::storage {
namespace {

StatusCode code_of(int sqlite_code) {
  switch (sqlite_code & 0xFF) {
    case SQLITE_FULL: return StatusCode::resource_exhausted;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return StatusCode::failed_precondition;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT:  // our numbers rise, so one that is taken tells of lost pages
      return StatusCode::data_loss;
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
    case SQLITE_NOMEM: return StatusCode::unavailable;
    default: return StatusCode::internal;
  }
}

Status status_of(sqlite3* handle, int code, std::string_view doing) {
  std::string message;
  if (code_of(code) == StatusCode::resource_exhausted) {
    message = "the storage quota or the partition is full: ";
  }
  message += "SQLite: ";
  message += doing;
  message += ": ";
  message += handle != nullptr && sqlite3_errcode(handle) != SQLITE_OK ? sqlite3_errmsg(handle)
                                                                       : sqlite3_errstr(code);
  message += " (code " + std::to_string(code) + ")";
  return {code_of(code), std::move(message)};
}

}  // namespace

Database::~Database() { sqlite3_close_v2(handle_); }

Database::Database(Database&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)), prepared_(std::move(other.prepared_)) {}

Database& Database::operator=(Database&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(prepared_, other.prepared_);
  return *this;
}

Result<Database> Database::open(const std::string& path, const char* vfs) {
  Database database;
  const int code =
      sqlite3_open_v2(path.c_str(), &database.handle_,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, vfs);
  if (code != SQLITE_OK) return status_of(database.handle_, code, "cannot open " + path);
  sqlite3_extended_result_codes(database.handle_, 1);
  return database;
}

Status Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Status() : status_of(handle_, code, sql.substr(0, 60));
}

void Database::pause(int milliseconds) { sqlite3_sleep(milliseconds); }

Result<std::int64_t> Database::integer(const std::string& sql) {
  std::int64_t value = 0;
  Statement query(*this, sql);
  const Status status = query.each([&] {
    value = query.integer(0);
    return false;
  });
  if (!status.ok()) return status;
  return value;
}

Result<std::string> Database::text(const std::string& sql) {
  std::string value;
  Statement query(*this, sql);
  const Status status = query.each([&] {
    value = query.bytes(0);
    return false;
  });
  if (!status.ok()) return status;
  return value;
}

Status Database::sync_log() {
  sqlite3_file* log = nullptr;
  sqlite3_int64 size = 0;
  int code = sqlite3_file_control(handle_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (code == SQLITE_OK && (log == nullptr || log->pMethods == nullptr)) return {};
  if (code == SQLITE_OK) code = log->pMethods->xFileSize(log, &size);
  std::string block(64 << 10, '\0');
  for (sqlite3_int64 at = 0; code == SQLITE_OK && at < size;) {
    const int bytes = static_cast<int>(std::min<sqlite3_int64>(size - at, std::ssize(block)));
    code = log->pMethods->xRead(log, block.data(), bytes, at);
    if (code == SQLITE_OK) code = log->pMethods->xWrite(log, block.data(), bytes, at);
    at += bytes;
  }
  if (code == SQLITE_OK) code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
  return code == SQLITE_OK ? Status() : status_of(nullptr, code, "cannot sync the log");
}

bool Database::read_only() const { return sqlite3_db_readonly(handle_, "main") == 1; }

std::int64_t Database::total_changes() const { return sqlite3_total_changes64(handle_); }

Status Database::error(std::string_view doing) const {
  return status_of(handle_, sqlite3_extended_errcode(handle_), doing);
}

Statement::Statement(Database& database, std::string_view sql) : database_(&database) {
  const int code = sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &handle_, nullptr);
  // Our statements are constant, so one that does not compile means tables that are not ours.
  note(code == SQLITE_ERROR ? SQLITE_CORRUPT : code);
  if (failure_ != SQLITE_OK && database.prepared_.ok()) {
    database.prepared_ = status_of(database.handle(), failure_, std::string(sql.substr(0, 60)));
  }
}

Statement::~Statement() { sqlite3_finalize(handle_); }

Statement::Statement(Statement&& other) noexcept { *this = std::move(other); }

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(database_, other.database_);
  std::swap(handle_, other.handle_);
  std::swap(failure_, other.failure_);
  return *this;
}

void Statement::note(int code) {
  if (failure_ == SQLITE_OK) failure_ = code;
}

Statement& Statement::bind(int parameter, std::int64_t value) {
  note(sqlite3_bind_int64(handle_, parameter, value));
  return *this;
}

Statement& Statement::bind_text(int parameter, std::string_view value) {
  note(sqlite3_bind_text64(handle_, parameter, value.data() != nullptr ? value.data() : "",
                           value.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_blob(int parameter, std::string_view value) {
  note(sqlite3_bind_blob64(handle_, parameter, value.data() != nullptr ? value.data() : "",
                           value.size(), SQLITE_STATIC));
  return *this;
}

Status Statement::run() {
  return each([] { return true; });
}

Status Statement::each(const std::function<bool()>& row) {
  int code = failure_;
  if (code != SQLITE_OK) {
    // A statement that could not be prepared stays useless; a bad binding is the caller's to mend.
    if (handle_ != nullptr) failure_ = SQLITE_OK;
    return finish(code);
  }
  while ((code = sqlite3_step(handle_)) == SQLITE_ROW) {
    if (!row()) {
      code = SQLITE_DONE;
      break;
    }
  }
  // Reading needs no room: "full" is a page number above the limit, in a damaged row.
  if (code == SQLITE_FULL && sqlite3_stmt_readonly(handle_) != 0) code = SQLITE_CORRUPT;
  return finish(code);
}

Status Statement::finish(int code) {
  Status status;
  if (code != SQLITE_DONE) {
    const char* sql = handle_ != nullptr ? sqlite3_sql(handle_) : "a statement";
    status = status_of(database_->handle(), code, std::string(sql).substr(0, 60));
  }
  if (handle_ == nullptr) return status;
  // A statement that was stopped early commits here, and may fail at that.
  const int reset = sqlite3_reset(handle_);
  if (status.ok() && reset != SQLITE_OK) {
    status = status_of(database_->handle(), reset, std::string(sqlite3_sql(handle_)).substr(0, 60));
  }
  sqlite3_clear_bindings(handle_);
  return status;
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle_, column); }

std::string_view Statement::bytes(int column) const {
  const auto* at = static_cast<const char*>(sqlite3_column_blob(handle_, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle_, column));
  return at != nullptr ? std::string_view(at, size) : std::string_view();
}

Transaction::~Transaction() {
  // SQLite has rolled back by itself after some errors.
  if (!open_ || sqlite3_get_autocommit(database_.handle()) != 0) return;
  sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

Status Transaction::begin() {
  const Status status = database_.execute("BEGIN IMMEDIATE");
  open_ = status.ok();
  return status;
}

Status Transaction::commit() {
  const Status status = database_.execute("COMMIT");
  if (status.ok()) open_ = false;
  return status;
}

std::int64_t row_crc(std::initializer_list<std::int64_t> integers,
                     std::initializer_list<std::string_view> strings) {
  ByteWriter head;
  for (const std::int64_t v : integers) head.fixed64(static_cast<std::uint64_t>(v));
  for (const std::string_view s : strings) head.fixed64(s.size());
  std::uint32_t crc = crc32c(head.bytes());
  for (const std::string_view s : strings) crc = crc32c(s, crc);
  return crc;
}

}  // namespace sluice::storage
