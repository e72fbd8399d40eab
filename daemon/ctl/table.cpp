#include "ctl/table.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "ctl/text.h"

namespace sluice::ctl {
namespace {
constexpr std::size_t kGap = 2;

void strip_end(std::string& line) { line.erase(line.find_last_not_of(' ') + 1); }
}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {
  for (const Column& column : columns_) widths_.push_back(display_width(column.heading));
}

void Table::add_row(std::vector<std::string> cells) {
  SLUICE_ASSERT(cells.size() <= columns_.size());
  cells.resize(columns_.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    cells[i] = printable(cells[i]);
    widths_[i] = std::max(widths_[i], display_width(cells[i]));
  }
  rows_.push_back(std::move(cells));
}

std::string Table::line(const std::vector<std::string>& cells) const {
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out.append(kGap, ' ');
    out += columns_[i].right ? pad_left(cells[i], widths_[i]) : pad_right(cells[i], widths_[i]);
  }
  strip_end(out);
  return out + "\n";
}

std::string Table::take() {
  std::string out;
  if (!std::exchange(headed_, true)) {
    std::vector<std::string> headings;
    for (const Column& column : columns_) headings.push_back(column.heading);
    out += line(headings);
  }
  for (const auto& row : rows_) out += line(row);
  rows_.clear();
  return out;
}

void Pairs::add(std::string name, std::string value) {
  pairs_.emplace_back(std::move(name), printable(value));
}

std::string Pairs::text() const {
  std::size_t width = 0;
  for (const auto& [name, value] : pairs_) width = std::max(width, display_width(name));
  std::string out;
  for (const auto& [name, value] : pairs_) {
    std::string line = pad_right(name, width + kGap) + value;
    strip_end(line);
    out += line + "\n";
  }
  return out;
}

}  // namespace sluice::ctl
