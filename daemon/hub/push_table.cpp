#include "hub/push_table.h"

#include <string>
#include <utility>

namespace sluice::hub {
namespace {

constexpr char kAdd[] =
    "INSERT INTO config_push (target, is_signed, version, sha256, pushed_ns, config)"
    " VALUES (?, ?, ?, ?, ?, ?) RETURNING offer_id";
constexpr char kWithdraw[] =
    "UPDATE config_push SET is_withdrawn = 1 WHERE offer_id = ? RETURNING offer_id";
constexpr char kRemove[] = "DELETE FROM config_push WHERE offer_id = ?";
constexpr char kList[] =
    "SELECT offer_id, target, is_signed, version, sha256, pushed_ns, is_withdrawn FROM config_push"
    " ORDER BY offer_id DESC";
constexpr char kOffer[] =
    "SELECT is_signed, config FROM config_push WHERE offer_id = ? AND is_withdrawn = 0";

v1::ConfigPush push_of(const Statement& row) {
  v1::ConfigPush push;
  push.set_offer_id(static_cast<std::uint64_t>(row.column_i64(0)));
  push.mutable_target()->ParseFromString(std::string(row.column_bytes(1)));
  push.set_is_signed(row.column_i64(2) != 0);
  push.set_version(static_cast<std::uint64_t>(row.column_i64(3)));
  push.set_sha256(std::string(row.column_bytes(4)));
  push.set_pushed_ns(row.column_i64(5));
  push.set_is_withdrawn(row.column_i64(6) != 0);
  return push;
}

}  // namespace

Result<PushTable> PushTable::create(Database& database) {
  PushTable table;
  const std::pair<Statement*, const char*> statements[] = {{&table.add_, kAdd},
                                                           {&table.withdraw_, kWithdraw},
                                                           {&table.remove_, kRemove},
                                                           {&table.list_, kList},
                                                           {&table.offer_, kOffer}};
  for (const auto& [statement, sql] : statements) {
    auto prepared = database.prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = std::move(*prepared);
  }
  return table;
}

Result<std::uint64_t> PushTable::add(const v1::ConfigPush& push, std::string_view config) {
  const ResetOnExit reset{add_};
  add_.bind_blob(0, push.target().SerializeAsString()).bind(1, std::int64_t{push.is_signed()});
  add_.bind(2, static_cast<std::int64_t>(push.version())).bind_blob(3, push.sha256());
  add_.bind(4, std::int64_t{push.pushed_ns()}).bind_blob(5, config);
  const auto row = add_.step();
  if (!row.ok()) return row.status();
  return static_cast<std::uint64_t>(add_.column_i64(0));
}

Result<bool> PushTable::withdraw(std::uint64_t offer_id) {
  const ResetOnExit reset{withdraw_};
  withdraw_.bind(0, static_cast<std::int64_t>(offer_id));
  return withdraw_.step();
}

Status PushTable::remove(std::uint64_t offer_id) {
  remove_.bind(0, static_cast<std::int64_t>(offer_id));
  return remove_.run();
}

Result<std::vector<v1::ConfigPush>> PushTable::list() {
  const ResetOnExit reset{list_};
  std::vector<v1::ConfigPush> pushes;
  while (true) {
    const auto row = list_.step();
    if (!row.ok()) return row.status();
    if (!*row) return pushes;
    pushes.push_back(push_of(list_));
  }
}

Result<std::optional<v1::ConfigOffer>> PushTable::offer(std::uint64_t offer_id) {
  const ResetOnExit reset{offer_};
  offer_.bind(0, static_cast<std::int64_t>(offer_id));
  const auto row = offer_.step();
  if (!row.ok()) return row.status();
  if (!*row) return std::optional<v1::ConfigOffer>();
  v1::ConfigOffer offer;
  offer.set_offer_id(offer_id);
  std::string config(offer_.column_bytes(1));
  if (offer_.column_i64(0) != 0) {
    offer.set_signed_config(std::move(config));
  } else {
    offer.set_document(std::move(config));
  }
  return std::optional(std::move(offer));
}

}  // namespace sluice::hub
