#include "e2e/demo_reference.h"

#include <cmath>
#include <fstream>

namespace sluice::e2e {
namespace {

constexpr std::int64_t kHour = 3600;
const std::string kDemo = std::string(SLUICE_SOURCE_DIR) + "/config/demo/";

void add_air(Expected& expected) {
  Reference reference({"air-6h", "lombardy", 6 * kHour, 3 * kHour});
  const std::pair<const char*, const char*> fields[] = {
      {"co_mg_m3", "co"},   {"benzene_ug_m3", "benzene"},   {"nox_ppb", "nox"},
      {"no2_ug_m3", "no2"}, {"temperature", "temperature"}, {"humidity", "humidity"}};
  for (const Line& line : read_lines(kDemo + "air.tsv")) {
    for (const auto& [field, measurement] : fields) {
      double value = 0;
      if (!number_in(line.payload, field, value)) continue;
      reference.saw(line.time_ns);
      if (value != -200) reference.kept(measurement, line.time_ns, value);
    }
  }
  reference.add_to(expected);
}

void add_office(Expected& expected) {
  Reference reference({"office-10m", "room1", 600, 300});
  for (const Line& line : read_lines(kDemo + "office.tsv")) {
    for (const char* field : {"temperature", "humidity", "light", "co2"}) {
      double value = 0;
      if (!number_in(line.payload, field, value)) continue;
      reference.saw(line.time_ns);
      if (value >= 0 && value <= 5000) reference.kept(field, line.time_ns, value);
    }
  }
  reference.add_to(expected);
}

/// Fahrenheit to Celsius, then a deadband of 0.1 around the last kept value, at least every 6 h.
void add_ambient(Expected& expected) {
  Reference reference({"ambient-1d", "office7", 24 * kHour, 3 * kHour});
  const std::vector<Line> lines = read_lines(kDemo + "ambient.tsv");
  std::int64_t newest_ns = 0;
  for (const Line& line : lines) newest_ns = std::max(newest_ns, line.time_ns);
  bool first = true;
  double kept = 0;
  std::int64_t kept_ns = 0;
  for (const Line& line : lines) {
    double fahrenheit = 0;
    number_in(line.payload, "value", fahrenheit);
    reference.saw(line.time_ns);
    const double celsius = (fahrenheit - 32) * 5 / 9;
    if (celsius < -40 || celsius > 60) continue;
    if (!first && std::abs(celsius - kept) <= 0.1 &&
        line.time_ns - kept_ns < 6 * kHour * 1'000'000'000) {
      continue;
    }
    first = false;
    kept = celsius;
    kept_ns = line.time_ns;
    reference.kept("temperature", line.time_ns, celsius);
  }
  reference.add_to(expected);
}

void add_machine(Expected& expected) {
  Reference reference({"machine-1h", "ec2", kHour, 600});
  for (const Line& line : read_lines(kDemo + "machine.tsv")) {
    double value = 0;
    number_in(line.payload, "latency_ms", value);
    reference.saw(line.time_ns);
    reference.kept("latency_ms", line.time_ns, value);
  }
  reference.add_to(expected);
}

}  // namespace

std::vector<Line> read_lines(const std::string& path) {
  std::vector<Line> lines;
  std::ifstream file(path);
  for (std::string text; std::getline(file, text);) {
    const std::size_t tab = text.rfind('\t');
    lines.push_back({std::stoll(text) * 1'000'000'000, text.substr(tab + 1)});
  }
  return lines;
}

Expected demo_reference() {
  Expected expected;
  add_air(expected);
  add_office(expected);
  add_ambient(expected);
  add_machine(expected);
  return expected;
}

std::vector<std::string> demo_recordings() {
  return {kDemo + "air.tsv", kDemo + "office.tsv", kDemo + "ambient.tsv", kDemo + "machine.tsv"};
}

std::uint64_t demo_message_count() {
  std::uint64_t count = 0;
  for (const std::string& path : demo_recordings()) count += read_lines(path).size();
  return count;
}

}  // namespace sluice::e2e
