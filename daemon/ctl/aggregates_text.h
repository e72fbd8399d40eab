#pragma once

#include <cstdint>
#include <string>

#include "ctl/format.h"
#include "sluice/v1/hub.pb.h"

namespace sluice::ctl {

/// "tumbling", "session".
std::string window_kind_text(v1::WindowKind kind);
/// "complete", "early", "partial_limit".
std::string quality_text(v1::PaneQuality quality);
/// Where the readings say how long it is, the time between the first and the last of them.
template <typename Row>
std::string length_text(const Row& row) {
  if (row.kind() == v1::WINDOW_KIND_SESSION || row.kind() == v1::WINDOW_KIND_COUNT) {
    return window_text(row.first_time_ns(), row.last_time_ns());
  }
  return window_text(row.start_ns(), row.end_ns());
}
/// A length of time in ns as seconds: "12.5 s".
std::string seconds_text(std::uint64_t ns);
/// The configured aggregates of a window in one cell, "-" for none: "p50 21.5, p99 23.1; distinct
/// 12; top 21.5 x4, 21 x2; +12.5 (0.2/s, 1 reset); 0 for 40 s, 1 for 20 s; shape: skewness 0.12,
/// kurtosis -0.3".
std::string aggregates_text(const v1::Aggregates& aggregates);

}  // namespace sluice::ctl
