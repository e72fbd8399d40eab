#include "ingest/json_pointer.h"

#include <charconv>

#include "base/shown_text.h"

namespace sluice {
namespace {
/// Digits without leading zeros; what does not fit is an index no array has.
std::optional<std::size_t> array_index(std::string_view key) {
  if (key.empty() || (key.size() > 1 && key.front() == '0')) return std::nullopt;
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
  if (error != std::errc() || end != key.data() + key.size()) return std::nullopt;
  return index;
}

std::optional<std::string> unescape(std::string_view text) {
  std::string key;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '~') {
      key += text[i];
      continue;
    }
    ++i;
    if (i == text.size() || (text[i] != '0' && text[i] != '1')) return std::nullopt;
    key += text[i] == '0' ? '~' : '/';
  }
  return key;
}
}  // namespace

Result<JsonPointer> JsonPointer::parse(std::string_view text) {
  JsonPointer pointer;
  pointer.text_ = text;
  if (text.empty()) return pointer;
  if (text.front() != '/') {
    return invalid_argument("JSON pointer " + shown(text) + " does not begin with '/'; write " +
                            shown("/" + std::string(text)));
  }
  for (std::string_view rest = text; !rest.empty();) {
    rest.remove_prefix(1);
    const std::string_view step = rest.substr(0, rest.find('/'));
    std::optional<std::string> key = unescape(step);
    if (!key) {
      return invalid_argument("JSON pointer " + shown(text) +
                              " has a '~' that is neither ~0 (for "
                              "'~') nor ~1 (for '/')");
    }
    const std::optional<std::size_t> index = array_index(*key);
    pointer.steps_.push_back({std::move(*key), index});
    rest.remove_prefix(step.size());
  }
  return pointer;
}

std::string json_pointer_step(std::string_view key) {
  std::string step = "/";
  for (const char c : key) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

}  // namespace sluice
