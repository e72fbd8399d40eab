#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
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

/// Values numbered 1, 2, 3 … in the order of first use, for ever within a store epoch. Bounded:
/// past `capacity` nothing new is numbered and the caller counts the refusal.
///
/// The pipeline thread alone adds; any thread may read. References stay valid as long as the table.
template <typename T, std::string (*Encode)(const T&)>
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
    MutexLock lock(mutex_);
    return number(value, capacity_);
  }
  /// As intern, also past the capacity: an id that was given out under a larger one stays.
  std::uint32_t restore(const T& value) {
    MutexLock lock(mutex_);
    return number(value, UINT32_MAX);
  }
  /// `id` must have been given out.
  const T& at(std::uint32_t id) const {
    MutexLock lock(mutex_);
    SLUICE_ASSERT(id >= 1 && id <= values_.size());
    return values_[id - 1];
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
  std::uint32_t number(const T& value, std::size_t capacity) SLUICE_REQUIRES(mutex_) {
    std::string key = Encode(value);
    if (const auto it = ids_.find(key); it != ids_.end()) return it->second;
    if (values_.size() >= capacity) return 0;
    values_.push_back(value);
    const auto id = static_cast<std::uint32_t>(values_.size());
    ids_.emplace(std::move(key), id);
    return id;
  }

  mutable Mutex mutex_;
  std::size_t capacity_ SLUICE_GUARDED_BY(mutex_);
  std::deque<T> values_ SLUICE_GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::uint32_t> ids_ SLUICE_GUARDED_BY(mutex_);
};

using SeriesTable = IdTable<Series, encode_series>;
using TopicTable = IdTable<Topic, encode_topic>;

}  // namespace sluice
