#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aggregate/merged_content.h"
#include "base/status.h"
#include "model/window.h"

namespace sluice {

/// One pane of a block, as the hub keeps it. Numbers are in the unit of the series.
struct DecodedPane {
  std::uint32_t series_id = 0;  ///< from 1; permanent within (node, epoch)
  WindowKind kind = WindowKind::tumbling;
  std::int64_t start_ns = 0;  ///< ns since 1970 UTC; as WindowId says for its kind
  std::int64_t end_ns = 0;
  std::uint64_t ordinal = 0;   ///< from 1 on for count windows, else 0
  std::uint32_t revision = 1;  ///< from 1; the highest wins
  PaneQuality quality = PaneQuality::complete;
  std::uint64_t count = 0;  ///< 0: all numbers and times after it are 0
  double sum = 0;           ///< this and the following numbers are finite
  double min = 0;
  double max = 0;
  double first = 0;
  double last = 0;
  double m2 = 0;                   ///< sum of squared deviations from the mean; not negative
  std::int64_t first_time_ns = 0;  ///< in the window, but of sessions and count windows anywhere
  std::int64_t last_time_ns = 0;   ///< not before the first
  bool has_held = false;           ///< the two after it are known, as HeldTime says
  std::uint64_t largest_gap_ns = 0;
  double time_integral_s = 0;
  std::int64_t expected_every_ns = 0;          ///< of a reading of the series; 0: not known
  std::shared_ptr<const WindowExtras> extras;  ///< null when not configured
};

/// What merges: MergedContent::of() takes it. Panes of PaneQuality::early and ::retracted count for
/// nothing and are left out, and of each window only the highest revision is merged.
WindowSummary summary_of(const DecodedPane& pane);

/// A summary block whose every field has been checked.
struct DecodedBlock {
  std::string pipeline;  ///< 1..128 bytes
  std::uint64_t spec_hash = 0;
  std::vector<DecodedPane> panes;  ///< 1..65536, in the order of the block; none with `correction`
  /// Not empty: all times are CLOCK_BOOTTIME of that boot, within kBoottimeMaxNs of its begin.
  std::string boot_id = {};
  std::optional<TimeCorrection> correction = {};  ///< then there is nothing else
};

/// No node runs longer without a reboot.
inline constexpr std::int64_t kBoottimeMaxNs = std::int64_t{10} * 365 * 86'400 * 1'000'000'000;
/// Offsets of corrections are 0 to this, in the year 2093.
inline constexpr std::int64_t kBootOffsetMaxNs = 3'900'000'000'000'000'000;

/// Reads the bytes of one outbox row (proto/sluice/v1/summary.proto). The bytes come from a node
/// over the network, so nothing in them is believed: `data_loss` when they are not a SummaryBlock
/// at all, `invalid_argument` naming the field and the place when one breaks its contract. A block
/// is taken whole or not at all. Any thread.
Result<DecodedBlock> decode_summary_block(std::string_view bytes);

}  // namespace sluice
