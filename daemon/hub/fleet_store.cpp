#include "hub/fleet_store.h"

#include <functional>
#include <utility>

#include "base/mutex.h"
#include "hub/desired_config.h"
#include "hub/push_table.h"
#include "hub/sqlite.h"

namespace sluice::hub {
namespace {

constexpr char kPutKeys[] =
    "INSERT INTO key_set (id, version, chain) VALUES (1, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET version = excluded.version, chain = excluded.chain";
constexpr char kKeys[] = "SELECT version, chain FROM key_set";

}  // namespace

// The connection and what is prepared on it.
class FleetStore::Session {
 public:
  static Result<std::unique_ptr<Session>> open(const std::string& path) {
    auto database = Database::open(path, Database::Mode::read_write);
    if (!database.ok()) return database.status();
    // As the HubStore's: nothing less puts a commit on flash before it returns.
    if (Status s = database->run("PRAGMA synchronous=FULL"); !s.ok()) return s;
    auto pushes = PushTable::create(*database);
    if (!pushes.ok()) return pushes.status();
    auto nodes = NodeReportTable::create(*database);
    if (!nodes.ok()) return nodes.status();
    auto put_keys = database->prepare(kPutKeys);
    if (!put_keys.ok()) return put_keys.status();
    auto keys = database->prepare(kKeys);
    if (!keys.ok()) return keys.status();
    return std::unique_ptr<Session>(new Session(*std::move(database), *std::move(pushes),
                                                *std::move(nodes), *std::move(put_keys),
                                                *std::move(keys)));
  }

  Status in_transaction(const std::function<Status()>& write) SLUICE_REQUIRES(mutex) {
    if (Status s = database.run("BEGIN IMMEDIATE"); !s.ok()) return s;
    Status status = write();
    if (status.ok()) status = database.run("COMMIT");
    if (!status.ok() && database.in_transaction()) {
      if (Status undone = database.run("ROLLBACK"); !undone.ok()) return undone;
    }
    return status;
  }

  Result<PushedKeys> read_keys() SLUICE_REQUIRES(mutex) {
    const ResetOnExit reset{get_keys};
    const auto row = get_keys.step();
    if (!row.ok()) return row.status();
    if (!*row) return PushedKeys();
    return PushedKeys{static_cast<std::uint64_t>(get_keys.column_i64(0)),
                      std::string(get_keys.column_bytes(1))};
  }

  Mutex mutex;
  Database database SLUICE_GUARDED_BY(mutex);
  PushTable pushes SLUICE_GUARDED_BY(mutex);
  NodeReportTable nodes SLUICE_GUARDED_BY(mutex);
  Statement put_keys SLUICE_GUARDED_BY(mutex);
  Statement get_keys SLUICE_GUARDED_BY(mutex);

 private:
  Session(Database opened, PushTable push_table, NodeReportTable node_table, Statement put,
          Statement get)
      : database(std::move(opened)),
        pushes(std::move(push_table)),
        nodes(std::move(node_table)),
        put_keys(std::move(put)),
        get_keys(std::move(get)) {}
};

FleetStore::FleetStore(std::unique_ptr<Session> session) : session_(std::move(session)) {}
FleetStore::~FleetStore() = default;

Result<std::unique_ptr<FleetStore>> FleetStore::open(const std::string& path) {
  auto session = Session::open(path);
  if (!session.ok()) return session.status();
  return std::unique_ptr<FleetStore>(new FleetStore(*std::move(session)));
}

Result<std::vector<std::uint64_t>> FleetStore::add_push(v1::ConfigPush& push,
                                                        const std::string& config) {
  Session& s = *session_;
  MutexLock lock(s.mutex);
  std::vector<std::uint64_t> gone;
  const Status status = s.in_transaction([&s, &push, &config, &gone]() SLUICE_REQUIRES(s.mutex) {
    const auto offer_id = s.pushes.add(push, config);
    if (!offer_id.ok()) return offer_id.status();
    push.set_offer_id(*offer_id);
    const auto all = s.pushes.list();
    if (!all.ok()) return all.status();
    auto expendable = expendable_pushes(*all);
    if (!expendable.ok()) return expendable.status();
    gone = *std::move(expendable);
    for (const std::uint64_t number : gone) {
      if (Status removed = s.pushes.remove(number); !removed.ok()) return removed;
    }
    return Status();
  });
  if (!status.ok()) return status;
  return gone;
}

Status FleetStore::withdraw(std::uint64_t offer_id) {
  Session& s = *session_;
  MutexLock lock(s.mutex);
  return s.in_transaction([&s, offer_id]() SLUICE_REQUIRES(s.mutex) {
    const auto found = s.pushes.withdraw(offer_id);
    if (!found.ok()) return found.status();
    if (*found) return Status();
    return not_found("there is no push " + std::to_string(offer_id) +
                     "; `sluicectl hub pushes` lists those that are kept");
  });
}

Result<std::vector<v1::ConfigPush>> FleetStore::pushes() {
  MutexLock lock(session_->mutex);
  return session_->pushes.list();
}

Result<std::optional<v1::ConfigOffer>> FleetStore::offer(std::uint64_t offer_id) {
  MutexLock lock(session_->mutex);
  return session_->pushes.offer(offer_id);
}

Status FleetStore::put_keys(const PushedKeys& keys) {
  Session& s = *session_;
  MutexLock lock(s.mutex);
  return s.in_transaction([&s, &keys]() SLUICE_REQUIRES(s.mutex) {
    const auto before = s.read_keys();
    if (!before.ok()) return before.status();
    if (before->version > keys.version) {
      return failed_precondition("the hub has key set version " + std::to_string(before->version) +
                                 ", and this one is version " + std::to_string(keys.version) +
                                 "; make the next one from the latest");
    }
    s.put_keys.bind(0, static_cast<std::int64_t>(keys.version)).bind_blob(1, keys.chain);
    return s.put_keys.run();
  });
}

Result<PushedKeys> FleetStore::keys() {
  MutexLock lock(session_->mutex);
  return session_->read_keys();
}

Result<std::vector<NodeReport>> FleetStore::nodes() {
  MutexLock lock(session_->mutex);
  return session_->nodes.list();
}

Status FleetStore::save_nodes(const std::vector<NodeReport>& changed,
                              const std::vector<std::string>& gone) {
  if (changed.empty() && gone.empty()) return {};
  Session& s = *session_;
  MutexLock lock(s.mutex);
  return s.in_transaction([&s, &changed, &gone]() SLUICE_REQUIRES(s.mutex) {
    for (const std::string& node : gone) {
      if (Status removed = s.nodes.remove(node); !removed.ok()) return removed;
    }
    for (const NodeReport& node : changed) {
      if (Status put = s.nodes.put(node); !put.ok()) return put;
    }
    return Status();
  });
}

}  // namespace sluice::hub
