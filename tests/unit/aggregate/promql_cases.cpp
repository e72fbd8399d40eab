#include "unit/aggregate/promql_cases.h"

#include <cstdlib>
#include <fstream>
#include <optional>
#include <regex>
#include <sstream>

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

/// "1m30s", or plain seconds.
std::int64_t duration_ns(const std::string& text) {
  static const std::map<char, std::int64_t> units{{'s', 1}, {'m', 60}, {'h', 3600}};
  std::int64_t sum = 0;
  std::int64_t number = 0;
  bool unit = false;
  for (const char c : text) {
    unit = units.contains(c);
    if (unit) {
      sum += number * units.at(c);
      number = 0;
    } else {
      number = number * 10 + (c - '0');
    }
  }
  return (unit ? sum : number) * kSecond;
}

/// "5", "0+10x10" (eleven values), "_" (a missing one). Empty for anything else.
std::optional<std::vector<Stamped>> read_values(const std::string& text, std::int64_t interval) {
  static const std::regex number(R"(-?[0-9.]+)");
  static const std::regex series(R"((-?[0-9.]+)([+-][0-9.]+)x([0-9]+))");
  std::vector<Stamped> readings;
  std::istringstream in(text);
  std::int64_t t = 0;
  for (std::string token; in >> token;) {
    std::smatch match;
    if (std::regex_match(token, match, series)) {
      const double step = std::stod(match[2]);
      for (int i = 0; i <= std::stoi(match[3]); ++i, t += interval) {
        readings.push_back({t, std::stod(match[1]) + i * step});
      }
    } else if (std::regex_match(token, number)) {
      readings.push_back({t, std::stod(token)});
      t += interval;
    } else if (token == "_") {
      t += interval;
    } else {
      return std::nullopt;
    }
  }
  return readings;
}

struct Query {
  std::string function;
  std::string name;
  std::int64_t at_ns = 0;
  std::int64_t range_ns = 0;
};

class Script {
 public:
  explicit Script(std::vector<std::string> functions) : functions_(std::move(functions)) {}

  void line(const std::string& line) {
    static const std::regex load(R"(load ([0-9smh]+)\s*)");
    static const std::regex eval(R"(eval instant at ([0-9smh]+) (\w+)\((\w+)\[([0-9smh]+)\]\)\s*)");
    static const std::regex entry(R"(\s+(\w*)(\{[^{}]*\})?\s+(.*))");
    std::smatch match;
    if (std::regex_match(line, match, load)) {
      interval_ns_ = duration_ns(match[1]);
      query_.reset();
    } else if (std::regex_match(line, match, eval)) {
      interval_ns_ = 0;
      query_ = Query{match[2], match[3], duration_ns(match[1]), duration_ns(match[4])};
      const auto known = std::find(functions_.begin(), functions_.end(), query_->function);
      if (known == functions_.end()) query_.reset();
    } else if (!line.empty() && line[0] != ' ' && line[0] != '\t') {
      if (line == "clear") series_.clear();
      interval_ns_ = 0;
      query_.reset();
    } else if (std::regex_match(line, match, entry)) {
      take(match[1], match[2], match[3]);
    }
  }
  std::vector<PromqlCase> cases;

 private:
  void take(const std::string& name, const std::string& labels, const std::string& rest) {
    if (interval_ns_ != 0) {
      if (const auto values = read_values(rest, interval_ns_)) series_[name + labels] = *values;
      return;
    }
    if (!query_ || name == "expect") return;
    const std::string key = query_->name + (labels == "{}" ? "" : labels);
    if (!series_.contains(key)) return;
    char* end = nullptr;
    const double expected = std::strtod(rest.c_str(), &end);
    if (end == rest.c_str()) return;
    PromqlCase c{query_->function, key, query_->at_ns, query_->range_ns, expected, {}};
    for (const Stamped& r : series_[key]) {
      if (r.time_ns > c.at_ns - c.range_ns && r.time_ns <= c.at_ns) c.readings.push_back(r);
    }
    cases.push_back(std::move(c));
  }

  std::vector<std::string> functions_;
  std::map<std::string, std::vector<Stamped>> series_;
  std::int64_t interval_ns_ = 0;  ///< inside a load block
  std::optional<Query> query_;
};

}  // namespace

std::vector<PromqlCase> read_promql_cases(const std::string& path,
                                          const std::vector<std::string>& functions) {
  Script script(functions);
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) script.line(line);
  return script.cases;
}

}  // namespace sluice
