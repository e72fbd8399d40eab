#include "aggregate/hyper_log_log.h"

#include "restore_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  return sluice::fuzz_restore<sluice::HyperLogLog>(bytes, size);
}
