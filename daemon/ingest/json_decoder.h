#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/status.h"
#include "ingest/decode_plan.h"
#include "ingest/reject_reason.h"
#include "model/ports.h"

namespace sluice {

struct JsonDecoderOptions {
  /// In the order of the config: IngestEvent's `position.source` is an index into it.
  std::vector<JsonSource> sources;
  std::size_t payload_bytes_max = 256 * 1024;
  /// Memory for what was worked out about topics and series; past it all of that is forgotten and
  /// built anew, which costs CPU only. Holds about 60,000 series.
  std::size_t cache_bytes_max = 8 * 1024 * 1024;
};

/// Turns JSON payloads (RFC 8259) into readings, for all sources of the node.
///
/// A message is taken whole or refused whole: one wrong value in the last item of an array rejects
/// all of it, with a reason of `kRejectReasons` and a sentence that gives the JSON pointer of what
/// is wrong and what was expected. Strict where JSON leaves a choice: duplicate keys, numbers
/// beyond 64 bits, NaN, text after the value, more than 64 levels are refused. Integers stay
/// integers (i64, else u64); all other numbers are doubles and finite.
///
/// A message gets its topic and series ids only once all of it proved good, so garbage uses up
/// neither table; when the series table fills up amid a message, the message is rejected
/// (series_cap) and the ids before that point stay given out.
///
/// Thread: [pipeline].
class JsonDecoder final : public Decoder {
 public:
  /// `invalid_argument` when a source's words contradict themselves (see DecodePlan::make). The
  /// tables are the caller's and outlive the decoder.
  static Result<std::unique_ptr<JsonDecoder>> create(const JsonDecoderOptions& options,
                                                     SeriesTable& series, TopicTable& topics);
  ~JsonDecoder() override;

  /// `message` is of kind `message` and of one of the sources.
  DecodeResult decode(const IngestEvent& message, ReadingBatch& out) override;

  /// About what the cache holds.
  std::size_t cache_bytes() const;

 private:
  class Decoding;
  explicit JsonDecoder(std::unique_ptr<Decoding> decoding);
  std::unique_ptr<Decoding> decoding_;
};

}  // namespace sluice
