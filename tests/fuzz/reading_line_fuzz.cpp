#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ctl/reading_line.h"

// Any bytes as the readings of `sluicectl plugins test`. What is accepted is written and read back.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace sluice;
  using namespace sluice::ctl;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto lines = parse_reading_lines(text);
  if (!lines.ok()) {
    if (!lines.status().message().starts_with("line ")) std::abort();
    return 0;
  }
  for (const ReadingLine& line : *lines) {
    const std::string written = reading_json(line.series, line.reading);
    if (written.size() > 65536) continue;
    const auto again = parse_reading_line(written);
    if (!again.ok() || again->series != line.series || again->reading != line.reading) std::abort();
  }
  return 0;
}
