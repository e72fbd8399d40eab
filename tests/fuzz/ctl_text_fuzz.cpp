// Text from a node, a hub or the command line on its way to a terminal or into JSON.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "ctl/format.h"
#include "ctl/json_print.h"
#include "ctl/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  const std::string shown = sluice::ctl::printable(text);
  for (const char c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) std::abort();
  }
  if (sluice::ctl::printable(shown) != shown) std::abort();
  for (const std::size_t width : {0u, 1u, 7u, 80u}) {
    const std::string padded = sluice::ctl::pad_right(shown, width);
    if (sluice::ctl::display_width(padded) != width) std::abort();
  }
  std::string json;
  sluice::ctl::append_json_string(json, text);
  for (const char c : json) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) std::abort();
  }
  const auto time = sluice::ctl::parse_time(text);
  if (time.ok() && size < 64) {
    const auto again = sluice::ctl::parse_time(sluice::ctl::utc_text(*time));
    // Beyond the years 1678..2261 only plain nanoseconds are taken.
    if (again.ok() && *again != *time) std::abort();
  }
  (void)sluice::ctl::parse_duration(text).ok();
  return 0;
}
