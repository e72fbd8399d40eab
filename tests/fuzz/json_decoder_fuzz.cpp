// First byte: which of four sources. The rest is the payload. Whatever comes, a message is taken
// whole or refused with a known reason and without a trace, and decodes the same a second time.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "ingest/json_decoder.h"

namespace {
void check(bool holds) {
  if (!holds) std::abort();
}

sluice::JsonDecoderOptions options() {
  sluice::JsonSource plain;
  plain.name = "plain";
  plain.patterns.push_back(*sluice::TopicPattern::parse("t/{t}"));
  sluice::JsonSource listed = plain;
  listed.items = "/l";
  listed.time = "/t";
  listed.time_format = sluice::TimeFormat::rfc3339;
  sluice::JsonSource declared = plain;
  declared.time = "/t";
  declared.time_format = sluice::TimeFormat::s;
  declared.labels = {{"id", "/i"}, {"deep", "/d/0"}};
  declared.fields = {{"/v", "", "Cel"}, {"/a/1", "", ""}, {"/a/o", "", ""}};
  sluice::JsonSource scalar = plain;
  scalar.fields = {{"", "value", ""}};
  sluice::JsonDecoderOptions made;
  made.sources = {plain, listed, declared, scalar};
  made.cache_bytes_max = 16 * 1024;
  return made;
}

struct Node {
  sluice::SeriesTable series{5000};
  sluice::TopicTable topics{10};
  std::unique_ptr<sluice::JsonDecoder> decoder =
      std::move(*sluice::JsonDecoder::create(options(), series, topics));
};

void check_rejected(const sluice::DecodeResult& result) {
  bool known = false;
  for (const auto& text : sluice::kRejectReasons) known = known || text.name == result.reason;
  check(known && !result.detail.empty() && result.detail.size() <= 512);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto node = std::make_unique<Node>();
  if (size == 0) return 0;
  if (node->series.size() > 4000) node = std::make_unique<Node>();
  sluice::IngestEvent message;
  message.position.source = data[0] % 4;
  message.topic = "t/1";
  message.payload.assign(reinterpret_cast<const char*>(data) + 1, size - 1);
  sluice::ReadingBatch first;
  const sluice::DecodeResult result = node->decoder->decode(message, first);
  check(result.ok == !first.empty());
  if (!result.ok) check_rejected(result);
  for (std::size_t i = 0; i < first.size(); ++i) {
    const sluice::Reading reading = first.at(i);
    check(node->series.contains(reading.series) && node->topics.contains(reading.topic));
    check(std::isfinite(reading.value.as_double()) && reading.event_time_ns >= 0);
  }
  sluice::ReadingBatch second;
  const sluice::DecodeResult again = node->decoder->decode(message, second);
  check(again.ok == result.ok && again.reason == result.reason && again.detail == result.detail);
  check(first == second);
  return 0;
}
