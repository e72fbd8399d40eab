#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/status.h"

namespace sluice {

/// What a window asks of an aggregate; every class of this room that folds readings has it.
///
/// - `add` takes one reading (ns since 1970 UTC, value in the series' unit) and says whether it was
///   taken: NaN and infinities are not.
/// - `merge` folds another part. `invalid_argument`, and nothing changed, when the two were made
///   with options that cannot be mixed.
/// - `snapshot` appends everything to a byte string, options included; `restore` reads exactly that
///   much back, and what it gives behaves like the original in every respect. `data_loss` for bytes
///   that no aggregate could have written.
/// - `state_bytes` is the memory that it holds now, itself included; bounded by its options.
///
/// Plain values: copied, moved, one thread at a time.
template <typename T>
concept Aggregate = std::copyable<T> &&
    requires(T aggregate, const T& other, ByteWriter& writer, ByteReader& reader) {
  { aggregate.add(std::int64_t{}, double{}) } -> std::same_as<bool>;
  { aggregate.merge(other) } -> std::same_as<Status>;
  { other.snapshot(writer) } -> std::same_as<void>;
  { T::restore(reader) } -> std::same_as<Result<T>>;
  { other.state_bytes() } -> std::same_as<std::size_t>;
};

/// Readings that one aggregate may hold: what a double counts exactly. A snapshot that says more is
/// malformed; at a million readings a second it takes 285 years.
inline constexpr std::uint64_t kReadingsMax = std::uint64_t{1} << 53;

}  // namespace sluice
