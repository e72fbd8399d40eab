#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "model/log.h"

namespace sluice {

/// The bytes of one segment row: a format number, the ledger's changes, then the entries in order.
/// The row around them carries the checksum. Bit-exact: decode gives back an equal segment.
std::string encode_segment(const Segment& segment);
/// The same with another ledger: the store adds what the acks of the group's commit changed.
std::string encode_segment(std::span<const LogEntry> entries, const Ledger& ledger);

/// `data_loss` for a format this program does not know and for anything malformed.
Result<Segment> decode_segment(std::string_view bytes);

}  // namespace sluice
