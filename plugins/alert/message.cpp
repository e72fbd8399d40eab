#include "message.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <stdexcept>

#include "sluice_plugin.h"

namespace sluice::alert {
namespace {

constexpr std::string_view kLabel = "label.";
constexpr std::pair<std::string_view, MessageTemplate::Place> kPlaces[] = {
    {"measurement", MessageTemplate::Place::measurement},
    {"value", MessageTemplate::Place::value},
    {"threshold", MessageTemplate::Place::threshold},
    {"when", MessageTemplate::Place::when},
    {"since", MessageTemplate::Place::since}};

/// Of a UTF-8 character: all but its first byte.
bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

MessageTemplate::MessageTemplate(std::string_view text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
  if (std::any_of(text.begin(), text.end(), is_control)) {
    throw std::invalid_argument("message: expected one line without control characters");
  }
  while (!text.empty()) {
    const std::size_t open = std::min(text.find('{'), text.size());
    if (open > 0) parts_.emplace_back(Place::text, text.substr(0, open));
    text.remove_prefix(open);
    if (text.empty()) return;
    const std::size_t close = text.find('}');
    if (close == std::string_view::npos) {
      throw std::invalid_argument("message: a { without its }; it stands for nothing but places");
    }
    add_place(text.substr(1, close - 1));
    text.remove_prefix(close + 1);
  }
}

void MessageTemplate::add_place(std::string_view name) {
  if (name.starts_with(kLabel) && name.size() > kLabel.size()) {
    parts_.emplace_back(Place::label, name.substr(kLabel.size()));
    return;
  }
  for (const auto& [known, place] : kPlaces) {
    if (name != known) continue;
    parts_.emplace_back(place, "");
    return;
  }
  throw std::invalid_argument("message: there is no {" + std::string(name) +
                              "}; there are {measurement} {value} {threshold} {when} {since} and "
                              "{label.NAME}");
}

std::string MessageTemplate::fill(const Lookup& lookup) const {
  std::string out;
  for (const auto& [place, text] : parts_) out += place == Place::text ? text : lookup(place, text);
  return cut(std::move(out), SLUICE_MESSAGE_BYTES_MAX);
}

std::string cut(std::string text, std::size_t bytes_max) {
  constexpr std::string_view kDots = "...";
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max - kDots.size();
  while (end > 0 && is_continuation(text[end])) --end;
  text.resize(end);
  return text.append(kDots);
}

std::string utc_text(std::int64_t time_ns) {
  using namespace std::chrono;
  const sys_time<nanoseconds> time{nanoseconds(time_ns)};
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss<nanoseconds> clock(time - day);
  char out[64];
  std::snprintf(out, sizeof out, "%04d-%02u-%02uT%02ld:%02ld:%02ld", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<long>(clock.hours().count()),
                static_cast<long>(clock.minutes().count()),
                static_cast<long>(clock.seconds().count()));
  std::string text = out;
  if (clock.subseconds().count() != 0) {
    std::snprintf(out, sizeof out, ".%09lld", static_cast<long long>(clock.subseconds().count()));
    text += out;
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text + "Z";
}

}  // namespace sluice::alert
