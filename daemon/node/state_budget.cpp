#include "node/state_budget.h"

#include <algorithm>
#include <cstdio>
#include <utility>

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
  if (!misfit.ok()) return misfit;
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

namespace {

bool is_in(const std::vector<int>& places, int place) {
  return std::find(places.begin(), places.end(), place) != places.end();
}

std::uint64_t window_bytes_of(const v1::Config& config, int pipeline, int window,
                              bool with_plugins) {
  Status missing;  // said when the pipeline is built
  WindowSpec spec = compose_window(config, pipeline, window, missing);
  if (!with_plugins) spec.extras.plugins.clear();
  return KeyedWindows::snapshot_bytes(spec, config.pipelines(pipeline).max_out_of_order_ns() > 0);
}

StateBudget budget_without(const std::vector<int>& misfits, const v1::Config& config) {
  StateBudget budget;
  budget.room_bytes = config.storage().quota_bytes() / kQuotaPart;
  budget.window_bytes = KeyedWindows::kSnapshotBytes;
  budget.tails_bytes = static_cast<std::uint64_t>(config.sources_size()) * kTailBytes;
  for (int p = 0; p < config.pipelines_size(); ++p) {
    const v1::PipelineConfig& pipeline = config.pipelines(p);
    if (pipeline.stages_size() > 0) budget.reorder_bytes += pipeline.reorder_max() * kWaitingBytes;
    for (int i = 0; i < pipeline.windows_size(); ++i) {
      const v1::WindowConfig& window = pipeline.windows(i);
      const bool some_wait = pipeline.max_out_of_order_ns() > 0 || window.allowed_lateness_ns() > 0;
      if (some_wait) budget.reorder_bytes += pipeline.reorder_max() * kInWindowBytes;
      budget.series_bytes += config.limits().series_max() *
                             (window.has_sliding() ? kSlidingSeriesBytes : kSeriesBytes);
      budget.window_bytes =
          std::max(budget.window_bytes, window_bytes_of(config, p, i, !is_in(misfits, p)));
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

/// Pipelines with aggregates of plugins, those with the largest windows first.
std::vector<int> with_plugins(const v1::Config& config) {
  std::vector<std::pair<std::uint64_t, int>> by_bytes;
  for (int p = 0; p < config.pipelines_size(); ++p) {
    std::uint64_t bytes = 0;
    for (int i = 0; i < config.pipelines(p).windows_size(); ++i) {
      if (config.pipelines(p).windows(i).aggregates().plugins_size() == 0) continue;
      bytes = std::max(bytes, window_bytes_of(config, p, i, true));
    }
    if (bytes > 0) by_bytes.emplace_back(bytes, p);
  }
  std::sort(by_bytes.rbegin(), by_bytes.rend());
  std::vector<int> places;
  for (const auto& [bytes, place] : by_bytes) places.push_back(place);
  return places;
}

std::string parked_text(const v1::Config& config, const StateBudget& budget) {
  std::string names;
  for (const int place : budget.misfits) {
    names += (names.empty() ? "" : ", ") + config.pipelines(place).name();
  }
  return "parked, for what its aggregates of plugins keep of windows does not fit: " + names +
         ": storage.quota: " + std::string(budget.misfit.message());
}

}  // namespace

StateBudget state_budget(const v1::Config& config) {
  StateBudget whole = budget_without({}, config);
  const Status misfit = whole.check();
  if (misfit.ok()) return whole;
  std::vector<int> misfits;
  for (const int place : with_plugins(config)) {
    misfits.push_back(place);
    StateBudget rest = budget_without(misfits, config);
    if (!rest.check().ok()) continue;
    rest.misfits = std::move(misfits);
    rest.misfit = misfit;
    return rest;
  }
  return whole;
}

void check_state_budget(LoadResult& loaded, BudgetCheck check) {
  if (!loaded.ok()) return;
  const StateBudget budget = state_budget(loaded.config);
  schema::ErrorList errors(loaded.file_name);
  const auto refuse = [&](const char* key_path, std::string message) {
    errors.add(loaded.places.find(key_path), key_path, std::move(message));
  };
  if (check == BudgetCheck::starts && !budget.misfits.empty()) {
    loaded.notes.push_back(parked_text(loaded.config, budget));
  } else if (const Status s = budget.check(); !s.ok()) {
    refuse("storage.quota", std::string(s.message()));
  }
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
