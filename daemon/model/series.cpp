#include "model/series.h"

#include "base/bytes.h"

namespace sluice {
namespace {
void append_quoted(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (u < 0x20 || u == 0x7F) {
      out += "\\x";
      out.push_back(kHex[u >> 4]);
      out.push_back(kHex[u & 15]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}
}  // namespace

std::string_view Series::label(std::string_view name) const {
  for (const auto& [key, value] : labels) {
    if (key == name) return value;
  }
  return {};
}

std::string Series::to_string() const {
  std::string out = measurement;
  if (!labels.empty()) {
    out.push_back('{');
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (i > 0) out.push_back(',');
      out += labels[i].first;
      out.push_back('=');
      append_quoted(out, labels[i].second);
    }
    out.push_back('}');
  }
  if (!unit.empty()) out += " " + unit;
  return out;
}

std::string encode_series(const Series& series) {
  ByteWriter w;
  w.string(series.measurement);
  w.string(series.unit);
  w.u64(series.labels.size());
  for (const auto& [key, value] : series.labels) {
    w.string(key);
    w.string(value);
  }
  return w.take();
}

Result<Series> decode_series(std::string_view bytes) {
  ByteReader r(bytes);
  Series series;
  series.measurement = r.string();
  series.unit = r.string();
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    std::string key(r.string());
    series.labels.emplace_back(std::move(key), r.string());
  }
  if (!r.at_end()) return data_loss("malformed series definition");
  return series;
}

std::string encode_topic(const Topic& topic) {
  ByteWriter w;
  w.string(topic.source);
  w.string(topic.topic);
  return w.take();
}

Result<Topic> decode_topic(std::string_view bytes) {
  ByteReader r(bytes);
  Topic topic{std::string(r.string()), std::string(r.string())};
  if (!r.at_end()) return data_loss("malformed topic definition");
  return topic;
}

std::string_view source_of_topic(std::string_view bytes) { return ByteReader(bytes).string(); }

}  // namespace sluice
