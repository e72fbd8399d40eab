#include "hub/boot_times.h"

#include <tuple>
#include <utility>

namespace sluice::hub {
namespace {

constexpr char kOfNode[] =
    "SELECT offset_ns FROM boot_time WHERE boot_id = ?"
    " AND node = (SELECT node FROM node WHERE id = ?)";
constexpr char kFind[] =
    "SELECT offset_ns, error_ns, boottime_ns FROM boot_time WHERE node = ? AND boot_id = ?";
constexpr char kWrite[] =
    "INSERT OR REPLACE INTO boot_time (node, boot_id, offset_ns, error_ns, boottime_ns)"
    " VALUES (?, ?, ?, ?, ?)";
constexpr char kMove[] =
    "UPDATE pane SET start_ns = start_ns + ?1, end_ns = end_ns + ?1,"
    " first_time_ns = first_time_ns + ?1, last_time_ns = last_time_ns + ?1"
    " WHERE boot_id <> '' AND boot_id = ?2 AND node_id IN (SELECT id FROM node WHERE node = ?3)";

// A plugin may tell of any time.
constexpr char kMoveEvents[] =
    "UPDATE event SET time_ns = min(event_time_ns, ?4 - ?1) + ?1"
    " WHERE boot_id <> '' AND boot_id = ?2 AND node_id IN (SELECT id FROM node WHERE node = ?3)";

// Where panes wait while all of a boot are moved: SQLite looks at one row at a time, and a window
// may go where its neighbour still is. So far from all labels that none can be met there or on the
// way back.
constexpr std::int64_t kAsideNs = -(std::int64_t{1} << 62);
static_assert(kBootOffsetMaxNs + 2 * kBoottimeMaxNs < -kAsideNs);

}  // namespace

Result<BootTimes> BootTimes::create(Database& database) {
  BootTimes times;
  const std::pair<Statement*, const char*> statements[] = {{&times.of_node_, kOfNode},
                                                           {&times.find_, kFind},
                                                           {&times.write_, kWrite},
                                                           {&times.move_, kMove},
                                                           {&times.move_events_, kMoveEvents}};
  for (const auto& [statement, sql] : statements) {
    auto prepared = database.prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = std::move(*prepared);
  }
  return times;
}

Result<std::int64_t> BootTimes::offset_of(std::int64_t node_id, std::string_view boot_id) {
  const ResetOnExit reset{of_node_};
  of_node_.bind_text(0, boot_id).bind(1, node_id);
  const auto found = of_node_.step();
  if (!found.ok()) return found.status();
  return *found ? of_node_.column_i64(0) : 0;
}

Status BootTimes::label(std::int64_t node_id, DecodedBlock& block) {
  const auto offset = offset_of(node_id, block.boot_id);
  if (!offset.ok()) return offset.status();
  const std::int64_t offset_ns = *offset;
  for (DecodedPane& pane : block.panes) {
    for (std::int64_t* time_ns :
         {&pane.start_ns, &pane.end_ns, &pane.first_time_ns, &pane.last_time_ns}) {
      *time_ns += offset_ns;  // both are bounded by the decoder
    }
  }
  return {};
}

/// The later knowledge counts. At one moment there is one, but for two lives of a database: then
/// any rule does that does not depend on which comes first.
Result<bool> BootTimes::correct(std::string_view node, const TimeCorrection& correction) {
  std::int64_t known_offset_ns = 0;
  {
    const ResetOnExit reset{find_};
    find_.bind_text(0, node).bind_text(1, correction.boot_id);
    const auto found = find_.step();
    if (!found.ok()) return found.status();
    if (*found) {
      known_offset_ns = find_.column_i64(0);
      const auto rank = [](std::int64_t boottime_ns, std::int64_t error_ns, std::int64_t offset) {
        return std::tuple(boottime_ns, -error_ns, offset);
      };
      if (rank(correction.boottime_ns, correction.error_ns, correction.offset_ns) <=
          rank(find_.column_i64(2), find_.column_i64(1), known_offset_ns)) {
        return false;
      }
    }
  }
  write_.bind_text(0, node).bind_text(1, correction.boot_id);
  write_.bind(2, correction.offset_ns).bind(3, correction.error_ns);
  write_.bind(4, correction.boottime_ns);
  if (Status s = write_.run(); !s.ok()) return s;
  const std::int64_t by_ns = correction.offset_ns - known_offset_ns;
  if (by_ns == 0) return true;
  move_events_.bind(0, correction.offset_ns).bind_text(1, correction.boot_id).bind_text(2, node);
  move_events_.bind(3, kEventTimeMaxNs);
  if (Status s = move_events_.run(); !s.ok()) return s;
  if (Status s = move(node, correction.boot_id, kAsideNs); !s.ok()) return s;
  if (Status s = move(node, correction.boot_id, by_ns - kAsideNs); !s.ok()) return s;
  return true;
}

Status BootTimes::move(std::string_view node, std::string_view boot_id, std::int64_t by_ns) {
  move_.bind(0, by_ns).bind_text(1, boot_id).bind_text(2, node);
  return move_.run();
}

}  // namespace sluice::hub
