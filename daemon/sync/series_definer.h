#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "model/series.h"
#include "sync/outgoing.h"

namespace sluice {

/// Defines each series once, before its first use, for what leaves one stream in one order. [sync]
class SeriesDefiner {
 public:
  /// Borrowed.
  explicit SeriesDefiner(const SeriesTable& series) : series_(series) {}

  /// Appends the definition to the messages in `out`, which must leave before what uses it, unless
  /// that was done before. False when there is no such series.
  bool define(std::uint32_t id, std::deque<Outgoing>& out);

 private:
  const SeriesTable& series_;
  std::vector<bool> defined_;  ///< by series id
};

}  // namespace sluice
