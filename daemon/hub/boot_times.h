#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "hub/sqlite.h"
#include "hub/summary_decoder.h"
#include "model/boot_time.h"

namespace sluice::hub {

/// What time it was in boots whose panes came in boot time (decisions/0006-boot-time.md). Writes
/// into the transaction that its caller has open. Thread: that of the database, which must outlive
/// it.
class BootTimes {
 public:
  static Result<BootTimes> create(Database& database);

  /// Gives the panes of a block in boot time the time they had, if that is known by now.
  Status label(std::int64_t node_id, DecodedBlock& block);
  /// The time of a boot of the node `node`, for panes that are here and those that will come, of
  /// all its epochs. False when what is known is as new or newer.
  Result<bool> correct(std::string_view node, const TimeCorrection& correction);

 private:
  BootTimes() = default;
  Status move(std::string_view node, std::string_view boot_id, std::int64_t by_ns);

  Statement of_node_;
  Statement find_;
  Statement write_;
  Statement move_;
};

}  // namespace sluice::hub
