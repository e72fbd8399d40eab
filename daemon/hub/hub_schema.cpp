#include "hub/hub_schema.h"

#include <array>

namespace sluice::hub {
namespace {

// "SLHB": tells our file from another program's. Never to change.
constexpr std::int64_t kApplicationId = 0x534C4842;

// A pane in boot time has its `boot_id`; its times are CLOCK_BOOTTIME until `boot_time` has a row
// for that boot, and then those plus its `offset_ns`. Its `spec_hash` is of that boot alone.
//
// Entry i takes a database from user_version i to i + 1. Entries are history: add, never edit.
//
// `pane` is unique over the pane key (`ordinal` is 0 but for count windows), in an order that also
// serves "one node, by time". Its id grows with the first arrival and never changes, so that a page
// of a listing has a stable end.
//
// A pane's `extras` are WindowExtras::snapshot(), empty for none. Its gap is -1 when it came from
// a node of an older release, which did not say gap and integral.
//
// `gap` is unique over its number and its content: two lives of one database (a restored backup)
// may have given the same number to losses of their own, and neither may hide the other. The same
// holds for `unread_row` and `event`, whose content is compared when one is written.
//
// An event's `event_time_ns` stays as it was sent; its `time_ns` is of 1970 once its boot's time is
// known. Its series is that of `series_node_id`, the epoch whose stream brought it; 0: none. Its id
// grows with arrival, and none is ever taken away.
//
// `config_push` holds serialized ConfigTargets and, as `config`, the SignedConfig or the document;
// a number is never given again, as nodes remember it. `node_config` holds the ControlHello and the
// ConfigReport that a node sent last; empty: none.
constexpr std::array kMigrations = {R"(
CREATE TABLE node (
  id INTEGER PRIMARY KEY,
  node TEXT NOT NULL,
  epoch TEXT NOT NULL,
  version TEXT NOT NULL,
  last_seen_ns INTEGER NOT NULL,
  highest_seq INTEGER NOT NULL DEFAULT 0,
  highest_crc32c INTEGER NOT NULL DEFAULT 0,
  series INTEGER NOT NULL DEFAULT 0,
  panes INTEGER NOT NULL DEFAULT 0,
  UNIQUE (node, epoch)
) STRICT;

CREATE TABLE series (
  node_id INTEGER NOT NULL REFERENCES node (id),
  id INTEGER NOT NULL,
  measurement TEXT NOT NULL,
  canonical_text TEXT NOT NULL,
  definition BLOB NOT NULL,
  PRIMARY KEY (node_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE pane (
  id INTEGER PRIMARY KEY,
  node_id INTEGER NOT NULL REFERENCES node (id),
  pipeline TEXT NOT NULL,
  spec_hash INTEGER NOT NULL,
  series_id INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  start_ns INTEGER NOT NULL,
  end_ns INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  quality INTEGER NOT NULL,
  count INTEGER NOT NULL,
  sum REAL NOT NULL,
  min REAL NOT NULL,
  max REAL NOT NULL,
  first REAL NOT NULL,
  last REAL NOT NULL,
  m2 REAL NOT NULL,
  first_time_ns INTEGER NOT NULL,
  last_time_ns INTEGER NOT NULL,
  UNIQUE (node_id, start_ns, end_ns, kind, series_id, pipeline, spec_hash)
) STRICT;
CREATE INDEX pane_by_start ON pane (start_ns);
)",
                                    R"(
CREATE TABLE gap (
  id INTEGER PRIMARY KEY,
  node_id INTEGER NOT NULL REFERENCES node (id),
  seq INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  owner TEXT NOT NULL,
  cause TEXT NOT NULL,
  from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL,
  count INTEGER NOT NULL,
  received_ns INTEGER NOT NULL,
  UNIQUE (node_id, seq, kind, owner, cause, from_ns, to_ns, count)
) STRICT;
CREATE INDEX gap_by_end ON gap (to_ns);
)",
                                    R"(
CREATE TABLE unread_row (
  id INTEGER PRIMARY KEY,
  node_id INTEGER NOT NULL REFERENCES node (id),
  seq INTEGER NOT NULL,
  received_ns INTEGER NOT NULL,
  text TEXT NOT NULL,
  block BLOB NOT NULL
) STRICT;
CREATE INDEX unread_row_by_seq ON unread_row (node_id, seq);
CREATE INDEX unread_row_by_time ON unread_row (received_ns);
ALTER TABLE node ADD COLUMN unread INTEGER NOT NULL DEFAULT 0;
)",
                                    R"(
ALTER TABLE pane ADD COLUMN largest_gap_ns INTEGER NOT NULL DEFAULT -1;
ALTER TABLE pane ADD COLUMN time_integral_s REAL NOT NULL DEFAULT 0;
ALTER TABLE pane ADD COLUMN expected_every_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pane ADD COLUMN extras BLOB NOT NULL DEFAULT x'';
)",
                                    R"(
CREATE TABLE boot_time (
  node TEXT NOT NULL,
  boot_id TEXT NOT NULL,
  offset_ns INTEGER NOT NULL,
  error_ns INTEGER NOT NULL,
  boottime_ns INTEGER NOT NULL,
  PRIMARY KEY (node, boot_id)
) STRICT, WITHOUT ROWID;
ALTER TABLE pane ADD COLUMN boot_id TEXT NOT NULL DEFAULT '';
CREATE INDEX pane_by_boot ON pane (boot_id) WHERE boot_id <> '';
)",
                                    R"(
