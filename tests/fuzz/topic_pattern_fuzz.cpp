// Lines: patterns, then a topic. Parsing and matching stand whatever comes, and the filters of what
// parsed bring the topic once exactly if a pattern takes it.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "model/topic_pattern.h"

namespace {
void check(bool holds) {
  if (!holds) std::abort();
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  lines.push_back(text);
  return lines;
}

void check_one(const sluice::TopicPattern& pattern, std::string_view topic) {
  std::vector<std::string_view> captures;
  const bool taken = pattern.match(topic, captures);
  check(captures.size() == (taken ? pattern.names().size() : 0));
  const auto filter = sluice::TopicPattern::parse(pattern.filter());
  check(filter.ok() && filter->filter() == pattern.filter());
  check(filter->match(topic, captures) == taken);
  check(pattern.covers(*filter) && filter->covers(pattern));
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto lines = split({reinterpret_cast<const char*>(data), size});
  const std::string_view topic = lines.back();
  std::vector<sluice::TopicSubscription> patterns;
  std::vector<std::string_view> captures;
  bool wanted = false;
  for (std::size_t i = 0; i + 1 < lines.size() && patterns.size() < 8; ++i) {
    const auto pattern = sluice::TopicPattern::parse(lines[i]);
    if (!pattern.ok()) {
      check(!pattern.status().message().empty() && pattern.status().message().size() < 2000);
      continue;
    }
    check_one(*pattern, topic);
    wanted = wanted || pattern->match(topic, captures);
    patterns.push_back({*pattern, static_cast<std::uint8_t>(i % 2)});
  }
  const auto filters = sluice::reduce_filters(patterns);
  if (!filters.ok()) return 0;
  int delivered = 0;
  for (const sluice::TopicFilter& filter : *filters) {
    delivered += sluice::TopicPattern::parse(filter.filter)->match(topic, captures);
  }
  check(delivered == (wanted ? 1 : 0));
  return 0;
}
