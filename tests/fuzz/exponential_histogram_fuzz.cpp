#include "aggregate/exponential_histogram.h"

#include "restore_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  return sluice::fuzz_restore<sluice::ExponentialHistogram>(bytes, size);
}
