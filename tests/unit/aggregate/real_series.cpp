#include "unit/aggregate/real_series.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

namespace sluice {
namespace {

std::vector<std::string> cells(const std::string& line, char separator) {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string cell; std::getline(in, cell, separator);) {
    std::erase_if(cell, [](char c) { return c == '"' || c == '\r'; });
    out.push_back(cell);
  }
  return out;
}

bool read_time(const std::string& text, std::int64_t& time_ns) {
  std::tm tm{};
  const char* end = strptime(text.c_str(), "%Y-%m-%d %H:%M:%S", &tm);
  if (end == nullptr) return false;
  time_ns = static_cast<std::int64_t>(timegm(&tm)) * 1'000'000'000;
  return true;
}

}  // namespace

std::string data_path(const std::string& file) {
  const char* folder = std::getenv("SLUICE_TEST_DATA");
  return std::string(folder != nullptr ? folder : SLUICE_SHARED_DATA) + "/" + file;
}

bool has_real_data() { return std::filesystem::exists(data_path("oracles")); }

RealSeries read_series(const std::string& file, char separator, std::size_t time,
                       std::size_t value) {
  RealSeries series{file, {}};
  std::ifstream in(data_path(file));
  for (std::string line; std::getline(in, line);) {
    const auto row = cells(line, separator);
    Stamped reading;
    if (row.size() <= std::max(time, value) || !read_time(row[time], reading.time_ns)) continue;
    char* end = nullptr;
    reading.value = std::strtod(row[value].c_str(), &end);
    if (end == row[value].c_str() || !std::isfinite(reading.value)) continue;
    series.readings.push_back(reading);
  }
  std::stable_sort(series.readings.begin(), series.readings.end(),
                   [](const Stamped& a, const Stamped& b) { return a.time_ns < b.time_ns; });
  return series;
}

std::vector<RealSeries> real_series() {
  const std::string nab = "nab/data/";
  std::vector<RealSeries> all;
  all.push_back(
      read_series(nab + "realKnownCause/ec2_request_latency_system_failure.csv", ',', 0, 1));
  all.push_back(
      read_series(nab + "realKnownCause/ambient_temperature_system_failure.csv", ',', 0, 1));
  all.push_back(read_series(nab + "realTweets/Twitter_volume_IBM.csv", ',', 0, 1));
  all.push_back(read_series(nab + "realAdExchange/exchange-2_cpm_results.csv", ',', 0, 1));
  all.push_back(read_series("uci-occupancy/datatest.txt", ',', 1, 5));
  all.push_back(read_series("skab/valve1/0.csv", ';', 0, 4));
  all.push_back(read_series("pv/serf_east_15min_ac_power.csv", ',', 0, 1));
  for (RealSeries& series : all) {
    if (series.readings.size() > 4000) series.readings.resize(4000);
  }
  return all;
}

RealSeries read_newest_first(std::size_t column) {
  RealSeries series{"noaa-ndbc/44013.txt", {}};
  std::ifstream in(data_path(series.name));
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream row(line);
    std::tm tm{};
    row >> tm.tm_year >> tm.tm_mon >> tm.tm_mday >> tm.tm_hour >> tm.tm_min;
    std::string cell;
    for (std::size_t i = 0; i <= column; ++i) row >> cell;
    char* end = nullptr;
    const double value = std::strtod(cell.c_str(), &end);
    if (!row || end == cell.c_str()) continue;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    series.readings.push_back({static_cast<std::int64_t>(timegm(&tm)) * 1'000'000'000, value});
  }
  return series;
}

std::vector<std::string> real_keys(const std::string& file) {
  std::set<std::string> keys;
  std::ifstream in(data_path(file));
  for (std::string line; std::getline(in, line);) {
    std::replace_if(
        line.begin(), line.end(), [](char c) { return c == ';' || c == ','; }, ' ');
    for (const std::string& cell : cells(line, ' ')) keys.insert(cell);
  }
  return {keys.begin(), keys.end()};
}

std::uint64_t announced_seed() {
  const char* text = std::getenv("SLUICE_SEED");
  const std::uint64_t seed =
      text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
  std::printf("SLUICE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

}  // namespace sluice
