#include "schema/config_error.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <tuple>
#include <utility>

namespace sluice {

std::string ConfigError::to_string() const {
  std::string out = file;
  if (line > 0) out += ":" + std::to_string(line) + ":" + std::to_string(column);
  out += ": ";
  if (!key_path.empty()) out += key_path + ": ";
  return out + message;
}

namespace schema {
namespace {

constexpr std::size_t kQuotedMax = 60;

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before;
  std::vector<std::size_t> last;
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

/// yaml-cpp quotes raw characters of the input in its messages: keep ours on one line.
std::string one_line(std::string text) {
  for (char& c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7F) c = '.';
  }
  return text;
}

}  // namespace

void ErrorList::add(const Place& place, std::string_view key_path, std::string message) {
  if (!key_path.empty() && !paths_.emplace(key_path).second) return;
  ConfigError error;
  error.file = place.variable.empty() ? file_ : place.variable;
  error.line = place.line;
  error.column = place.column;
  error.key_path = one_line(std::string(key_path));
  error.message = one_line(std::move(message));
  errors_.push_back(std::move(error));
}

std::vector<ConfigError> ErrorList::take() {
  std::stable_sort(errors_.begin(), errors_.end(), [](const auto& a, const auto& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  if (errors_.size() > kErrorsMax) {
    left_out_ += errors_.size() - kErrorsMax;
    errors_.resize(kErrorsMax);
  }
  paths_.clear();
  return std::move(errors_);
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  std::size_t size = std::min(text.size(), kQuotedMax);
  // Never cuts a UTF-8 character in half.
  while (size < text.size() && size > 0 &&
         (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) {
    --size;
  }
  for (const char c : text.substr(0, size)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\x%02x", byte);
      out += hex;
    } else {
      out += c;
    }
  }
  return out + (size < text.size() ? "…\"" : "\"");
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::string nearest(std::string_view written, const std::vector<std::string>& candidates) {
  constexpr std::size_t kWrittenMax = 64;
  if (written.size() > kWrittenMax) return "";
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, written.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const std::size_t distance = edit_distance(written, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view written, const std::vector<std::string>& candidates) {
  const std::string best = nearest(written, candidates);
  return best.empty() ? "" : " (did you mean " + quote(best) + "?)";
}

}  // namespace schema
}  // namespace sluice
