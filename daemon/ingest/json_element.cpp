#include "ingest/json_element.h"

#include <algorithm>
#include <charconv>

#include "base/assert.h"

namespace sluice {
namespace {
namespace dom = simdjson::dom;

template <typename Number>
std::string_view number_text(Number number, NumberText& buffer) {
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  SLUICE_ASSERT(error == std::errc());
  return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
}

/// Takes the digits that `text` begins with off it; false when there are none.
bool take_digits(std::string_view& text) {
  const std::size_t size = std::min(text.find_first_not_of("0123456789"), text.size());
  text.remove_prefix(size);
  return size > 0;
}

/// By the grammar of RFC 8259, whatever its size.
bool is_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool zero = text.starts_with('0');
  if (zero) text.remove_prefix(1);
  if (!zero && !take_digits(text)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!take_digits(text)) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (!take_digits(text)) return false;
  }
  return text.empty();
}

/// simdjson has one code for a number that is malformed and one that is too large. In `json` its
/// strings are closed: it has looked at them before the numbers.
bool all_numbers_well_formed(std::string_view json) {
  while (!json.empty()) {
    if (json.front() == '"') {
      std::size_t at = 1;
      while (at < json.size() && json[at] != '"') at += json[at] == '\\' ? 2 : 1;
      json.remove_prefix(std::min(at + 1, json.size()));
      continue;
    }
    const std::size_t size = std::min(json.find_first_of(" \t\r\n,:[]{}\""), json.size());
    const bool numeric =
        size > 0 && (json.front() == '-' || (json.front() >= '0' && json.front() <= '9'));
    if (numeric && !is_number(json.substr(0, size))) return false;
    json.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return true;
}
}  // namespace

std::string_view type_name(dom::element element) {
  switch (element.type()) {
    case dom::element_type::ARRAY: return "an array";
    case dom::element_type::OBJECT: return "an object";
    case dom::element_type::STRING: return "a string";
    case dom::element_type::BOOL: return "a boolean";
    case dom::element_type::NULL_VALUE: return "null";
    default: return "a number";
  }
}

std::optional<Value> value_of(dom::element element) {
  switch (element.type()) {
    case dom::element_type::INT64: return Value::of(element.get_int64().value_unsafe());
    case dom::element_type::UINT64: return Value::of(element.get_uint64().value_unsafe());
    case dom::element_type::DOUBLE: return Value::of(element.get_double().value_unsafe());
    case dom::element_type::BOOL: return Value::of(element.get_bool().value_unsafe());
    default: return std::nullopt;
  }
}

std::optional<std::string_view> text_of(dom::element element, NumberText& buffer) {
  switch (element.type()) {
    case dom::element_type::STRING: return element.get_string().value_unsafe();
    case dom::element_type::INT64: return number_text(element.get_int64().value_unsafe(), buffer);
    case dom::element_type::UINT64: return number_text(element.get_uint64().value_unsafe(), buffer);
    case dom::element_type::DOUBLE: return number_text(element.get_double().value_unsafe(), buffer);
    case dom::element_type::BOOL: return element.get_bool().value_unsafe() ? "true" : "false";
    default: return std::nullopt;
  }
}

std::optional<dom::element> resolve(dom::element at, const JsonPointer& pointer) {
  for (const JsonPointer::Step& step : pointer.steps()) {
    dom::object object;
    dom::array array;
    if (at.get(object) == simdjson::SUCCESS) {
      if (object.at_key(step.key).get(at) != simdjson::SUCCESS) return std::nullopt;
    } else if (at.get(array) == simdjson::SUCCESS && step.index) {
      if (array.at(*step.index).get(at) != simdjson::SUCCESS) return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  if (at.is_null()) return std::nullopt;
  return at;
}

Result<std::int64_t> event_time_of(dom::element element, TimeFormat format) {
  std::string_view text;
  const bool is_text = element.get(text) == simdjson::SUCCESS;
  if (format == TimeFormat::rfc3339) {
    if (is_text) return event_time_from_rfc3339(text);
    return invalid_argument("is " + std::string(type_name(element)) +
                            "; expected a string in RFC 3339");
  }
  if (is_text) return event_time_from_digits(text, format);
  switch (element.type()) {
    case dom::element_type::INT64:
      return event_time_from_integer(element.get_int64().value_unsafe(), format);
    case dom::element_type::UINT64:
      return event_time_from_integer(element.get_uint64().value_unsafe(), format);
    case dom::element_type::DOUBLE:
      return event_time_from_double(element.get_double().value_unsafe(), format);
    default:
      return invalid_argument("is " + std::string(type_name(element)) + "; expected a number");
  }
}

std::pair<RejectReason, std::string> parse_fault(simdjson::error_code error,
                                                 std::string_view payload) {
  SLUICE_ASSERT(error != simdjson::MEMALLOC);
  const auto not_json = [](std::string why) {
    return std::pair(RejectReason::not_json, "the payload is not JSON: " + std::move(why));
  };
  switch (error) {
    case simdjson::EMPTY: return {RejectReason::empty, "the payload is white space alone"};
    case simdjson::DEPTH_ERROR:
      return {RejectReason::too_deep, "the payload nests arrays and objects more than 64 deep"};
    case simdjson::UTF8_ERROR: return not_json("it is not UTF-8");
    case simdjson::UNCLOSED_STRING: return not_json("a string is not closed; is it cut off?");
    case simdjson::STRING_ERROR: return not_json("a string has a wrong escape");
    case simdjson::UNESCAPED_CHARS: return not_json("a string has a control character in it");
    case simdjson::NUMBER_ERROR:
      if (!all_numbers_well_formed(payload)) return not_json("a number is malformed");
      return {RejectReason::number_range,
              "a number is beyond 64 bits: a decimal past 1.8e308, or an integer past "
              "18446744073709551615 or -9223372036854775808"};
    default: return not_json("a bracket, comma, colon or value is missing or wrong");
  }
}

}  // namespace sluice
