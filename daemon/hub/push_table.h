#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "hub/sqlite.h"
#include "sluice/v1/fleet.pb.h"

namespace sluice::hub {

/// Configs that were pushed. Writes into the transaction that its caller has open. Thread: that of
/// the database, which must outlive it.
class PushTable {
 public:
  static Result<PushTable> create(Database& database);

  /// Its number, which is above all that were ever given; that of `push` does not count.
  Result<std::uint64_t> add(const v1::ConfigPush& push, std::string_view config);
  /// False when there is none of this number.
  Result<bool> withdraw(std::uint64_t offer_id);
  Status remove(std::uint64_t offer_id);
  /// Newest first.
  Result<std::vector<v1::ConfigPush>> list();
  /// None: it is withdrawn, or not there.
  Result<std::optional<v1::ConfigOffer>> offer(std::uint64_t offer_id);

 private:
  PushTable() = default;

  Statement add_;
  Statement withdraw_;
  Statement remove_;
  Statement list_;
  Statement offer_;
};

}  // namespace sluice::hub
