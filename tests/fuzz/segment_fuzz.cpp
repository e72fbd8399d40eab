#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "store/segment_codec.h"

// Whatever decodes must survive another round trip unchanged.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto segment =
      sluice::decode_segment(std::string_view(reinterpret_cast<const char*>(bytes), size));
  if (!segment.ok()) return 0;
  const auto again = sluice::decode_segment(sluice::encode_segment(*segment));
  SLUICE_ASSERT(again.ok());
  SLUICE_ASSERT(*again == *segment);
  return 0;
}
