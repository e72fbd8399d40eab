#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/numbered_bytes.h"
#include "base/status.h"
#include "model/reading.h"

namespace sluice {

/// Label name and value, sorted by name; names are unique.
using Labels = std::vector<std::pair<std::string, std::string>>;

/// The identity of a stream of readings: what is measured, in which unit, under which labels.
struct Series {
  std::string measurement;  ///< e.g. "temperature"; 1..128 bytes of UTF-8
  std::string unit;         ///< UCUM code such as "Cel"; empty when unknown
  Labels labels;

  /// Empty when there is no such label.
  std::string_view label(std::string_view name) const;
  /// `temperature{device="3",site="a"} Cel`: for people and for sorting; values are escaped.
  std::string to_string() const;
  friend bool operator==(const Series&, const Series&) = default;
};

/// The canonical bytes of a series: what the store keeps and what identity is compared by.
std::string encode_series(const Series& series);
Result<Series> decode_series(std::string_view bytes);

/// One source key: where a reading came from.
struct Topic {
  std::string source;  ///< the config's source name
  std::string topic;   ///< the MQTT topic name
  friend bool operator==(const Topic&, const Topic&) = default;
};
std::string encode_topic(const Topic& topic);
Result<Topic> decode_topic(std::string_view bytes);
/// The source alone, of bytes that encode_topic() wrote; borrowed from them.
std::string_view source_of_topic(std::string_view bytes);

/// Values numbered 1, 2, 3 … in the order of first use, for ever within a store epoch. Bounded:
/// past `capacity` nothing new is numbered and the caller counts the refusal.
///
/// There may be 100,000 of them, so a value is kept as its canonical bytes alone, and taken apart
/// whenever somebody wants to see it. The pipeline thread alone adds; any thread may read.
template <typename T, std::string (*Encode)(const T&), Result<T> (*Decode)(std::string_view)>
class IdTable {
 public:
  explicit IdTable(std::size_t capacity) : capacity_(capacity) {}

  /// Ids that were given out under a larger capacity stay.
  void set_capacity(std::size_t capacity) {
    MutexLock lock(mutex_);
    capacity_ = capacity;
  }
  /// The id of `value`, new if need be; 0 when the table is full.
  std::uint32_t intern(const T& value) {
    const std::string bytes = Encode(value);
    MutexLock lock(mutex_);
    return number(bytes, capacity_);
  }
  /// As intern, also past the capacity: an id that was given out under a larger one stays.
  std::uint32_t restore(const T& value) {
    const std::string bytes = Encode(value);
    MutexLock lock(mutex_);
    return number(bytes, UINT32_MAX);
  }
  /// `id` must have been given out.
  T at(std::uint32_t id) const { return *Decode(encoded(id)); }
  /// The canonical bytes, valid as long as the table. `id` must have been given out.
  std::string_view encoded(std::uint32_t id) const {
    MutexLock lock(mutex_);
    SLUICE_ASSERT(id >= 1 && id <= values_.size());
    return values_.at(id - 1);
  }
  bool contains(std::uint32_t id) const {
    MutexLock lock(mutex_);
    return id >= 1 && id <= values_.size();
  }
  std::size_t size() const {
    MutexLock lock(mutex_);
    return values_.size();
  }

 private:
  std::uint32_t number(std::string_view bytes, std::size_t capacity) SLUICE_REQUIRES(mutex_) {
    const std::uint32_t known = values_.find(bytes);
    if (known != NumberedBytes::kNone) return known + 1;
    return values_.size() >= capacity ? 0 : values_.add(bytes) + 1;
  }

  mutable Mutex mutex_;
  std::size_t capacity_ SLUICE_GUARDED_BY(mutex_);
  NumberedBytes values_ SLUICE_GUARDED_BY(mutex_);  ///< by id - 1
};

using SeriesTable = IdTable<Series, encode_series, decode_series>;
using TopicTable = IdTable<Topic, encode_topic, decode_topic>;

}  // namespace sluice
