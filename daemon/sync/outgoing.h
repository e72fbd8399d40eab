#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sluice/v1/uplink.pb.h"

namespace sluice {

/// A message that waits for its turn on the stream.
struct Outgoing {
  v1::UplinkRequest message;
  std::vector<std::int64_t> seqs;  ///< rows of a batch; empty for all else
  std::size_t bytes = 0;           ///< of its blocks or definitions
};

}  // namespace sluice
