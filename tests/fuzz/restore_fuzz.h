#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "aggregate/aggregate.h"
#include "base/assert.h"

namespace sluice {

template <Aggregate T>
std::string snapshot_of(const T& aggregate) {
  ByteWriter writer;
  aggregate.snapshot(writer);
  return writer.take();
}

/// What was restored must survive another round trip, hold no more than its kind ever needs, and
/// take readings.
template <Aggregate T>
void check_restored(T aggregate, ByteReader& readings) {
  const std::string snapshot = snapshot_of(aggregate);
  ByteReader reader(snapshot);
  const auto again = T::restore(reader);
  SLUICE_ASSERT(again.ok() && reader.at_end());
  SLUICE_ASSERT(snapshot_of(*again) == snapshot);
  SLUICE_ASSERT(aggregate.state_bytes() < 4'000'000);
  while (readings.remaining() >= 9) {
    const std::int64_t time = readings.i64();
    const double value = readings.f64();
    SLUICE_ASSERT(!readings.ok() || aggregate.add(time, value) == std::isfinite(value));
  }
  (void)snapshot_of(aggregate);
}

/// Two snapshots, then readings. Merging either into the other gives the same bytes, and something
/// that is taken again.
template <Aggregate T>
int fuzz_restore(const std::uint8_t* bytes, std::size_t size) {
  ByteReader reader(std::string_view(reinterpret_cast<const char*>(bytes), size));
  const auto a = T::restore(reader);
  if (!a.ok()) {
    SLUICE_ASSERT(a.status().code() == StatusCode::data_loss);
    return 0;
  }
  const auto b = T::restore(reader);
  check_restored(*a, reader);
  if (!b.ok()) return 0;
  T ab = *a;
  T ba = *b;
  const Status one = ab.merge(*b);
  const Status other = ba.merge(*a);
  SLUICE_ASSERT(one.ok() == other.ok());
  if (!one.ok()) return 0;
  const std::string merged = snapshot_of(ab);
  SLUICE_ASSERT(merged == snapshot_of(ba));
  ByteReader merged_reader(merged);
  SLUICE_ASSERT(T::restore(merged_reader).ok());
  return 0;
}

}  // namespace sluice
