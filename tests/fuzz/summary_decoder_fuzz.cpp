#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "aggregate/window_extras.h"
#include "hub/summary_decoder.h"

/// What the hub does with it: keeps its snapshot, reads that again, merges it, asks it.
static void check(const sluice::WindowExtras& extras, std::uint64_t count) {
  sluice::ByteWriter bytes;
  extras.snapshot(bytes);
  sluice::ByteReader reader(bytes.bytes());
  auto again = sluice::WindowExtras::restore(reader);
  if (!again.ok() || !reader.at_end()) std::abort();
  sluice::ByteWriter bytes_again;
  again->snapshot(bytes_again);
  if (bytes.bytes() != bytes_again.bytes()) std::abort();
  again->merge(extras);
  again->close_gaps();
  if (const auto* histogram = again->histogram()) {
    if (histogram->count() != 2 * count) std::abort();
    if (count > 0 && !std::isfinite(histogram->quantile(0.5))) std::abort();
  }
  if (again->distinct() && !std::isfinite(again->distinct()->estimate())) std::abort();
  if (again->counter() && !std::isfinite(again->counter()->rate_per_s())) std::abort();
  if (again->states()) (void)again->states()->times();
  if (again->top()) (void)again->top()->top(10);
}

/// Whether the readings are where the window's kind has them.
static bool is_in_window(const sluice::DecodedPane& pane) {
  using sluice::WindowKind;
  if (pane.count == 0) {
    return pane.start_ns < pane.end_ns && pane.first_time_ns == 0 && pane.last_time_ns == 0 &&
           (pane.kind == WindowKind::tumbling || pane.kind == WindowKind::hopping);
  }
  if (pane.first_time_ns > pane.last_time_ns) return false;
  switch (pane.kind) {
    case WindowKind::sliding:
      return pane.start_ns < pane.first_time_ns && pane.last_time_ns <= pane.end_ns;
    case WindowKind::session: return pane.start_ns < pane.end_ns;
    case WindowKind::count: return pane.start_ns <= pane.end_ns;
    default: return pane.start_ns <= pane.first_time_ns && pane.last_time_ns < pane.end_ns;
  }
}

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
    const bool numbered = (pane.kind == sluice::WindowKind::count) == (pane.ordinal > 0);
    const bool placed = block->boot_id.empty() || (pane.start_ns >= -sluice::kBoottimeMaxNs &&
                                                   pane.end_ns <= sluice::kBoottimeMaxNs);
    if (!placed) std::abort();
    const bool numbers = std::isfinite(pane.sum) && std::isfinite(pane.min) &&
                         std::isfinite(pane.max) && std::isfinite(pane.first) &&
                         std::isfinite(pane.last) && std::isfinite(pane.m2) && pane.m2 >= 0;
    const auto span_ns = static_cast<std::uint64_t>(pane.last_time_ns) -
                         static_cast<std::uint64_t>(pane.first_time_ns);
    if (pane.has_held && (pane.largest_gap_ns > span_ns || !std::isfinite(pane.time_integral_s))) {
      std::abort();
    }
    if (pane.extras) check(*pane.extras, pane.count);
    if (!is_in_window(pane) || !numbered || !numbers || pane.series_id == 0 || pane.revision == 0) {
      std::abort();
    }
  }
  return 0;
}
