#include "ctl/reading_line.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/shown_text.h"
#include "ctl/format.h"
#include "ctl/json_print.h"
#include "plugin_host/json.h"

namespace sluice::ctl {
namespace {

constexpr std::size_t kMeasurementBytesMax = 128;
constexpr std::size_t kUnitBytesMax = 64;
constexpr std::string_view kKeys[] = {"measurement", "unit", "labels", "time", "value", "quality"};

Status bad(std::string_view key, std::string_view expected, const Json* found) {
  const bool is_number = found != nullptr && found->number() != nullptr;
  return invalid_argument(
      std::string(key) + ": expected " + std::string(expected) + ", got " +
      (found == nullptr ? "nothing"
                        : std::string(utf8_head(is_number ? found->digits : found->text(), 80))));
}

template <typename Integer>
std::optional<Integer> whole(std::string_view digits) {
  Integer out = 0;
  const char* end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, out);
  if (error != std::errc() || at != end) return std::nullopt;
  return out;
}

Status read_measurement(const Json& line, Series& out) {
  const Json* measurement = line.find("measurement");
  const std::string* name = measurement == nullptr ? nullptr : measurement->string();
  if (name == nullptr || name->empty() || name->size() > kMeasurementBytesMax) {
    return bad("measurement", "a text of 1..128 bytes", measurement);
  }
  out.measurement = *name;
  const Json* unit = line.find("unit");
  if (unit == nullptr) return {};
  if (unit->string() == nullptr || unit->string()->size() > kUnitBytesMax) {
    return bad("unit", "a UCUM code of at most 64 bytes", unit);
  }
  out.unit = *unit->string();
  return {};
}

Status read_labels(const Json& line, Series& out) {
  const Json* labels = line.find("labels");
  if (labels == nullptr) return {};
  if (labels->object() == nullptr) return bad("labels", "an object of texts", labels);
  for (const auto& [name, value] : *labels->object()) {
    if (name.empty() || value.string() == nullptr) {
      return bad("labels." + name, "a name and a text", &value);
    }
    out.labels.emplace_back(name, *value.string());
  }
  return {};
}

Status read_time(const Json& line, Reading& out) {
  const Json* time = line.find("time");
  std::optional<std::int64_t> ns;
  if (time != nullptr && time->number() != nullptr) ns = whole<std::int64_t>(time->digits);
  if (time != nullptr && time->string() != nullptr) {
    if (const auto parsed = parse_time(*time->string()); parsed.ok()) ns = *parsed;
  }
  if (!ns || *ns < 0 || *ns > kEventTimeMaxNs) {
    return bad("time", "\"2024-05-01T12:00:00Z\" or whole ns since 1970, before 2261-04-10", time);
  }
  out.event_time_ns = *ns;
  return {};
}

Status read_value(const Json& line, Reading& out) {
  const Json* value = line.find("value");
  if (value != nullptr && value->boolean() != nullptr) {
    out.value = Value::of(*value->boolean());
    return {};
  }
  if (value == nullptr || value->number() == nullptr) {
    return bad("value", "a number, true or false", value);
  }
  if (value->digits.find_first_of(".eE") != std::string::npos) {
    out.value = Value::of(*value->number());
  } else if (const auto i64 = whole<std::int64_t>(value->digits)) {
    out.value = Value::of(*i64);
  } else if (const auto u64 = whole<std::uint64_t>(value->digits)) {
    out.value = Value::of(*u64);
  } else {
    return bad("value", "an integer of at most 64 bits, or a number with a point", value);
  }
  return {};
}

Status read_quality(const Json& line, Reading& out) {
  const Json* quality = line.find("quality");
  if (quality == nullptr) return {};
  for (const Quality each : {Quality::good, Quality::uncertain, Quality::bad}) {
    if (quality->string() == nullptr || *quality->string() != quality_text(each)) continue;
    out.quality = each;
    return {};
  }
  return bad("quality", "\"good\", \"uncertain\" or \"bad\"", quality);
}

}  // namespace

Result<ReadingLine> parse_reading_line(std::string_view line) {
  const auto json = parse_json(line);
  if (!json.ok()) return json.status();
  if (json->object() == nullptr) {
    return invalid_argument(
        "expected an object such as {\"measurement\":\"temperature\",\"unit\":\"Cel\",\"time\":"
        "\"2024-05-01T12:00:00Z\",\"value\":21.5}");
  }
  for (const auto& [key, value] : *json->object()) {
    if (std::find(std::begin(kKeys), std::end(kKeys), key) != std::end(kKeys)) continue;
    return invalid_argument(shown(key, 64) +
                            ": no such key; accepted: measurement, unit, labels, time, value, "
                            "quality");
  }
  ReadingLine out;
  for (const Status& status : {read_measurement(*json, out.series), read_labels(*json, out.series),
                               read_time(*json, out.reading), read_value(*json, out.reading),
                               read_quality(*json, out.reading)}) {
    if (!status.ok()) return status;
  }
  return out;
}

Result<std::vector<ReadingLine>> parse_reading_lines(std::string_view text) {
  std::vector<ReadingLine> out;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = "line " + std::to_string(number) + ": ";
    auto parsed = parse_reading_line(line);
    if (!parsed.ok()) return invalid_argument(where + std::string(parsed.status().message()));
    if (out.size() == kReadingLinesMax) {
      return invalid_argument(where + "expected at most " + std::to_string(kReadingLinesMax) +
                              " readings");
    }
    parsed->line = number;
    out.push_back(*std::move(parsed));
  }
  return out;
}

std::string series_json(const Series& series) {
  std::string out = "{\"measurement\":";
  append_json_string(out, series.measurement);
  out += ",\"unit\":";
  append_json_string(out, series.unit);
  out += ",\"labels\":{";
  for (const auto& [name, value] : series.labels) {
    if (out.back() != '{') out += ",";
    append_json_string(out, name);
    out += ":";
    append_json_string(out, value);
  }
  return out + "}}";
}

std::string reading_json(const Series& series, const Reading& reading) {
  std::string out = series_json(series);
  out.back() = ',';
  out += "\"time\":" + std::to_string(reading.event_time_ns);
  out += ",\"value\":" + exact_text(reading.value);
  return out + ",\"quality\":\"" + quality_text(reading.quality) + "\"}";
}

std::string exact_text(const Value& value) {
  switch (value.kind) {
    case ValueKind::boolean: return value.bits != 0 ? "true" : "false";
    case ValueKind::i64: return std::to_string(static_cast<std::int64_t>(value.bits));
    case ValueKind::u64: return std::to_string(value.bits);
    case ValueKind::f64: break;
  }
  std::string out = number_text(value.as_double());
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return out;
}

std::string quality_text(Quality quality) {
  constexpr const char* kNames[] = {"good", "uncertain", "bad"};
  return kNames[static_cast<std::size_t>(quality)];
}

}  // namespace sluice::ctl
