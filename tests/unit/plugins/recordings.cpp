#include "unit/plugins/recordings.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

/// How the files of a folder are written.
struct Form {
  const char* folder;
  const char* separators;
  std::size_t stamp;        ///< first cell of the stamp
  std::size_t stamp_cells;  ///< 0: the file has no stamps
  const char* stamp_format;
  bool decimal_comma = false;
};

constexpr Form kForms[] = {
    {"nab/data", ",", 0, 1, "%Y-%m-%d %H:%M:%S"},
    {"skab", ";", 0, 1, "%Y-%m-%d %H:%M:%S"},
    {"ett", ",", 0, 1, "%Y-%m-%d %H:%M:%S"},
    {"pv", ",", 0, 1, "%Y-%m-%d %H:%M:%S"},
    {"pv", ",", 0, 1, "%m/%d/%Y %H:%M"},
    {"uci-occupancy", ",", 1, 1, "%Y-%m-%d %H:%M:%S"},
    {"uci-airquality", ";", 0, 2, "%d/%m/%Y %H.%M.%S", true},
    {"noaa-ndbc", " ", 0, 5, "%Y %m %d %H %M"},
    {"uci-fan-accelerometer", ",", 0, 0, ""},
    {"cmapss", " ", 0, 0, ""},
    {"engine-test-bench", "\t", 0, 1, "%s"},
};

std::vector<std::string> cells(const std::string& line, const Form& form) {
  std::vector<std::string> out(1);
  for (const char c : line) {
    if (c == '"' || c == '\r') continue;
    if (std::string(form.separators).find(c) == std::string::npos) {
      out.back() += form.decimal_comma && c == ',' ? '.' : c;
    } else if (c != ' ' || !out.back().empty()) {
      out.emplace_back();
    }
  }
  return out;
}

bool parse_time(const std::string& text, const char* format, std::int64_t& time_ns) {
  std::tm tm{};
  if (strptime(text.c_str(), format, &tm) == nullptr) return false;
  time_ns = static_cast<std::int64_t>(timegm(&tm)) * kSecond;
  return true;
}

bool read_time(const std::vector<std::string>& row, const Form& form, std::int64_t line,
               std::int64_t& time_ns) {
  time_ns = line * kSecond;
  if (form.stamp_cells == 0) return true;
  if (row.size() < form.stamp + form.stamp_cells) return false;
  std::string text = row[form.stamp];
  for (std::size_t i = 1; i < form.stamp_cells; ++i) text += ' ' + row[form.stamp + i];
  return parse_time(text, form.stamp_format, time_ns);
}

void read_file(const std::filesystem::path& path, const Form& form, std::vector<Recording>& out) {
  std::map<std::size_t, Recording> columns;
  std::ifstream in(path);
  std::int64_t line_number = 0;
  for (std::string line; std::getline(in, line); ++line_number) {
    const auto row = cells(line, form);
    std::int64_t time_ns = 0;
    if (line.starts_with('#') || !read_time(row, form, line_number, time_ns)) continue;
    for (std::size_t i = form.stamp + form.stamp_cells; i < row.size(); ++i) {
      char* end = nullptr;
      const double value = std::strtod(row[i].c_str(), &end);
      if (row[i].empty() || *end != '\0' || !std::isfinite(value)) continue;
      columns[i].points.push_back({time_ns, value});
    }
  }
  for (auto& [column, recording] : columns) {
    if (recording.points.size() < 50) continue;
    recording.folder = form.folder;
    recording.file = std::filesystem::relative(path, recordings_path(form.folder)).generic_string();
    recording.column = column;
    std::stable_sort(recording.points.begin(), recording.points.end(),
                     [](const auto& a, const auto& b) { return a.time_ns < b.time_ns; });
    out.push_back(std::move(recording));
  }
}

void read_folder(const Form& form, std::vector<Recording>& out) {
  std::set<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(recordings_path(form.folder))) {
    if (entry.is_regular_file() && !entry.path().filename().string().starts_with("COPYING")) {
      files.insert(entry.path());
    }
  }
  for (const auto& file : files) read_file(file, form, out);
}

}  // namespace

std::string recordings_path(const std::string& file) {
  const char* folder = std::getenv("SLUICE_TEST_DATA");
  return std::string(folder != nullptr ? folder : SLUICE_SHARED_DATA) + "/" + file;
}

bool has_recordings() { return std::filesystem::exists(recordings_path("nab/data")); }

std::vector<Recording> all_recordings() {
  std::vector<Recording> out;
  for (const Form& form : kForms) read_folder(form, out);
  return out;
}

std::vector<Recording> recordings_of(const std::string& folder) {
  std::vector<Recording> out;
  for (const Form& form : kForms) {
    if (folder == form.folder) read_folder(form, out);
  }
  return out;
}

bool parse_stamp(const std::string& text, std::int64_t& time_ns) {
  return parse_time(text, "%Y-%m-%d %H:%M:%S", time_ns);
}

}  // namespace sluice
