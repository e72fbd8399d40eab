#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ctl/top_model.h"

// What `sluicectl top` shows, from what it knows. Pure: values in, lines out.

namespace sluice::ctl {

enum class Style : std::uint8_t { plain, title, heading, bad, dim };

struct ScreenLine {
  std::string text;
  Style style = Style::plain;
};

struct ScreenSize {
  std::size_t width = 80;   ///< columns, at least 1
  std::size_t height = 24;  ///< lines, at least 1
  bool unicode = true;      ///< false: sparklines in ASCII
};

/// At most `size.height` lines of at most `size.width` columns, without control characters.
std::vector<ScreenLine> render(const NodeTop& top, const ScreenSize& size);
std::vector<ScreenLine> render(const HubTop& top, const ScreenSize& size);

/// The same in one `key=value` line, for a pipe or a log.
std::string plain_line(const NodeTop& top);
std::string plain_line(const HubTop& top);

}  // namespace sluice::ctl
