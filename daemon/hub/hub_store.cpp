#include "hub/hub_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "hub/change_writer.h"
#include "hub/hub_schema.h"
#include "hub/sqlite.h"

namespace sluice::hub {
namespace {

// What the sender did wrong, as opposed to what happened to the database.
bool is_refusal(StatusCode code) {
  return code == StatusCode::invalid_argument || code == StatusCode::aborted ||
         code == StatusCode::failed_precondition || code == StatusCode::resource_exhausted;
}

// Two hubs on one file would each believe that they see every live node.
Result<int> lock_database(const std::string& path) {
  const std::string lock_path = path + ".lock";
  const int fd = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return unavailable("cannot open database " + path + ": its lock file " + lock_path + ": " +
                       std::strerror(errno));
  }
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const int why = errno;
  ::close(fd);
  if (why == EWOULDBLOCK) {
    return already_exists("database " + path + " is in use by another sluice-hub");
  }
  return unavailable("cannot lock " + lock_path + ": " + std::strerror(why));
}

/// Readings of a whole fleet are nobody else's: the file is made so that others never see it, and
/// one that an earlier version left open is closed. SQLite gives its log the same mode. What fails
/// here, opening tells with better words.
void close_to_others(const std::string& path) {
  constexpr mode_t kOwnerOnly = 0600;
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kOwnerOnly);
  if (fd >= 0) ::close(fd);
  for (const char* part : {"", "-wal", "-shm"}) ::chmod((path + part).c_str(), kOwnerOnly);
}

void add(RowCounters& sum, const RowCounters& more) {
  sum.rows_received += more.rows_received;
  sum.rows_repeated += more.rows_repeated;
  sum.panes_conflicting += more.panes_conflicting;
  sum.bytes_received += more.bytes_received;
}

}  // namespace

// The connection and what is prepared on it.
class HubStore::Session {
 public:
  static Result<std::unique_ptr<Session>> open(const std::string& path) {
    auto database = Database::open(path, Database::Mode::read_write);
    if (!database.ok()) return database.status();
    auto session = std::unique_ptr<Session>(new Session(std::move(*database)));
    Status status = prepare_hub_schema(session->database_);
    if (status.ok()) {
      auto writer = ChangeWriter::create(session->database_);
      status = writer.status();
      if (writer.ok()) session->writer_ = std::make_unique<ChangeWriter>(std::move(*writer));
    }
    if (!status.ok()) {
      return Status(status.code(),
                    "cannot open database " + path + ": " + std::string(status.message()));
    }
    return session;
  }

  // Ok when the transaction is on flash; the written are those of the changes not refused.
  Status apply(const std::vector<const Change*>& changes, std::int64_t seen_ns,
               std::vector<Result<ChangeWriter::Written>>& written) {
    if (Status s = database_.run("BEGIN IMMEDIATE"); !s.ok()) return s;
    Status status;
    for (const Change* change : changes) {
      status = apply_one(*change, seen_ns, written);
      if (!status.ok()) break;
    }
    if (status.ok()) status = database_.run("COMMIT");
    if (!status.ok() && database_.in_transaction()) {
      if (Status undone = database_.run("ROLLBACK"); !undone.ok()) return undone;
    }
    return status;
  }

 private:
  explicit Session(Database database) : database_(std::move(database)) {}

  Status apply_one(const Change& change, std::int64_t seen_ns,
                   std::vector<Result<ChangeWriter::Written>>& written) {
    if (Status s = database_.run("SAVEPOINT change"); !s.ok()) return s;
    written.push_back(writer_->write(change, seen_ns));
    const Status status = written.back().status();
    if (status.ok()) return database_.run("RELEASE change");
    if (!is_refusal(status.code())) return status;
    return database_.run("ROLLBACK TO change;RELEASE change");
  }

  Database database_;
  std::unique_ptr<ChangeWriter> writer_;  // prepared on database_, so it goes first
};

HubStore::HubStore(std::string path, const Clock& clock) : path_(std::move(path)), clock_(clock) {}

HubStore::~HubStore() {
  session_.reset();
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

Result<std::unique_ptr<HubStore>> HubStore::open(const std::string& path, const Clock& clock) {
  auto store = std::unique_ptr<HubStore>(new HubStore(path, clock));
  const auto lock = lock_database(path);
  if (!lock.ok()) return lock.status();
  store->lock_fd_ = *lock;
  close_to_others(path);
  auto session = Session::open(path);
  if (!session.ok()) return session.status();
  store->session_ = std::move(*session);
  return store;
}

std::vector<Outcome> HubStore::apply(const std::vector<const Change*>& changes) {
  std::vector<Result<ChangeWriter::Written>> written;
  const Status committed = session_->apply(changes, clock_.wall_ns(), written);
  std::vector<Outcome> outcomes;
  if (!committed.ok()) {
    // Whatever broke here is not the node's fault: it keeps its rows and comes back.
    outcomes.assign(changes.size(), Outcome{unavailable(std::string(committed.message()))});
    return outcomes;
  }
  MutexLock lock(mutex_);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (!written[i].ok()) {
      outcomes.push_back({written[i].status()});
      continue;
    }
    outcomes.push_back({Status(), written[i]->highest_seq, written[i]->highest_crc32c});
    add(counters_[changes[i]->from], written[i]->counters);
  }
  return outcomes;
}

RowCounters HubStore::counters(const NodeKey& from) const {
  MutexLock lock(mutex_);
  const auto it = counters_.find(from);
  return it == counters_.end() ? RowCounters() : it->second;
}

}  // namespace sluice::hub
