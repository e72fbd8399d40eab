#include "node/state_budget.h"

#include <algorithm>
#include <cstdio>

#include "node/compose_windows.h"
#include "pipeline/backlog.h"
#include "pipeline/keyed_windows.h"
#include "pipeline/redelivery.h"

namespace sluice {
namespace {

constexpr std::uint64_t kWindowsDefault = 200'000;  // of a config of before there was a key
constexpr std::uint64_t kWindowsLeast = 1'000;
/// Part of the quota for checkpoints. The log gets as much again, so a third is taken; the rest is
/// for segments, the outbox and definitions.
constexpr std::uint64_t kQuotaPart = 6;
constexpr std::uint64_t kQuotaPayloadPart = 8;
/// Measured: 7 bytes a message, and what a source was subscribed to.
constexpr std::uint64_t kTailBytes = Redelivery::kTailMax * 7 + 4096;
constexpr std::uint64_t kWaitingBytes = 40;   // of a reading in a reorder buffer
constexpr std::uint64_t kInWindowBytes = 14;  // of a reading that waits in its window
constexpr std::uint64_t kSeriesBytes = 16;
constexpr std::uint64_t kSlidingSeriesBytes = 48;
constexpr std::uint64_t kBacklogBytes = 24;  // of a reading that waits for its pipeline
constexpr std::uint64_t kBacklogPart = 4;    // of the room, for all of them

std::string mib(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / (1 << 20));
  return text;
}

/// Without a plugin or a time zone there is nothing that could be missing.
std::uint64_t can_be_parked(const v1::Config& config) {
  const auto needs_something = [](const v1::WindowConfig& window) {
    return window.aggregates().plugins_size() > 0 || !window.time_zone().empty();
  };
  return static_cast<std::uint64_t>(std::count_if(
      config.pipelines().begin(), config.pipelines().end(), [&](const v1::PipelineConfig& p) {
        return p.stages_size() > 0 ||
               std::any_of(p.windows().begin(), p.windows().end(), needs_something);
      }));
}

}  // namespace

std::uint64_t StateBudget::checkpoint_bytes() const {
  const std::uint64_t bytes = beside_windows_bytes() + backlog_bytes + windows_max * window_bytes;
  return std::min(bytes, room_bytes + room_bytes / 2);
}

std::uint64_t StateBudget::windows_per_pipeline(const v1::Config& config) const {
  const auto pipelines =
      std::count_if(config.pipelines().begin(), config.pipelines().end(),
                    [](const v1::PipelineConfig& p) { return p.windows_size() > 0; });
  return std::max<std::uint64_t>(windows_max / std::max<std::uint64_t>(pipelines, 1), 16);
}

std::uint64_t StateBudget::pending_per_pipeline(const v1::Config& config) const {
  const std::uint64_t each =
      backlog_bytes / kBacklogBytes / std::max<std::uint64_t>(can_be_parked(config), 1);
  return std::clamp<std::uint64_t>(each, 16, Backlog::kPendingMax);
}

Status StateBudget::check() const {
  const std::uint64_t least_bytes = tails_bytes + kWindowsLeast * window_bytes;
  if (least_bytes <= room_bytes) return {};
  return invalid_argument(
      "expected at least " + mib(least_bytes * kQuotaPart) + ": a sixth of it, now " +
      mib(room_bytes) + ", is for checkpoints, and of one " + mib(tails_bytes) +
      " are what these sources may send again, and " + mib(least_bytes - tails_bytes) +
      " the least of windows, " + std::to_string(window_bytes) +
      " bytes each; or use fewer sources or smaller aggregates");
}

std::string StateBudget::shortage() const {
  if (windows_max >= windows_wanted) return {};
  return "limits.windows_max: " + std::to_string(windows_max) + " instead of " +
         std::to_string(windows_wanted) + ": a sixth of storage.quota, " + mib(room_bytes) +
         ", is for checkpoints, and other state may take " + mib(beside_windows_bytes()) +
         " of it, the largest window " + std::to_string(window_bytes) + " bytes";
}

StateBudget state_budget(const v1::Config& config) {
  StateBudget budget;
  budget.room_bytes = config.storage().quota_bytes() / kQuotaPart;
  budget.window_bytes = KeyedWindows::kSnapshotBytes;
  budget.tails_bytes = static_cast<std::uint64_t>(config.sources_size()) * kTailBytes;
  for (int p = 0; p < config.pipelines_size(); ++p) {
    const v1::PipelineConfig& pipeline = config.pipelines(p);
    if (pipeline.stages_size() > 0) budget.reorder_bytes += pipeline.reorder_max() * kWaitingBytes;
    for (int i = 0; i < pipeline.windows_size(); ++i) {
      const v1::WindowConfig& window = pipeline.windows(i);
      Status missing;  // said when the pipeline is built
      const bool some_wait = pipeline.max_out_of_order_ns() > 0 || window.allowed_lateness_ns() > 0;
      if (some_wait) budget.reorder_bytes += pipeline.reorder_max() * kInWindowBytes;
      budget.series_bytes += config.limits().series_max() *
                             (window.has_sliding() ? kSlidingSeriesBytes : kSeriesBytes);
      budget.window_bytes = std::max<std::uint64_t>(
          budget.window_bytes, KeyedWindows::snapshot_bytes(compose_window(config, p, i, missing),
                                                            pipeline.max_out_of_order_ns() > 0));
    }
  }
  budget.backlog_bytes = std::min(budget.room_bytes / kBacklogPart,
                                  can_be_parked(config) * Backlog::kPendingMax * kBacklogBytes);
  budget.windows_wanted = config.limits().windows_max();
  if (budget.windows_wanted == 0) budget.windows_wanted = kWindowsDefault;
  const std::uint64_t left_bytes =
      budget.room_bytes - std::min(budget.room_bytes, budget.beside_windows_bytes());
  budget.windows_max =
      std::min(budget.windows_wanted, std::max(kWindowsLeast, left_bytes / budget.window_bytes));
  return budget;
}

void check_state_budget(LoadResult& loaded) {
  if (!loaded.ok()) return;
  const StateBudget budget = state_budget(loaded.config);
  schema::ErrorList errors(loaded.file_name);
  const auto refuse = [&](const char* key_path, std::string message) {
    errors.add(loaded.places.find(key_path), key_path, std::move(message));
  };
  if (const Status s = budget.check(); !s.ok()) refuse("storage.quota", std::string(s.message()));
  // A message is one commit: one that never fits would come again for ever.
  const std::uint64_t payload_max = loaded.config.storage().quota_bytes() / kQuotaPayloadPart;
  if (loaded.config.limits().payload_bytes_max() > payload_max) {
    refuse("limits.payload_max", "expected at most an eighth of storage.quota, " +
                                     mib(payload_max) + ", got " +
                                     mib(loaded.config.limits().payload_bytes_max()));
  }
  for (ConfigError& error : errors.take()) loaded.errors.push_back(std::move(error));
  if (!loaded.ok()) return;
  if (std::string note = budget.shortage(); !note.empty()) loaded.notes.push_back(std::move(note));
}

}  // namespace sluice
