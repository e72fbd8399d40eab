#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "aggregate/time_parts.h"

namespace sluice {

/// A recorded series, in order of event time.
struct RealSeries {
  std::string name;
  std::vector<Stamped> readings;
};

/// Where the recordings and oracles lie that are too large for the repository: SLUICE_TEST_DATA, or
/// the folder beside it. Tests skip without it.
std::string data_path(const std::string& file);
bool has_real_data();

/// One column of a recording; `time` and `value` are 0-based columns. Rows without a number there
/// are left out.
RealSeries read_series(const std::string& file, char separator, std::size_t time,
                       std::size_t value);
/// Some twenty thousand readings of seven kinds: latency, counts, temperatures with repeated stamps
/// and gaps, CO2, a pump with lost seconds, solar power with negative values.
std::vector<RealSeries> real_series();
/// One column of a buoy's recording (0: wind direction, …, 9: water temperature) as it lies in the
/// file: the newest reading first. Rows without a number there are left out.
RealSeries read_newest_first(std::size_t column);
/// Every different cell of some recordings, as text.
std::vector<std::string> real_keys(const std::string& file);

/// Prints what a test can be repeated with, and gives a seed: SLUICE_SEED or a new one.
std::uint64_t announced_seed();

}  // namespace sluice
