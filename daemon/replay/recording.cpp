#include "replay/recording.h"

#include <algorithm>
#include <charconv>
#include <fstream>

namespace sluice {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

Result<std::int64_t> parse_seconds(std::string_view text) {
  const std::size_t dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(whole.data(), whole.data() + whole.size(), seconds);
  if (error != std::errc() || end != whole.data() + whole.size() || seconds < 0 ||
      seconds > 9'000'000'000) {
    return invalid_argument("expected seconds since 1970, got \"" + std::string(text) + "\"");
  }
  std::int64_t ns = 0;
  if (dot != std::string_view::npos) {
    std::string digits(text.substr(dot + 1, 9));
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) {
      return invalid_argument("expected seconds since 1970, got \"" + std::string(text) + "\"");
    }
    digits.resize(9, '0');
    std::from_chars(digits.data(), digits.data() + 9, ns);
  }
  return seconds * kNsPerSecond + ns;
}

/// Time of each message on one scale that never runs back.
template <typename Visit>
void walk_forward(const std::vector<RecordedMessage>& messages, Visit visit) {
  std::int64_t elapsed = 0;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (i > 0) elapsed += std::max<std::int64_t>(0, messages[i].time_ns - messages[i - 1].time_ns);
    visit(elapsed);
  }
}

}  // namespace

Result<RecordedMessage> parse_recorded_message(std::string_view line) {
  const std::size_t first = line.find('\t');
  const std::size_t second = first == std::string_view::npos ? first : line.find('\t', first + 1);
  if (second == std::string_view::npos) {
    return invalid_argument("expected seconds<TAB>topic<TAB>payload");
  }
  Result<std::int64_t> time = parse_seconds(line.substr(0, first));
  if (!time.ok()) return time.status();
  RecordedMessage message;
  message.time_ns = *time;
  message.topic = line.substr(first + 1, second - first - 1);
  message.payload = line.substr(second + 1);
  if (message.topic.empty() || message.topic.find_first_of("+#") != std::string::npos) {
    return invalid_argument("\"" + message.topic + "\" is no topic name to publish to");
  }
  return message;
}

Result<std::vector<RecordedMessage>> read_recording(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return not_found("cannot read the recording " + path);
  std::vector<RecordedMessage> messages;
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    if (line.empty()) continue;
    Result<RecordedMessage> message = parse_recorded_message(line);
    if (!message.ok()) {
      return invalid_argument(path + ":" + std::to_string(number) + ": " +
                              std::string(message.status().message()));
    }
    messages.push_back(*std::move(message));
  }
  if (messages.empty()) return invalid_argument("the recording " + path + " is empty");
  return messages;
}

std::vector<std::int64_t> due_times(const std::vector<RecordedMessage>& messages, double speed) {
  std::vector<std::int64_t> due;
  due.reserve(messages.size());
  walk_forward(messages, [&](std::int64_t elapsed) {
    due.push_back(static_cast<std::int64_t>(static_cast<double>(elapsed) / speed));
  });
  return due;
}

double speed_for(const std::vector<RecordedMessage>& messages, double seconds) {
  std::int64_t last = 0;
  walk_forward(messages, [&](std::int64_t elapsed) { last = elapsed; });
  return std::max(1e-9, static_cast<double>(last) / 1e9 / seconds);
}

}  // namespace sluice
