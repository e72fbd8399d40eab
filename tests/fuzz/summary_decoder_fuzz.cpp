#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aggregate/window_extras.h"
#include "hub/summary_decoder.h"

/// A plugin that reads every other state, by its first byte, and whose merges may fail.
class AnyBytes final : public sluice::AggregateType {
 public:
  explicit AnyBytes(sluice::PluginAggregateIdentity identity) : identity_(std::move(identity)) {}
  const sluice::PluginAggregateIdentity& identity() const override { return identity_; }
  std::size_t state_bytes() const override { return 1; }
  std::size_t saved_bytes_max() const override { return 1; }
  bool init(std::byte*) const override { return true; }
  bool add(std::byte*, std::int64_t, double) const override { return true; }
  bool merge(std::byte* state, const std::byte* other) const override {
    *state ^= *other;
    return *state != std::byte{0xFE};
  }
  bool move_by(std::byte* state, std::int64_t) const override { return *state != std::byte{2}; }
  bool save(const std::byte* state, std::string& out) const override {
    out.push_back(static_cast<char>(*state));
    return true;
  }
  bool restore(std::byte* state, std::string_view bytes, const std::string&) const override {
    if (bytes.empty()) std::abort();
    *state = static_cast<std::byte>(bytes[0]);
    return (bytes[0] & 1) == 0;
  }
  bool result(const std::byte* state, std::span<double> values) const override {
    for (double& v : values) v = static_cast<double>(*state);
    return true;
  }

 private:
  sluice::PluginAggregateIdentity identity_;
};

static void check_plugin(const sluice::PluginAggregate& plugin) {
  if (plugin.open() || plugin.key().plugin.find('/') != std::string::npos) std::abort();
  const std::vector<double> results = plugin.results();
  if (plugin.lost() != plugin.saved().empty()) std::abort();
  if (!results.empty() &&
      (plugin.lost() || results.size() != plugin.identity().result_names.size()))
    std::abort();
  for (const double v : results) {
    if (std::isinf(v)) std::abort();
  }
}

/// Of sealed ones nothing is left after a merge; of open ones each is there or lost.
static void check_plugins(const sluice::WindowExtras& extras) {
  for (const sluice::PluginAggregate* plugin : extras.plugins()) check_plugin(*plugin);
  sluice::WindowExtras opened = extras;
  const auto find = [&extras](const sluice::PluginAggregateKey& key) {
    std::shared_ptr<const sluice::AggregateType> type;
    for (const sluice::PluginAggregate* plugin : extras.plugins()) {
      if (plugin->key() == key) type = std::make_shared<AnyBytes>(plugin->identity());
    }
    return type;
  };
  opened.open_plugins(find);
  opened.move_by(5);
  const sluice::WindowExtras other = opened;
  opened.merge(other);
  for (const sluice::PluginAggregate* plugin : opened.plugins()) {
    if (!plugin->open() && !plugin->lost()) std::abort();
    const bool has_names = !plugin->identity().result_names.empty();
    if (plugin->open() && has_names && plugin->lost() != plugin->results().empty()) std::abort();
  }
}

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
  check_plugins(extras);
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
