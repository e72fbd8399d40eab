#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "model/series.h"

namespace sluice::ctl {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;  ///< 0: no well-formed UTF-8 here (RFC 3629)
};

/// The first code point of `text`, which is not empty.
CodePoint decode_utf8(std::string_view text);

/// The text with everything a terminal might obey made visible: control characters as \x1b, C1
/// controls, direction marks and other invisible code points as \u{202e}, bytes that are no UTF-8
/// as \x9b. Whatever comes from a node, a hub or a file passes through here before it is shown.
std::string printable(std::string_view text);

/// `temperature{device="3"} Cel`, fit for a terminal.
std::string series_text(const Series& series);

/// The series of a proto row with measurement, unit and labels.
template <typename Row>
Series series_of(const Row& row) {
  Series series{row.measurement(), row.unit(), {row.labels().begin(), row.labels().end()}};
  std::sort(series.labels.begin(), series.labels.end());
  return series;
}

/// Terminal columns that well-formed UTF-8 takes: 2 for wide East Asian and emoji, 0 for combining
/// marks.
std::size_t display_width(std::string_view text);

/// The text cut to `width` columns, the last one an ellipsis when something was cut off.
std::string fit(std::string_view text, std::size_t width);

/// `text` in exactly `width` columns.
std::string pad_right(std::string_view text, std::size_t width);
std::string pad_left(std::string_view text, std::size_t width);

}  // namespace sluice::ctl
