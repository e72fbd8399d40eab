#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice {

/// Event times are from 0 to this: a year before nanoseconds end, so that a window of any length
/// that holds such a time ends too. Decoders and the plugin host refuse others.
inline constexpr std::int64_t kEventTimeMaxNs = INT64_MAX - std::int64_t{366} * 86'400'000'000'000;

/// Permanent within a store epoch; 0 is never given out. See SeriesTable.
using SeriesId = std::uint32_t;
/// One source key (source, topic): the unit that has a watermark. 0 is never given out.
using TopicId = std::uint32_t;

enum class ValueKind : std::uint8_t { f64 = 0, i64 = 1, u64 = 2, boolean = 3 };

/// As OPC UA status: `uncertain` is what a filter flagged but let pass.
enum class Quality : std::uint8_t { good = 0, uncertain = 1, bad = 2 };

/// A reading's value: 64 bits and what they mean. Doubles are finite; decoders and the plugin host
/// refuse NaN and infinities.
struct Value {
  ValueKind kind = ValueKind::f64;
  std::uint64_t bits = 0;

  static Value of(double v) { return {ValueKind::f64, std::bit_cast<std::uint64_t>(v)}; }
  static Value of(std::int64_t v) { return {ValueKind::i64, static_cast<std::uint64_t>(v)}; }
  static Value of(std::uint64_t v) { return {ValueKind::u64, v}; }
  static Value of(bool v) { return {ValueKind::boolean, v ? 1u : 0u}; }
  /// The value as aggregates see it: true is 1, integers beyond 2^53 round to nearest.
  double as_double() const {
    switch (kind) {
      case ValueKind::f64: return std::bit_cast<double>(bits);
      case ValueKind::i64: return static_cast<double>(static_cast<std::int64_t>(bits));
      case ValueKind::u64: return static_cast<double>(bits);
      case ValueKind::boolean: return bits != 0 ? 1.0 : 0.0;
    }
    return 0.0;
  }
  friend bool operator==(const Value&, const Value&) = default;
};

/// One value of one series at one event time; a row of a batch.
struct Reading {
  SeriesId series = 0;
  TopicId topic = 0;
  std::int64_t event_time_ns = 0;  ///< ns since 1970 UTC, the sensor's clock; may step back
  Value value;
  Quality quality = Quality::good;
  friend bool operator==(const Reading&, const Reading&) = default;
};

/// Readings as columns of equal length, in arrival order. One batch is one `process()` call per
/// stage and one unit of replay.
struct ReadingBatch {
  std::vector<SeriesId> series;
  std::vector<TopicId> topic;
  std::vector<std::int64_t> event_time_ns;
  std::vector<ValueKind> kind;
  std::vector<std::uint64_t> bits;
  std::vector<Quality> quality;

  std::size_t size() const { return series.size(); }
  bool empty() const { return series.empty(); }
  void append(const Reading& r) {
    series.push_back(r.series);
    topic.push_back(r.topic);
    event_time_ns.push_back(r.event_time_ns);
    kind.push_back(r.value.kind);
    bits.push_back(r.value.bits);
    quality.push_back(r.quality);
  }
  Reading at(std::size_t i) const {
    return {series[i], topic[i], event_time_ns[i], Value{kind[i], bits[i]}, quality[i]};
  }
  /// Drops the rows from `first` on for which `gone` is true; the others keep their order.
  template <typename Gone>
  void erase_if(std::size_t first, Gone gone) {
    std::size_t kept = first;
    for (std::size_t i = first; i < size(); ++i) {
      if (!gone(at(i))) set(kept++, at(i));
    }
    truncate(kept);
  }
  void set(std::size_t i, const Reading& r) {
    series[i] = r.series;
    topic[i] = r.topic;
    event_time_ns[i] = r.event_time_ns;
    kind[i] = r.value.kind;
    bits[i] = r.value.bits;
    quality[i] = r.quality;
  }
  /// Drops the rows from `size` on; a decoder undoes a half-decoded message with it.
  void truncate(std::size_t size) {
    series.resize(size);
    topic.resize(size);
    event_time_ns.resize(size);
    kind.resize(size);
    bits.resize(size);
    quality.resize(size);
  }
  void clear() { truncate(0); }
  friend bool operator==(const ReadingBatch&, const ReadingBatch&) = default;
};

}  // namespace sluice
