#pragma once

#include <string>

#include "model/ports.h"

namespace sluice {

/// Writes a summary block as proto/sluice/v1/summary.proto, the bytes that identify it upstream.
///
/// Equal panes give equal bytes whatever their order in the block: they are sorted by series, start
/// and revision, and the format has no maps. A sum or m2 that has left the range of double travels
/// as the largest finite one, since the hub refuses what is not a number. Stateless: any thread.
class ProtoSummaryEncoder final : public SummaryEncoder {
 public:
  /// `block` holds 1..kBlockPanesMax panes, each with count >= 1 and
  /// start <= first time <= last time < end. All have the same aggregates with the same options,
  /// and the same expected_every_ns.
  std::string encode(const SummaryBlock& block) override;
  std::string encode(const TimeCorrection& correction) override;
};

}  // namespace sluice
