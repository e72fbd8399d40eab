#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "ingest/publish_cutter.h"

namespace {
std::string cut(std::string_view in, std::size_t step) {
  sluice::PublishCutter cutter(40);
  std::string out;
  for (; !in.empty(); in.remove_prefix(std::min(step, in.size()))) {
    cutter.feed(in.substr(0, step), out);
  }
  return out;
}
}  // namespace

// What is cut never grows, does not depend on how the bytes arrive, and is cut no further.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(bytes), size);
  const std::string whole = cut(in, size + 1);
  SLUICE_ASSERT(whole.size() <= in.size());
  SLUICE_ASSERT(cut(in, 1) == whole);
  SLUICE_ASSERT(cut(in, 3) == whole);
  SLUICE_ASSERT(cut(whole, 7) == whole);
  return 0;
}
