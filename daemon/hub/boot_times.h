#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "hub/sqlite.h"
#include "hub/summary_decoder.h"
#include "model/boot_time.h"

namespace sluice::hub {

/// What time it was in boots whose panes and events came in boot time
/// (decisions/0006-boot-time.md). Writes into the transaction that its caller has open. Thread:
/// that of the database, which must outlive it.
class BootTimes {
 public:
  static Result<BootTimes> create(Database& database);

  /// What a boot's times lack to 1970, if that is known by now; else 0. Of no boot, too.
  Result<std::int64_t> offset_of(std::int64_t node_id, std::string_view boot_id);
  /// Gives the panes of a block in boot time the time they had, if that is known by now.
  Status label(std::int64_t node_id, DecodedBlock& block);
  /// The time of a boot of the node `node`, for panes and events that are here and those that will
  /// come, of all its epochs. False when what is known is as new or newer.
  Result<bool> correct(std::string_view node, const TimeCorrection& correction);

 private:
  BootTimes() = default;
  Status move(std::string_view node, std::string_view boot_id, std::int64_t by_ns);

  Statement of_node_;
  Statement find_;
  Statement write_;
  Statement move_;
  Statement move_events_;
};

}  // namespace sluice::hub