CREATE TABLE pane_with_ordinal (
  id INTEGER PRIMARY KEY,
  node_id INTEGER NOT NULL REFERENCES node (id),
  pipeline TEXT NOT NULL,
  spec_hash INTEGER NOT NULL,
  series_id INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  start_ns INTEGER NOT NULL,
  end_ns INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  quality INTEGER NOT NULL,
  count INTEGER NOT NULL,
  sum REAL NOT NULL,
  min REAL NOT NULL,
  max REAL NOT NULL,
  first REAL NOT NULL,
  last REAL NOT NULL,
  m2 REAL NOT NULL,
  first_time_ns INTEGER NOT NULL,
  last_time_ns INTEGER NOT NULL,
  largest_gap_ns INTEGER NOT NULL,
  time_integral_s REAL NOT NULL,
  expected_every_ns INTEGER NOT NULL,
  extras BLOB NOT NULL,
  boot_id TEXT NOT NULL,
  UNIQUE (node_id, start_ns, end_ns, kind, series_id, pipeline, spec_hash, ordinal)
) STRICT;
INSERT INTO pane_with_ordinal SELECT id, node_id, pipeline, spec_hash, series_id, kind, start_ns,
  end_ns, 0, revision, quality, count, sum, min, max, first, last, m2, first_time_ns, last_time_ns,
  largest_gap_ns, time_integral_s, expected_every_ns, extras, boot_id FROM pane;
DROP TABLE pane;
ALTER TABLE pane_with_ordinal RENAME TO pane;
CREATE INDEX pane_by_start ON pane (start_ns);
CREATE INDEX pane_by_boot ON pane (boot_id) WHERE boot_id <> '';
CREATE INDEX session_by_end ON pane (node_id, series_id, last_time_ns) WHERE kind = 4;
)",
                                    R"(
CREATE TABLE event (
  id INTEGER PRIMARY KEY,
  node_id INTEGER NOT NULL REFERENCES node (id),
  seq INTEGER NOT NULL,
  series_node_id INTEGER NOT NULL REFERENCES node (id),
  series_id INTEGER NOT NULL,
  pipeline TEXT NOT NULL,
  stage TEXT NOT NULL,
  name TEXT NOT NULL,
  severity INTEGER NOT NULL,
  phase INTEGER NOT NULL,
  message TEXT NOT NULL,
  event_time_ns INTEGER NOT NULL,
  in_boot_time INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  source TEXT NOT NULL,
  topic TEXT NOT NULL,
  attributes BLOB NOT NULL,
  time_ns INTEGER NOT NULL,
  received_ns INTEGER NOT NULL
) STRICT;
CREATE INDEX event_by_seq ON event (node_id, seq);
CREATE INDEX event_by_time ON event (time_ns);
CREATE INDEX event_by_boot ON event (boot_id) WHERE boot_id <> '';
)",
                                    R"(
CREATE TABLE config_push (
  offer_id INTEGER PRIMARY KEY AUTOINCREMENT,
  target BLOB NOT NULL,
  is_signed INTEGER NOT NULL,
  version INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  pushed_ns INTEGER NOT NULL,
  is_withdrawn INTEGER NOT NULL DEFAULT 0,
  config BLOB NOT NULL
) STRICT;
CREATE TABLE key_set (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  version INTEGER NOT NULL,
  chain BLOB NOT NULL
) STRICT;
CREATE TABLE node_config (
  node TEXT PRIMARY KEY,
  last_seen_ns INTEGER NOT NULL,
  hello BLOB NOT NULL,
  report BLOB NOT NULL
) STRICT, WITHOUT ROWID;
)"};

Status check_owner(Database& database, std::int64_t version) {
  const auto application = database.read_i64("PRAGMA application_id");
  if (!application.ok()) return application.status();
  const auto tables = database.read_i64("SELECT count(*) FROM sqlite_schema");
  if (!tables.ok()) return tables.status();
  const bool is_empty = version == 0 && *application == 0 && *tables == 0;
  if (!is_empty && *application != kApplicationId) {
    return failed_precondition(
        "the file holds another program's database; give --db a file of its own");
  }
  if (version > static_cast<std::int64_t>(kMigrations.size())) {
    return failed_precondition("the database has schema " + std::to_string(version) +
                               ", this sluice-hub knows schemas up to " +
                               std::to_string(kMigrations.size()) + "; run a newer sluice-hub");
  }
  return {};
}

Status migrate(Database& database, std::size_t from) {
  const std::string mark = "PRAGMA application_id=" + std::to_string(kApplicationId) +
                           ";PRAGMA user_version=" + std::to_string(from + 1) + ";COMMIT";
  Status status = database.run(std::string("BEGIN IMMEDIATE;") + kMigrations[from] + mark);
  if (!status.ok() && database.in_transaction()) {
    if (Status undone = database.run("ROLLBACK"); !undone.ok()) return undone;
  }
  return status;
}

}  // namespace

Status prepare_hub_schema(Database& database) {
  const auto version = database.read_i64("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (Status s = check_owner(database, *version); !s.ok()) return s;
  // FULL: in WAL mode nothing less puts a commit on flash before it returns.
  if (Status s = database.run("PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
                              "PRAGMA foreign_keys=ON");
      !s.ok()) {
    return s;
  }
  for (auto from = static_cast<std::size_t>(*version); from < kMigrations.size(); ++from) {
    if (Status s = migrate(database, from); !s.ok()) return s;
  }
  return {};
}

}  // namespace sluice::hub
