#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "schema/config_reader.h"

namespace sluice {

/// What a checkpoint of this config may come to, and so how many windows the storage quota has room
/// for. The store keeps that much of the quota free for the write-ahead log: a checkpoint may write
/// all of it in one transaction. What plugins save of themselves is theirs and not counted.
struct StateBudget {
  std::uint64_t room_bytes = 0;     ///< what of the quota is for checkpoints
  std::uint64_t tails_bytes = 0;    ///< what is known of messages that may come again, by source
  std::uint64_t reorder_bytes = 0;  ///< readings that wait in reorder buffers
  std::uint64_t series_bytes = 0;   ///< the watermark of every series in every kind of windows
  std::uint64_t backlog_bytes = 0;  ///< readings of pipelines that are parked
  std::uint64_t window_bytes = 0;   ///< of one window, the largest that is configured
  std::uint64_t windows_wanted = 0;
  std::uint64_t windows_max = 0;  ///< what fits of them
  /// Places in the config of pipelines whose aggregates of plugins keep so much of a window that
  /// nothing would fit. A start parks them, and the numbers above are without those aggregates.
  std::vector<int> misfits;
  Status misfit;  ///< of the whole config, why; OK without misfits

  std::uint64_t beside_windows_bytes() const { return tails_bytes + reorder_bytes + series_bytes; }
  /// Of the largest checkpoint, as far as the quota can keep it free.
  std::uint64_t checkpoint_bytes() const;
  /// Windows that each pipeline may keep, of pipelines that have any.
  std::uint64_t windows_per_pipeline(const v1::Config& config) const;
  /// Readings that each pipeline may have waiting while it is parked.
  std::uint64_t pending_per_pipeline(const v1::Config& config) const;
  /// Of the whole config: `invalid_argument`, with the arithmetic, when too few windows fit to be
  /// of use.
  Status check() const;
  /// The arithmetic when not all that are wanted fit; else empty.
  std::string shortage() const;
};

StateBudget state_budget(const v1::Config& config);

/// Whether a config is to be taken over, or is in effect and the node starts with it: another
/// version of a plugin may keep more of a window than that which was there when it was taken over,
/// and that is no reason for the other pipelines to stand still.
enum class BudgetCheck { takes_over, starts };

/// Refuses at storage.quota what cannot work and notes what is less than written, also that a start
/// parks misfits.
void check_state_budget(LoadResult& loaded, BudgetCheck check = BudgetCheck::takes_over);

}  // namespace sluice
