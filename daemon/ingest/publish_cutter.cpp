#include "ingest/publish_cutter.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr unsigned char kPublish = 0x30;
constexpr std::size_t kHeaderBytesMax = 5;

bool has_more(char c) { return (static_cast<unsigned char>(c) & 0x80) != 0; }

void append_length(std::string& out, std::uint32_t length) {
  for (; length >= 0x80; length >>= 7) out.push_back(static_cast<char>(length | 0x80));
  out.push_back(static_cast<char>(length));
}

}  // namespace

void PublishCutter::feed(std::string_view in, std::string& out) {
  while (!in.empty()) {
    if (to_pass_ > 0) {
      const std::size_t n = std::min<std::uint64_t>(to_pass_, in.size());
      out.append(in.substr(0, n));
      in.remove_prefix(n);
      to_pass_ -= n;
    } else if (to_drop_ > 0) {
      const std::size_t n = std::min<std::uint64_t>(to_drop_, in.size());
      in.remove_prefix(n);
      to_drop_ -= n;
    } else {
      header_.push_back(in.front());
      in.remove_prefix(1);
      if (header_.size() > 1 && (!has_more(header_.back()) || header_.size() == kHeaderBytesMax)) {
        end_header(out);
      }
    }
  }
}

void PublishCutter::end_header(std::string& out) {
  if (has_more(header_.back())) {
    to_pass_ = UINT64_MAX;  // this is no MQTT; Paho will say so
    out += header_;
    return;
  }
  std::uint32_t length = 0;
  for (std::size_t i = header_.size() - 1; i > 0; --i) {
    length = length << 7 | (static_cast<unsigned char>(header_[i]) & 0x7F);
  }
  to_pass_ = length;
  if ((static_cast<unsigned char>(header_[0]) & 0xF0) == kPublish && length > packet_bytes_max_) {
    to_pass_ = packet_bytes_max_;
    to_drop_ = length - packet_bytes_max_;
    out.push_back(header_[0]);
    append_length(out, packet_bytes_max_);
  } else {
    out += header_;
  }
  header_.clear();
}

}  // namespace sluice
