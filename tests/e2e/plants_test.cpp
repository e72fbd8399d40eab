#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "e2e/demo_reference.h"
#include "e2e/site.h"

namespace sluice::e2e {
namespace {

namespace fs = std::filesystem;
const std::string kData = SLUICE_SHARED_DATA;

std::string config(const std::string& disorder) {
  SiteConfig config;
  config.quota = "64MiB";
  config.topic = "plant/{sensor}/reading";
  config.fields = "[]";
  config.pipelines = "[{name: hourly, windows: [{tumbling: 1h}], max_out_of_order: " + disorder +
                     ", idle_timeout: 5m}]";
  return config.yaml();
}

std::int64_t parse_time(const std::string& text) {
  std::tm tm{};
  int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0;
  std::sscanf(text.c_str(), "%d-%d-%d %d:%d:%d", &y, &mo, &d, &h, &mi, &s);
  tm.tm_year = y - 1900;
  tm.tm_mon = mo - 1;
  tm.tm_mday = d;
  tm.tm_hour = h;
  tm.tm_min = mi;
  tm.tm_sec = s;
  return timegm(&tm);
}

struct Recording {
  std::string text;
  std::uint64_t messages = 0;
  void add(const std::string& sensor, std::int64_t time_s, const std::string& value) {
    text += std::to_string(time_s) + "\tplant/" + sensor +
            "/reading\t{\"t\":" + std::to_string(time_s) + ",\"value\":" + value + "}\n";
    ++messages;
  }
};

void expect_in_hub(const Recording& recording, const std::string& disorder,
                   const Expected& expected) {
  Site site;
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(config(disorder)));
  ASSERT_TRUE(site.replay(site.write("recording.tsv", recording.text)));
  EXPECT_TRUE(site.drained(recording.messages));
  EXPECT_EQ(site.ledger_count("readings", "late"), 0);
  EXPECT_EQ(site.status().ledger_difference(), 0);
  expect_equal(expected, site.summaries());
}

// Six series of the Numenta benchmark with repeated stamps, gaps and irregular intervals, at once.
TEST(Plants, HourlyWindowsOfRealSeriesEqualTheReference) {
  if (!fs::exists(kData + "/nab/data"))
    GTEST_SKIP() << "needs " << kData << "/nab, which is absent";
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(kData + "/nab/data")) {
    if (entry.path().extension() == ".csv") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  ASSERT_GE(files.size(), 6u);
  Recording recording;
  Expected expected;
  for (std::size_t i = 0; i < files.size(); i += (files.size() + 5) / 6) {
    const std::string sensor = files[i].stem().string();
    Reference reference({"hourly", sensor, 3600, 86400});
    std::ifstream file(files[i]);
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
      const std::size_t comma = line.find(',');
      const std::int64_t time_s = parse_time(line);
      const std::string value = line.substr(comma + 1, line.find('\r') - comma - 1);
      recording.add(sensor, time_s, value);
      reference.saw(time_s * 1'000'000'000);
      reference.kept("value", time_s * 1'000'000'000, std::strtod(value.c_str(), nullptr));
    }
    reference.add_to(expected);
  }
  expect_in_hub(recording, "1d", expected);
}

// Some loggers upload newest first; within max_out_of_order nothing of that is late.
TEST(Plants, ReadingsInReverseOrderGiveTheSameWindows) {
  if (!fs::exists(kData + "/uci-occupancy/datatest.txt")) {
    GTEST_SKIP() << "needs " << kData << "/uci-occupancy, which is absent";
  }
  std::vector<std::pair<std::int64_t, std::string>> rows;
  std::ifstream file(kData + "/uci-occupancy/datatest.txt");
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::vector<std::string> cells;
    std::istringstream in(line);
    for (std::string cell; std::getline(in, cell, ',');) cells.push_back(cell);
    rows.emplace_back(parse_time(cells[1].substr(1)), cells[5]);
  }
  Recording recording;
  Reference reference({"hourly", "co2", 3600, 7 * 86400});
  // Newest first, then one far reading that closes all of it.
  std::sort(rows.rbegin(), rows.rend());
  const std::int64_t end = rows.front().first + 30 * 86400;
  rows.emplace_back(end, "0");
  for (const auto& [time, value] : rows) {
    recording.add("co2", time, value);
    reference.saw(time * 1'000'000'000);
    reference.kept("value", time * 1'000'000'000, std::strtod(value.c_str(), nullptr));
  }
  Expected expected;
  reference.add_to(expected);
  EXPECT_EQ(expected.size(), 45u);  // hours of the recording
  expect_in_hub(recording, "7d", expected);
}

}  // namespace
}  // namespace sluice::e2e
