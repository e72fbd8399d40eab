#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "hub/summary_decoder.h"

// Whatever comes: no crash, and a block that was taken keeps every promise of the header.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto block = sluice::decode_summary_block({reinterpret_cast<const char*>(bytes), size});
  if (!block.ok()) return 0;
  if (const auto& time = block->correction) {
    const bool sound = !time->boot_id.empty() && time->boot_id.size() <= sluice::kBootIdBytesMax &&
                       time->offset_ns >= 0 && time->offset_ns <= sluice::kBootOffsetMaxNs &&
                       time->error_ns >= 0 && time->boottime_ns >= 0 && block->panes.empty();
    if (!sound) std::abort();
    return 0;
  }
  if (block->panes.empty() || block->panes.size() > sluice::kBlockPanesMax) std::abort();
  for (const sluice::DecodedPane& pane : block->panes) {
    const bool times = pane.start_ns <= pane.first_time_ns &&
                       pane.first_time_ns <= pane.last_time_ns && pane.last_time_ns < pane.end_ns;
    const bool placed = block->boot_id.empty() || (pane.start_ns >= -sluice::kBoottimeMaxNs &&
                                                   pane.end_ns <= sluice::kBoottimeMaxNs);
    if (!placed) std::abort();
    const bool numbers = std::isfinite(pane.sum) && std::isfinite(pane.min) &&
                         std::isfinite(pane.max) && std::isfinite(pane.first) &&
                         std::isfinite(pane.last) && std::isfinite(pane.m2) && pane.m2 >= 0;
    if (!times || !numbers || pane.series_id == 0 || pane.count == 0 || pane.revision == 0) {
      std::abort();
    }
  }
  return 0;
}
