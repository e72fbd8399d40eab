#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

/// One column of a recording in order of event time; equal stamps keep their order.
struct Recording {
  struct Point {
    std::int64_t time_ns;
    double value;
  };
  std::string folder;  ///< e.g. "nab"
  std::string file;    ///< below the folder
  std::size_t column;  ///< in the file, 0-based
  std::vector<Point> points;
};

/// Where recordings lie that are too large for the repository: SLUICE_TEST_DATA, or the folder
/// beside it. Tests skip without it.
std::string recordings_path(const std::string& file);
bool has_recordings();

/// Every column of numbers of every recording there. Where a file has no stamps, row n is at n s.
std::vector<Recording> all_recordings();
/// Those of one folder.
std::vector<Recording> recordings_of(const std::string& folder);

/// "2014-04-10 07:15:00…" as UTC.
bool parse_stamp(const std::string& text, std::int64_t& time_ns);

}  // namespace sluice
