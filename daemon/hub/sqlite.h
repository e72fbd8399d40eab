#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace sluice::hub {

/// A prepared statement. Columns and parameters count from 0. Text and blobs are copied when bound;
/// what a column returns is borrowed until the next step. Thread: that of its Database.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  Statement& bind(int place, std::int64_t value);
  Statement& bind(int place, double value);
  Statement& bind_text(int place, std::string_view value);
  Statement& bind_blob(int place, std::string_view value);

  /// True when there is a row to read. A failed bind is reported here.
  Result<bool> step();
  /// Steps to the end and resets: for statements that return no rows.
  Status run();
  /// Ready for new parameters.
  void reset();

  std::int64_t column_i64(int place) const;
  double column_f64(int place) const;
  std::string_view column_bytes(int place) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bind_error_ = 0;
};

/// A query left open would hold its snapshot, and the WAL could not be checkpointed.
struct ResetOnExit {
  Statement& statement;
  ~ResetOnExit() { statement.reset(); }
};

/// One SQLite connection. Thread: one at a time.
class Database {
 public:
  /// `read_write` creates the file when there is none.
  enum class Mode { read_write, read_only };

  /// `unavailable` when the file cannot be opened, `data_loss` when it is not a database; the
  /// message names the file.
  static Result<Database> open(const std::string& path, Mode mode);

  Status run(const std::string& sql);
  Result<Statement> prepare(const std::string& sql);
  /// The one integer a query answers with.
  Result<std::int64_t> read_i64(const std::string& sql);
  std::int64_t last_insert_id() const;
  bool in_transaction() const;
  /// Asked every few thousand steps of a statement; `true` ends it with `cancelled`.
  void set_interrupt(std::function<bool()> interrupt);

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit Database(sqlite3* database) : database_(database) {}
  std::unique_ptr<std::function<bool()>> interrupt_;  // outlives the connection that calls it
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace sluice::hub
