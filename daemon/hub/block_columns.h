#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sluice::v1 {
class NumberColumn;
}  // namespace sluice::v1

namespace sluice {

// What the columns of a SummaryBlock have in common, for those who decode one.

/// `invalid_argument` naming the field.
Status broken(std::string_view field, const std::string& what);
Status broken_at(std::string_view field, std::size_t place, const std::string& what);
Status wrong_length(std::string_view field, int got, std::size_t panes);

inline bool fits_each(int size, std::size_t panes) {
  return static_cast<std::size_t>(size) == panes;
}
inline bool fits_one_or_each(int size, std::size_t panes) {
  return size == 1 || fits_each(size, panes);
}

/// Entry of pane `i` in a column that has one entry when all are equal.
template <typename Column>
auto entry(const Column& column, std::size_t i) {
  return column.Get(column.size() == 1 ? 0 : static_cast<int>(i));
}

/// A NumberColumn written out. `raw[i]`: the number stood in `exceptions`.
struct Numbers {
  std::vector<double> values;
  std::vector<bool> raw;
};

/// All of them finite; refuses what is not one number for each of `panes` panes.
Result<Numbers> read_numbers(std::string_view field, const v1::NumberColumn& column,
                             std::size_t panes);

}  // namespace sluice
