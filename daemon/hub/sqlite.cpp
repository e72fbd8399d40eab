#include "hub/sqlite.h"

#include <sqlite3.h>

namespace sluice::hub {
namespace {

constexpr int kBusyTimeoutMs = 5000;
constexpr int kInterruptSteps = 4000;

// A full disk and a failed write pass by themselves or by an operator's hand; the node keeps its
// rows meanwhile, so both read "try again" to it.
Status status_of(sqlite3* database, int code) {
  const std::string why = std::string("hub database: ") + sqlite3_errmsg(database);
  switch (code & 0xFF) {
    case SQLITE_INTERRUPT: return {StatusCode::cancelled, "the caller went away"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return data_loss(why);
    case SQLITE_FULL: return unavailable(why + "; free disk space");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM: return unavailable(why);
    default: return internal_error(why);
  }
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* database) const { sqlite3_close(database); }

Statement& Statement::bind(int place, std::int64_t value) {
  bind_error_ |= sqlite3_bind_int64(statement_.get(), place + 1, value);
  return *this;
}

Statement& Statement::bind(int place, double value) {
  bind_error_ |= sqlite3_bind_double(statement_.get(), place + 1, value);
  return *this;
}

// A view of nothing has no address, which SQLite would take for NULL.
Statement& Statement::bind_text(int place, std::string_view value) {
  const char* bytes = value.empty() ? "" : value.data();
  bind_error_ |= sqlite3_bind_text64(statement_.get(), place + 1, bytes, value.size(),
                                     SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_blob(int place, std::string_view value) {
  const char* bytes = value.empty() ? "" : value.data();
  bind_error_ |=
      sqlite3_bind_blob64(statement_.get(), place + 1, bytes, value.size(), SQLITE_TRANSIENT);
  return *this;
}

Result<bool> Statement::step() {
  sqlite3* database = sqlite3_db_handle(statement_.get());
  if (bind_error_ != 0) return internal_error("hub database: a value could not be bound");
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return status_of(database, code);
}

Status Statement::run() {
  Result<bool> row = step();
  while (row.ok() && *row) row = step();
  reset();
  return row.status();
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  bind_error_ = 0;
}

std::int64_t Statement::column_i64(int place) const {
  return sqlite3_column_int64(statement_.get(), place);
}

double Statement::column_f64(int place) const {
  return sqlite3_column_double(statement_.get(), place);
}

std::string_view Statement::column_bytes(int place) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), place);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), place));
  return bytes == nullptr ? std::string_view()
                          : std::string_view(static_cast<const char*>(bytes), size);
}

Result<Database> Database::open(const std::string& path, Mode mode) {
  const int flags =
      mode == Mode::read_write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(raw);
  if (code != SQLITE_OK) {
    return unavailable("cannot open database " + path + ": " + sqlite3_errmsg(raw));
  }
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  // Opening reads nothing: the first page tells whether this is a database at all.
  if (const auto pages = database.read_i64("PRAGMA schema_version"); !pages.ok()) {
    return Status(pages.status().code(),
                  "cannot open database " + path + ": " + sqlite3_errmsg(raw));
  }
  return database;
}

Status Database::run(const std::string& sql) {
  const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Status() : status_of(database_.get(), code);
}

Result<Statement> Database::prepare(const std::string& sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql.c_str(), static_cast<int>(sql.size()), 0,
                                      &raw, nullptr);
  if (code != SQLITE_OK) return status_of(database_.get(), code);
  return Statement(raw);
}

Result<std::int64_t> Database::read_i64(const std::string& sql) {
  auto statement = prepare(sql);
  if (!statement.ok()) return statement.status();
  const auto row = statement->step();
  if (!row.ok()) return row.status();
  if (!*row) return not_found("no row for: " + sql);
  return statement->column_i64(0);
}

std::int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(database_.get()); }

bool Database::in_transaction() const { return sqlite3_get_autocommit(database_.get()) == 0; }

void Database::set_interrupt(std::function<bool()> interrupt) {
  interrupt_ = std::make_unique<std::function<bool()>>(std::move(interrupt));
  sqlite3_progress_handler(
      database_.get(), kInterruptSteps,
      [](void* asked) { return (*static_cast<std::function<bool()>*>(asked))() ? 1 : 0; },
      interrupt_.get());
}

}  // namespace sluice::hub
