#include "model/names.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool has_length(std::string_view text) { return !text.empty() && text.size() <= kNameBytesMax; }

}  // namespace

bool is_word(std::string_view text) {
  return has_length(text) && std::all_of(text.begin(), text.end(),
                                         [](char c) { return is_lower_or_digit(c) || c == '_'; });
}

bool is_plugin_name(std::string_view text) {
  return has_length(text) && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
                  c == '-';
         });
}

}  // namespace sluice
