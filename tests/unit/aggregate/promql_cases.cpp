#include "unit/aggregate/promql_cases.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
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

/// A finite decimal and nothing else.
std::optional<double> read_number(const std::string& text) {
  if (text.empty() || text.find_first_not_of("+-.0123456789e") != std::string::npos) return {};
  char* end = nullptr;
  const double v = std::strtod(text.c_str(), &end);
  return *end == 0 ? std::optional(v) : std::nullopt;
}

/// "5", "0+10x10" (eleven values), "_" (a missing one). Empty for anything else.
std::optional<std::vector<Stamped>> read_values(const std::string& text, std::int64_t interval) {
  std::vector<Stamped> readings;
  std::istringstream in(text);
  std::int64_t t = 0;
  for (std::string token; in >> token;) {
    const std::size_t times = token.find('x');
    const std::size_t sign = token.find_first_of("+-", 1);
    if (token == "_") {
      t += interval;
    } else if (times == std::string::npos) {
      const auto value = read_number(token);
      if (!value) return std::nullopt;
      readings.push_back({t, *value});
      t += interval;
    } else {
      const auto first = read_number(token.substr(0, sign));
      if (sign == std::string::npos || !first) return std::nullopt;
      const auto step = read_number(token.substr(sign, times - sign));
      const auto more = read_number(token.substr(times + 1));
      if (!step || !more) return std::nullopt;
      for (int i = 0; i <= static_cast<int>(*more); ++i, t += interval) {
        readings.push_back({t, *first + i * *step});
      }
    }
  }
  return readings;
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
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
    if (line.empty()) return;
    if (line[0] == ' ' || line[0] == '\t') return indented(trimmed(line));
    interval_ns_ = 0;
    query_.reset();
    char at[32];
    char function[32];
    char name[64];
    char range[16];
    int length = 0;
    if (line == "clear") {
      series_.clear();
    } else if (std::sscanf(line.c_str(), "load %31[0-9smh]", at) == 1) {
      interval_ns_ = duration_ns(at);
    } else if (std::sscanf(line.c_str(),
                           "eval instant at %31[0-9smh] %31[a-z](%63[A-Za-z0-9_][%15[0-9smh]])%n",
                           at, function, name, range, &length) == 4 &&
               length == static_cast<int>(trimmed(line).size())) {
      const auto known = std::find(functions_.begin(), functions_.end(), function);
      if (known != functions_.end()) {
        query_ = Query{function, name, duration_ns(at), duration_ns(range)};
      }
    }
  }
  std::vector<PromqlCase> cases;

 private:
  /// A series of a load block, or an expected result: `name{labels} values`, either may be missing.
  void indented(const std::string& line) {
    std::size_t end = line.find_first_of(" \t{");
    if (end == std::string::npos) return;
    const std::string name = line.substr(0, end);
    std::string labels;
    if (line[end] == '{') {
      const std::size_t close = line.find('}', end);
      if (close == std::string::npos) return;
      labels = line.substr(end, close + 1 - end);
      if (labels == "{}") labels.clear();
      end = close + 1;
    }
    take(name, labels, trimmed(line.substr(end)));
  }
  void take(const std::string& name, const std::string& labels, const std::string& rest) {
    if (interval_ns_ != 0) {
      if (const auto values = read_values(rest, interval_ns_)) series_[name + labels] = *values;
      return;
    }
    if (!query_ || name == "expect") return;
    const std::string key = query_->name + labels;
    const auto value = read_number(rest);
    if (!series_.contains(key) || !value) return;
    const double expected = *value;
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
