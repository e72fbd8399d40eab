#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace sluice::ctl {

/// Rows of text under aligned headings. Every cell passes through printable(), so no name from
/// outside reaches the terminal as it is.
class Table {
 public:
  struct Column {
    std::string heading;
    bool right = false;  ///< numbers
  };
  explicit Table(std::vector<Column> columns);

  /// One cell per column; missing ones are empty, more are our bug.
  void add_row(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  /// The rows added since the call before, one line each without trailing blanks; the first time
  /// under the headings. Columns never become narrower again, so that pages line up.
  std::string take();

 private:
  std::string line(const std::vector<std::string>& cells) const;

  std::vector<Column> columns_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
  bool headed_ = false;
};

/// `name  value` pairs, one a line, with aligned values.
class Pairs {
 public:
  void add(std::string name, std::string value);
  std::string text() const;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

}  // namespace sluice::ctl
