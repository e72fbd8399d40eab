#include "hub/page_token.h"

#include <map>

#include "base/bytes.h"
#include "base/hash.h"
#include "sluice/v1/hub.pb.h"

namespace sluice::hub {
namespace {

constexpr std::uint8_t kTokenVersion = 1;
constexpr char kHexDigits[] = "0123456789abcdef";

std::uint64_t filter_hash(const v1::ListSummariesRequest& request) {
  ByteWriter w;
  w.string(request.node());
  w.string(request.pipeline());
  w.string(request.measurement());
  w.i64(request.from_ns());
  w.i64(request.to_ns());
  w.u8(request.oldest_first() ? 1 : 0);
  return hash64(w.bytes());
}

std::uint64_t filter_hash(const v1::ListGapsRequest& request) {
  ByteWriter w;
  w.string("gaps");
  w.string(request.node());
  w.string(request.cause());
  w.u8(request.oldest_first() ? 1 : 0);
  return hash64(w.bytes());
}

std::uint64_t filter_hash(const v1::ListUnreadRequest& request) {
  ByteWriter w;
  w.string("unread");
  w.string(request.node());
  w.u8(request.oldest_first() ? 1 : 0);
  return hash64(w.bytes());
}

std::uint64_t filter_hash(const v1::ListEventsRequest& request) {
  ByteWriter w;
  w.string("events");
  w.string(request.node());
  w.string(request.pipeline());
  w.string(request.name());
  w.i64(request.severity_min());
  w.i64(request.from_ns());
  w.i64(request.to_ns());
  w.u8(request.oldest_first() ? 1 : 0);
  w.u8(request.by_arrival() ? 1 : 0);
  w.u64(request.after_number());
  return hash64(w.bytes());
}

std::uint64_t filter_hash(const v1::MergeSummariesRequest& request) {
  ByteWriter w;
  w.string("merge");
  w.string(request.node());
  w.string(request.pipeline());
  w.string(request.measurement());
  const std::map<std::string, std::string> labels(request.labels().begin(), request.labels().end());
  w.u64(labels.size());
  for (const auto& [name, value] : labels) {
    w.string(name);
    w.string(value);
  }
  w.i64(request.from_ns());
  w.i64(request.to_ns());
  w.i64(request.every_ns());
  w.u64(static_cast<std::uint64_t>(request.by_size()));
  for (const std::string& name : request.by()) w.string(name);
  w.u8(request.over_all() ? 1 : 0);
  return hash64(w.bytes());
}

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

// Empty when it is not hex.
std::string from_hex(const std::string& text) {
  std::string bytes;
  if (text.size() % 2 != 0) return bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return {};
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

std::string make_token(std::uint64_t filters, const PageEnd& end) {
  ByteWriter w;
  w.u8(kTokenVersion);
  w.fixed64(filters);
  w.i64(end.time_ns);
  w.i64(end.id);
  std::string token;
  for (const char c : w.bytes()) {
    const auto byte = static_cast<unsigned char>(c);
    token.push_back(kHexDigits[byte >> 4]);
    token.push_back(kHexDigits[byte & 15]);
  }
  return token;
}

Result<PageEnd> read_token(const std::string& token, std::uint64_t expected_filters) {
  const std::string bytes = from_hex(token);
  ByteReader r(bytes);
  const std::uint8_t version = r.u8();
  const std::uint64_t filters = r.fixed64();
  const PageEnd end{r.i64(), r.i64()};
  if (!r.at_end() || version != kTokenVersion) {
    return invalid_argument(
        "page_token is not one this hub gave out; leave it empty to start over");
  }
  if (filters != expected_filters) {
    return invalid_argument(
        "page_token belongs to other filters or another order; leave it empty to start over");
  }
  return end;
}

}  // namespace

Status check_limit(std::uint32_t limit) {
  if (limit <= kPageRowsMax) return {};
  return invalid_argument("limit is " + std::to_string(limit) + "; at most " +
                          std::to_string(kPageRowsMax) + ", 0 means " +
                          std::to_string(kPageRowsDefault));
}

Status check_range(std::int64_t from_ns, std::int64_t to_ns) {
  if (from_ns == 0 || to_ns == 0 || from_ns < to_ns) return {};
  return invalid_argument("from_ns " + std::to_string(from_ns) + " is not before to_ns " +
                          std::to_string(to_ns));
}

std::string make_page_token(const v1::ListSummariesRequest& request, const PageEnd& end) {
  return make_token(filter_hash(request), end);
}
std::string make_page_token(const v1::ListGapsRequest& request, const PageEnd& end) {
  return make_token(filter_hash(request), end);
}
std::string make_page_token(const v1::ListUnreadRequest& request, const PageEnd& end) {
  return make_token(filter_hash(request), end);
}
std::string make_page_token(const v1::ListEventsRequest& request, const PageEnd& end) {
  return make_token(filter_hash(request), end);
}
std::string make_page_token(const v1::MergeSummariesRequest& request, const PageEnd& end) {
  return make_token(filter_hash(request), end);
}

Result<PageEnd> read_page_token(const v1::ListSummariesRequest& request) {
  return read_token(request.page_token(), filter_hash(request));
}
Result<PageEnd> read_page_token(const v1::ListGapsRequest& request) {
  return read_token(request.page_token(), filter_hash(request));
}
Result<PageEnd> read_page_token(const v1::ListUnreadRequest& request) {
  return read_token(request.page_token(), filter_hash(request));
}
Result<PageEnd> read_page_token(const v1::ListEventsRequest& request) {
  return read_token(request.page_token(), filter_hash(request));
}
Result<PageEnd> read_page_token(const v1::MergeSummariesRequest& request) {
  return read_token(request.page_token(), filter_hash(request));
}

}  // namespace sluice::hub
