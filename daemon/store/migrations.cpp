#include "store/migrations.h"

#include <array>
#include <string>

namespace sluice::storage {
namespace {

// Step i takes version i to i + 1. A released step never changes: add another one.
//
// segment.id and log positions are given by us, not by AUTOINCREMENT: that would write a second
// page on every ordinary commit. log_bytes and outbox_rows are running totals, so that a start
// needs the last row only. No secondary index: deleting a damaged row must not fail over one.
constexpr std::array kSteps = {
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL, crc INTEGER NOT NULL)"
    "  WITHOUT ROWID;"
    "CREATE TABLE segment(id INTEGER PRIMARY KEY, log_bytes INTEGER NOT NULL,"
    "  outbox_rows INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL);"
    "CREATE TABLE outbox(seq INTEGER PRIMARY KEY AUTOINCREMENT, pipeline TEXT NOT NULL,"
    "  panes INTEGER NOT NULL, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,"
    "  crc INTEGER NOT NULL, bytes BLOB NOT NULL);"
    "CREATE TABLE series(id INTEGER PRIMARY KEY, crc INTEGER NOT NULL, body BLOB NOT NULL);"
    "CREATE TABLE topic(id INTEGER PRIMARY KEY, crc INTEGER NOT NULL, body BLOB NOT NULL);"
    "CREATE TABLE checkpoint_part(id INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    "  crc INTEGER NOT NULL, body BLOB NOT NULL);"
    "CREATE TABLE dead_letter(id INTEGER PRIMARY KEY, crc INTEGER NOT NULL, body BLOB NOT NULL);",
    "CREATE TABLE gap(seq INTEGER PRIMARY KEY AUTOINCREMENT, epoch TEXT NOT NULL,"
    "  kind INTEGER NOT NULL, owner TEXT NOT NULL, cause TEXT NOT NULL, from_ns INTEGER NOT NULL,"
    "  to_ns INTEGER NOT NULL, count INTEGER NOT NULL, crc INTEGER NOT NULL);",

    // Identities by ranges of numbers; the epoch of meta, kept until now, becomes the first one.
    "CREATE TABLE epoch(first_seq INTEGER PRIMARY KEY, node TEXT NOT NULL, epoch TEXT NOT NULL,"
    "  crc INTEGER NOT NULL);"
    "ALTER TABLE outbox ADD COLUMN split BLOB;",

    // `pipeline` stands in the body too: it is whose count changes when the row leaves.
    "CREATE TABLE event(seq INTEGER PRIMARY KEY AUTOINCREMENT, epoch TEXT NOT NULL,"
    "  pipeline TEXT NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL);",
};

Status check_owner(Database& database, std::int64_t version) {
  auto application = database.integer("PRAGMA application_id");
  if (!application.ok()) return application.status();
  auto objects = database.integer("SELECT count(*) FROM sqlite_schema");
  if (!objects.ok()) return objects.status();
  const bool fresh = *application == 0 && version == 0 && *objects == 0;
  if (fresh || *application == kApplicationId) return {};
  return data_loss("the file is an SQLite database, but not one of Sluice's");
}

Status take_step(Database& database, std::size_t step) {
  Transaction transaction(database);
  if (Status s = transaction.begin(); !s.ok()) return s;
  if (Status s = database.execute(kSteps[step]); !s.ok()) {
    // A step that was tested fails over tables which are there already: the version lost a bit.
    if (s.code() != StatusCode::internal) return s;
    return data_loss("the tables are not those of version " + std::to_string(step) + ": " +
                     std::string(s.message()));
  }
  const std::string pragmas = "PRAGMA application_id=" + std::to_string(kApplicationId) +
                              "; PRAGMA user_version=" + std::to_string(step + 1);
  if (Status s = database.execute(pragmas); !s.ok()) return s;
  return transaction.commit();
}

}  // namespace

std::int64_t schema_version() { return static_cast<std::int64_t>(kSteps.size()); }

Status migrate(Database& database) {
  auto version = database.integer("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (Status s = check_owner(database, *version); !s.ok()) return s;
  if (*version > schema_version()) {
    return failed_precondition("the database has schema version " + std::to_string(*version) +
                               ", this program knows versions up to " +
                               std::to_string(schema_version()) +
                               ": install the newer program again, or move the database away");
  }
  if (*version < 0) return data_loss("the database has a negative schema version");
  for (auto step = static_cast<std::size_t>(*version); step < kSteps.size(); ++step) {
    if (Status s = take_step(database, step); !s.ok()) return s;
  }
  return {};
}

}  // namespace sluice::storage
