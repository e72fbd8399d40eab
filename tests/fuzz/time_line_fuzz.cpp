#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "pipeline/time_line.h"

// Whatever is restored goes on, and stands another checkpoint unchanged.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  sluice::TimeLine line;
  if (!line.restore(std::string_view(reinterpret_cast<const char*>(bytes), size)).ok()) return 0;
  const std::string snapshot = line.snapshot();
  sluice::TimeLine again;
  SLUICE_ASSERT(again.restore(snapshot).ok());
  SLUICE_ASSERT(again.snapshot() == snapshot);
  const sluice::TrustedTime time{sluice::ClockQuality::synced, 1'700'000'000'000'000'000, 5};
  const auto entry = line.due("boot", time, 7, [] { return INT64_MIN; });
  if (entry) line.apply(*entry);
  sluice::ReadingBatch readings;
  readings.append({1, 2, 3, sluice::Value::of(1.0), sluice::Quality::good});
  line.stamp(8, readings, 0);
  (void)line.correction();
  return 0;
}
