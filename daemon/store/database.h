#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace sluice::storage {

/// One connection to one SQLite file. One thread at a time; hand it over with a lock between.
///
/// Codes of a failure: `resource_exhausted` full (quota or partition), `failed_precondition` used
/// by another process, `data_loss` damaged or no database, `unavailable` the file system refuses,
/// `internal` anything else.
class Database {
 public:
  Database() = default;
  ~Database();
  Database(Database&& other) noexcept;
  Database& operator=(Database&& other) noexcept;

  /// Opens or creates the file through the SQLite VFS of this name, null being the default one;
  /// nothing is read yet.
  static Result<Database> open(const std::string& path, const char* vfs = nullptr);
  /// Runs statements that give no rows.
  Status execute(const std::string& sql);
  /// First column of the first row; 0 when there is none.
  Result<std::int64_t> integer(const std::string& sql);
  Result<std::string> text(const std::string& sql);
  /// Waits as SQLite would for a lock.
  static void pause(int milliseconds);
  /// Makes the write-ahead log durable as it is. It is written anew for that, block by block: after
  /// a sync that failed, Linux takes for clean what never reached the disk, and another sync passes
  /// it by. Needs the exclusive lock.
  Status sync_log();
  /// The file may not be written, or its header names a version that SQLite only reads.
  bool read_only() const;
  /// Rows changed since open, by INSERT, UPDATE and DELETE.
  std::int64_t total_changes() const;
  /// Whether every Statement so far could be prepared; `data_loss` when tables are not ours. A name
  /// in the schema that lost a bit shows here, not first in the commit that needs it.
  const Status& prepared() const { return prepared_; }
  /// What the last call that failed says.
  Status error(std::string_view doing) const;
  sqlite3* handle() const { return handle_; }

 private:
  friend class Statement;
  sqlite3* handle_ = nullptr;
  Status prepared_;
};

/// One prepared statement, used again and again. Parameters count from 1, columns from 0.
/// What preparing or binding got wrong is told by the next run.
class Statement {
 public:
  Statement() = default;
  Statement(Database& database, std::string_view sql);
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;

  Statement& bind(int parameter, std::int64_t value);
  /// Borrowed until the run ends.
  Statement& bind_text(int parameter, std::string_view value);
  Statement& bind_blob(int parameter, std::string_view value);
  /// Runs to the end and ignores rows.
  Status run();
  /// Calls `row` for each row until it answers false. No read outlives the call.
  Status each(const std::function<bool()>& row);

  std::int64_t integer(int column) const;
  /// Text or blob; valid inside `row` only.
  std::string_view bytes(int column) const;

 private:
  void note(int code);
  Status finish(int code);
  Database* database_ = nullptr;
  sqlite3_stmt* handle_ = nullptr;
  int failure_ = 0;
};

/// Rolls back unless commit() succeeded.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  Status begin();
  Status commit();

 private:
  Database& database_;
  bool open_ = false;
};

/// The checksum every row carries: over its integers, then its strings with their lengths.
std::int64_t row_crc(std::initializer_list<std::int64_t> integers,
                     std::initializer_list<std::string_view> strings);

}  // namespace sluice::storage
