#include "store/config_revisions.h"

#include <utility>

#include "base/bytes.h"
#include "base/log.h"
#include "store/database_file.h"

namespace sluice {

using storage::Database;
using storage::Statement;
using storage::Transaction;

namespace {

constexpr int kApplicationId = 0x534c4352;  // "SLCR"
constexpr int kSchemaVersion = 1;
constexpr char kSchema[] =
    "CREATE TABLE revision(number INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL,"
    "  starts INTEGER NOT NULL, crc INTEGER NOT NULL, head BLOB NOT NULL, document BLOB NOT NULL)";
/// Documents, the head of each, and what SQLite needs besides.
constexpr std::int64_t kPagesMax = (ConfigRevisions::kBytesMax * 2 + (1 << 20)) / 4096;

std::string head_of(const ConfigRevision& revision) {
  ByteWriter out;
  out.u8(static_cast<std::uint8_t>(revision.source.origin));
  out.u64(revision.source.signed_version);
  out.u64(revision.source.offer_id);
  out.i64(revision.received_ns);
  out.i64(revision.changed_ns);
  out.string(revision.message);
  return out.take();
}

bool is_state(std::int64_t state) {
  return state >= static_cast<std::int64_t>(RevisionState::refused) &&
         state <= static_cast<std::int64_t>(RevisionState::rolled_back);
}

bool read_head(std::string_view bytes, ConfigRevision& revision) {
  ByteReader in(bytes);
  const std::uint8_t origin = in.u8();
  revision.source.origin = static_cast<RevisionOrigin>(origin);
  revision.source.signed_version = in.u64();
  revision.source.offer_id = in.u64();
  revision.received_ns = in.i64();
  revision.changed_ns = in.i64();
  revision.message = in.string();
  return in.at_end() && origin >= 1 && origin <= 3;
}

/// Columns: number, state, starts, crc, head, document. Empty when the row fails its checksum.
std::optional<ConfigRevision> decode(const Statement& row) {
  const std::int64_t state = row.integer(1);
  const std::int64_t crc =
      storage::row_crc({row.integer(0), state, row.integer(2)}, {row.bytes(4), row.bytes(5)});
  ConfigRevision revision;
  if (row.integer(3) != crc || !is_state(state) || !read_head(row.bytes(4), revision)) return {};
  revision.number = row.integer(0);
  revision.state = static_cast<RevisionState>(state);
  revision.document = row.bytes(5);
  return revision;
}

Status configure(Database& database) {
  const std::string settings =
      "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL;"
      " PRAGMA cache_size=-256; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0;"
      " PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA max_page_count=" +
      std::to_string(kPagesMax) + "; BEGIN IMMEDIATE; COMMIT";
  return database.execute(settings);
}

Status create_schema(Database& database) {
  auto application = database.integer("PRAGMA application_id");
  if (!application.ok()) return application.status();
  auto version = database.integer("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (*application == kApplicationId && *version > kSchemaVersion) {
    return failed_precondition("config.sqlite is of a newer program: install that again");
  }
  if (*application == kApplicationId && *version == kSchemaVersion) return {};
  auto objects = database.integer("SELECT count(*) FROM sqlite_schema");
  if (!objects.ok()) return objects.status();
  if (*objects != 0) return data_loss("config.sqlite is another program's database");
  Transaction transaction(database);
  if (Status s = transaction.begin(); !s.ok()) return s;
  const std::string pragmas = "; PRAGMA application_id=" + std::to_string(kApplicationId) +
                              "; PRAGMA user_version=" + std::to_string(kSchemaVersion);
  if (Status s = database.execute(kSchema + pragmas); !s.ok()) return s;
  return transaction.commit();
}

}  // namespace

ConfigRevisions::ConfigRevisions(Database database) : database_(std::move(database)) {}

Result<Database> ConfigRevisions::open_file(FileSystem& files, const std::string& path) {
  auto database = Database::open(path, files.vfs());
  if (!database.ok()) return database;
  files.close_to_others(path);
  if (Status s = configure(*database); !s.ok()) {
    // Our settings are constant: SQLite refuses them over a header that it cannot make sense of.
    return s.code() == StatusCode::internal ? data_loss(std::string(s.message())) : s;
  }
  auto verdict = database->text("PRAGMA quick_check(1)");
  if (!verdict.ok()) return verdict.status();
  if (*verdict != "ok") return data_loss("the check of every page says: " + *verdict);
  if (Status s = create_schema(*database); !s.ok()) return s;
  if (Status s = files.sync_directory(path.substr(0, path.rfind('/'))); !s.ok()) return s;
  return database;
}

Result<std::unique_ptr<ConfigRevisions>> ConfigRevisions::open(const std::string& dir,
                                                               FileSystem* files) {
  FileSystem& disk = files == nullptr ? system_files() : *files;
  const std::string path = dir + "/config.sqlite";
  if (Status s = disk.make_directory(dir); !s.ok()) return s;
  auto database = open_file(disk, path);
  const bool is_damaged = database.status().code() == StatusCode::data_loss;
  if (is_damaged) {
    auto aside = storage::set_aside(disk, path);
    if (!aside.ok()) return aside.status();
    log::error("store", "the revisions of the config are damaged: a new file begins",
               {{"error", database.status().to_string()}, {"set_aside", *aside}});
    database = open_file(disk, path);
  }
  if (!database.ok()) return database.status();
  std::unique_ptr<ConfigRevisions> revisions(new ConfigRevisions(*std::move(database)));
  revisions->rebuilt_ = is_damaged;
  return revisions;
}

// --- changes ---

Status ConfigRevisions::write(const ConfigRevision& revision, std::int64_t starts) {
  const auto state = static_cast<std::int64_t>(revision.state);
  const std::string head = head_of(revision);
  Statement put(database_, "INSERT OR REPLACE INTO revision VALUES(?, ?, ?, ?, ?, ?)");
  put.bind(1, revision.number).bind(2, state).bind(3, starts);
  put.bind(4, storage::row_crc({revision.number, state, starts}, {head, revision.document}));
  return put.bind_blob(5, head).bind_blob(6, revision.document).run();
}

Result<std::int64_t> ConfigRevisions::add(ConfigRevision revision) {
  MutexLock lock(mutex_);
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  auto last = database_.integer(
      "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'revision'), 0),"
      " coalesce((SELECT max(number) FROM revision), 0))");
  if (!last.ok()) return last.status();
  revision.number = *last + 1;
  if (Status s = write(revision, 0); !s.ok()) return s;
  if (Status s = trim(); !s.ok()) return s;
  if (Status s = transaction.commit(); !s.ok()) return s;
  return revision.number;
}

Status ConfigRevisions::set_state(std::int64_t number, RevisionState state,
                                  const std::string& message, std::int64_t changed_ns) {
  MutexLock lock(mutex_);
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  auto revision = find(number);
  if (!revision.ok()) return revision.status();
  if (state == RevisionState::applied) {
    Status s = vacate(RevisionState::applied, number, RevisionState::superseded, changed_ns);
    if (!s.ok()) return s;
  }
  if (state == RevisionState::applied || state == RevisionState::probation) {
    Status s = vacate(RevisionState::probation, number, RevisionState::rolled_back, changed_ns);
    if (!s.ok()) return s;
  }
  revision->state = state;
  revision->message = message;
  revision->changed_ns = changed_ns;
  if (Status s = write(*revision, 0); !s.ok()) return s;
  return transaction.commit();
}

/// Damaged rows of the slot too: whatever they were, they are in effect no more.
Status ConfigRevisions::vacate(RevisionState slot, std::int64_t except, RevisionState becomes,
                               std::int64_t changed_ns) {
  std::vector<ConfigRevision> left;
  std::vector<std::int64_t> damaged;
  Statement read(database_, "SELECT * FROM revision WHERE state = ? AND number != ?");
  read.bind(1, static_cast<std::int64_t>(slot)).bind(2, except);
  Status s = read.each([&] {
    auto revision = decode(read);
    if (revision) {
      left.push_back(*std::move(revision));
    } else {
      damaged.push_back(read.integer(0));
    }
    return true;
  });
  for (ConfigRevision& revision : left) {
    revision.state = becomes;
    revision.changed_ns = changed_ns;
    if (s.ok()) s = write(revision, 0);
  }
  return s.ok() ? remove(damaged) : s;
}

Status ConfigRevisions::remove(const std::vector<std::int64_t>& numbers) {
  for (const std::int64_t number : numbers) {
    Status s = Statement(database_, "DELETE FROM revision WHERE number = ?").bind(1, number).run();
    if (!s.ok()) return s;
  }
  return {};
}

Result<std::int64_t> ConfigRevisions::count_start(std::int64_t number) {
  MutexLock lock(mutex_);
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  const auto revision = find(number);
  if (!revision.ok()) return revision.status();
  auto starts =
      database_.integer("SELECT starts FROM revision WHERE number = " + std::to_string(number));
  if (!starts.ok()) return starts;
  if (Status s = write(*revision, *starts + 1); !s.ok()) return s;
  if (Status s = transaction.commit(); !s.ok()) return s;
  return *starts + 1;
}

/// The two slots stay, and what is about to take effect.
Status ConfigRevisions::trim() {
  std::vector<std::int64_t> numbers;
  std::int64_t bytes = 0;
  std::size_t count = 0;
  Statement read(database_,
                 "SELECT number, length(document) FROM revision WHERE state NOT IN (2, 3, 4)"
                 " ORDER BY number DESC");
  Status s = read.each([&] {
    bytes += read.integer(1);
    if (++count > kCountMax || bytes > kBytesMax) numbers.push_back(read.integer(0));
    return true;
  });
  return s.ok() ? remove(numbers) : s;
}

// --- what is there ---

Result<ConfigRevision> ConfigRevisions::find(std::int64_t number) {
  std::optional<ConfigRevision> found;
  bool is_damaged = false;
  Statement read(database_, "SELECT * FROM revision WHERE number = ?");
  read.bind(1, number);
  const Status s = read.each([&] {
    found = decode(read);
    is_damaged = !found;
    return false;
  });
  if (!s.ok()) return s;
  if (is_damaged) return data_loss("revision " + std::to_string(number) + " is damaged");
  if (!found) return not_found("there is no revision " + std::to_string(number));
  return *std::move(found);
}

Result<std::optional<ConfigRevision>> ConfigRevisions::newest_of(RevisionState state) {
  std::optional<ConfigRevision> found;
  Statement read(database_, "SELECT * FROM revision WHERE state = ? ORDER BY number DESC");
  read.bind(1, static_cast<std::int64_t>(state));
  const Status s = read.each([&] {
    found = decode(read);
    if (!found) {
      log::error("store", "a revision of the config is damaged: it is passed over",
                 {{"revision", read.integer(0)}});
    }
    return !found;
  });
  if (!s.ok()) return s;
  return found;
}

Result<std::optional<ConfigRevision>> ConfigRevisions::current() {
  MutexLock lock(mutex_);
  auto tried = newest_of(RevisionState::probation);
  if (!tried.ok() || *tried) return tried;
  return newest_of(RevisionState::applied);
}

Result<std::optional<ConfigRevision>> ConfigRevisions::last_good() {
  MutexLock lock(mutex_);
  return newest_of(RevisionState::applied);
}

Result<ConfigRevision> ConfigRevisions::get(std::int64_t number) {
  MutexLock lock(mutex_);
  return find(number);
}

Result<std::vector<ConfigRevision>> ConfigRevisions::list(std::size_t count_max) {
  MutexLock lock(mutex_);
  std::vector<ConfigRevision> all;
  Statement read(database_, "SELECT * FROM revision ORDER BY number DESC");
  const Status s = read.each([&] {
    if (auto revision = decode(read)) {
      revision->document.clear();
      all.push_back(*std::move(revision));
    }
    return all.size() < count_max;
  });
  if (!s.ok()) return s;
  return all;
}

}  // namespace sluice
