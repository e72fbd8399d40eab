#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "model/reading.h"

namespace sluice::storage {

/// Appends a batch as columns. Typical sensor readings take 3 to 5 bytes each; any 64 bits of any
/// value (NaN, -0.0, subnormals) come back as they were.
///
/// Format: row count; series ids as zigzag differences; topics, kinds and qualities as runs; stamps
/// as delta of delta in the largest of ns, us, ms, s that divides them all; one decimal exponent
/// per series, as runs; then one token per row, against the value before *of the same series*:
/// doubles as 1 + zigzag(difference of decimal-scaled integers), or 0 and the raw 64 bits; others
/// as zigzag(difference).
void encode_batch(ByteWriter& out, const ReadingBatch& batch);

/// `data_loss` for anything encode_batch could not have written. Memory stays within a small
/// multiple of the input, whatever its counts claim.
Result<ReadingBatch> decode_batch(ByteReader& in);

}  // namespace sluice::storage
