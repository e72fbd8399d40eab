#include "aggregate/space_saving.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <tuple>

#include "base/assert.h"
#include "base/hash.h"

namespace sluice {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint16_t kCapacityMax = 1024;
constexpr std::uint16_t kKeyBytesMin = 24;
constexpr std::uint16_t kKeyBytesMax = 1024;
constexpr std::size_t kHashDigits = 16;

using Counter = SpaceSaving::Counter;

std::uint32_t tag_of(std::string_view key) { return static_cast<std::uint32_t>(hash64(key)); }

bool ranks_before(const Counter& a, const Counter& b) {
  return std::tie(b.count, a.error, a.key) < std::tie(a.count, b.error, b.key);
}

std::string shortened(std::string_view key, std::size_t bytes_max) {
  std::size_t cut = bytes_max - kHashDigits - 1;
  const auto continues = [&] { return (static_cast<unsigned char>(key[cut]) & 0xC0) == 0x80; };
  while (cut > 0 && continues()) --cut;
  std::string out(key.substr(0, cut));
  out += '~';
  const std::uint64_t hash = hash64(key);
  for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[(hash >> shift) & 15];
  return out;
}

Status malformed() { return data_loss("malformed SpaceSaving"); }

}  // namespace

bool TopOptions::valid() const {
  return capacity >= 1 && capacity <= kCapacityMax && key_bytes_max >= kKeyBytesMin &&
         key_bytes_max <= kKeyBytesMax;
}

SpaceSaving::SpaceSaving(const TopOptions& options) : options_(options) {
  SLUICE_ASSERT(options.valid());
}

bool SpaceSaving::add(std::int64_t, double value) {
  if (!std::isfinite(value)) return false;
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value + 0.0).ptr;  // -0.0 becomes 0.0
  add_bounded({text, static_cast<std::size_t>(end - text)});
  return true;
}

void SpaceSaving::add_key(std::string_view key) {
  if (key.size() <= options_.key_bytes_max) return add_bounded(key);
  add_bounded(shortened(key, options_.key_bytes_max));
}

void SpaceSaving::add_bounded(std::string_view key) {
  ++total_;
  const std::uint32_t tag = tag_of(key);
  std::size_t slot = find(key, tag);
  if (slot == counters_.size()) {
    if (counters_.size() < options_.capacity) {
      insert({std::string(key), 0, 0});
    } else {  // the last in order has the smallest count: its place is taken over
      slot = order_.back();
      counters_[slot].error = counters_[slot].count;
      counters_[slot].key.assign(key);
      tags_[slot] = tag;
    }
  }
  increment(slot);
}

std::size_t SpaceSaving::find(std::string_view key, std::uint32_t tag) const {
  for (auto at = tags_.begin(); (at = std::find(at, tags_.end(), tag)) != tags_.end(); ++at) {
    const auto slot = static_cast<std::size_t>(at - tags_.begin());
    if (counters_[slot].key == key) return slot;
  }
  return counters_.size();
}

/// At the end of the order: nothing may have a smaller count.
void SpaceSaving::insert(Counter counter) {
  const auto slot = static_cast<std::uint16_t>(counters_.size());
  tags_.push_back(tag_of(counter.key));
  place_.push_back(static_cast<std::uint16_t>(order_.size()));
  order_.push_back(slot);
  counters_.push_back(std::move(counter));
}

/// Counts one, and keeps the order by swapping with the first of the same count.
void SpaceSaving::increment(std::size_t slot) {
  const std::uint64_t count = counters_[slot].count;
  const auto mine = order_.begin() + place_[slot];
  const auto first = std::partition_point(
      order_.begin(), mine, [&](std::uint16_t s) { return counters_[s].count > count; });
  std::swap(place_[*first], place_[*mine]);
  std::iter_swap(first, mine);
  ++counters_[slot].count;
}

std::uint64_t SpaceSaving::unheld_count_max() const {
  return counters_.size() < options_.capacity ? 0 : counters_[order_.back()].count;
}

std::vector<Counter> SpaceSaving::top(std::size_t k) const {
  std::vector<Counter> all = counters_;
  std::sort(all.begin(), all.end(), ranks_before);
  if (all.size() > k) all.resize(k);
  return all;
}

/// Holds the greatest of these and no others.
void SpaceSaving::assign(std::vector<Counter> counters) {
  std::sort(counters.begin(), counters.end(), ranks_before);
  if (counters.size() > options_.capacity) counters.resize(options_.capacity);
  counters_.clear();
  tags_.clear();
  order_.clear();
  place_.clear();
  for (Counter& counter : counters) insert(std::move(counter));
}

void SpaceSaving::adopt(const TopOptions& other) {
  options_.capacity = std::min(options_.capacity, other.capacity);
  options_.key_bytes_max = std::min(options_.key_bytes_max, other.key_bytes_max);
  std::map<std::string, Counter> by_key;  // keys that were told apart may be cut to the same
  for (Counter& counter : counters_) {
    if (counter.key.size() > options_.key_bytes_max) {
      counter.key = shortened(counter.key, options_.key_bytes_max);
    }
    Counter& sum = by_key[counter.key];
    sum = {counter.key, sum.count + counter.count, sum.error + counter.error};
  }
  std::vector<Counter> all;
  for (auto& [key, counter] : by_key) all.push_back(std::move(counter));
  assign(std::move(all));
}

Status SpaceSaving::merge(const SpaceSaving& other) {
  if (!(options_ == other.options_)) {
    SpaceSaving alike = other;
    alike.adopt(options_);
    adopt(alike.options_);
    return merge(alike);
  }
  if (other.total_ == 0) return {};
  if (total_ == 0) {
    *this = other;
    return {};
  }
  const std::uint64_t mine_max = unheld_count_max();
  const std::uint64_t theirs_max = other.unheld_count_max();
  struct Bounds {
    std::uint64_t count = 0;
    std::uint64_t error = 0;
    bool mine = false;
    bool theirs = false;
  };
  std::map<std::string, Bounds, std::less<>> bounds;
  for (const Counter& c : counters_) bounds[c.key] = {c.count, c.error, true, false};
  for (const Counter& c : other.counters_) {
    Bounds& b = bounds[c.key];
    b = {b.count + c.count, b.error + c.error, b.mine, true};
  }
  std::vector<Counter> all;
  for (const auto& [key, b] : bounds) {
    const std::uint64_t unseen = (b.mine ? 0 : mine_max) + (b.theirs ? 0 : theirs_max);
    all.push_back({key, b.count + unseen, b.error + unseen});
  }
  total_ += other.total_;
  assign(std::move(all));
  return {};
}

void SpaceSaving::snapshot(ByteWriter& writer) const {
  writer.u8(kFormat);
  writer.u64(options_.capacity);
  writer.u64(options_.key_bytes_max);
  writer.u64(total_);
  writer.u64(counters_.size());
  for (const std::uint16_t slot : order_) {  // which one is replaced next depends on it
    writer.string(counters_[slot].key);
    writer.u64(counters_[slot].count);
    writer.u64(counters_[slot].error);
  }
}

Result<SpaceSaving> SpaceSaving::restore(ByteReader& reader) {
  if (reader.u8() != kFormat) return malformed();
  const std::uint64_t capacity = reader.u64();
  const std::uint64_t key_bytes_max = reader.u64();
  if (capacity > kCapacityMax || key_bytes_max > kKeyBytesMax) return malformed();
  const TopOptions options{static_cast<std::uint16_t>(capacity),
                           static_cast<std::uint16_t>(key_bytes_max)};
  if (!options.valid()) return malformed();
  SpaceSaving sketch(options);
  sketch.total_ = reader.u64();
  const std::size_t size = reader.count();
  if (!reader.ok() || sketch.total_ > kReadingsMax || size > capacity) return malformed();
  std::uint64_t held = 0;
  std::uint64_t before = kReadingsMax;
  for (std::size_t i = 0; i < size; ++i) {
    const std::string_view key = reader.string();
    const std::uint64_t count = reader.u64();
    const std::uint64_t error = reader.u64();
    const bool sane = reader.ok() && key.size() <= key_bytes_max && count >= 1 && count <= before &&
                      error < count && sketch.find(key, tag_of(key)) == sketch.counters_.size();
    if (!sane) return malformed();
    sketch.insert({std::string(key), count, error});
    before = count;
    held += count;
  }
  // A key only ever lost its counter when all were taken.
  if (held > sketch.total_ || (size < capacity && held < sketch.total_)) return malformed();
  return sketch;
}

std::size_t SpaceSaving::state_bytes() const {
  std::size_t bytes = sizeof *this + counters_.capacity() * sizeof(Counter) +
                      tags_.capacity() * sizeof(std::uint32_t) +
                      (order_.capacity() + place_.capacity()) * sizeof(std::uint16_t);
  static const std::size_t inline_capacity = std::string().capacity();
  for (const Counter& c : counters_) {
    if (c.key.capacity() > inline_capacity) bytes += c.key.capacity() + 1;
  }
  return bytes;
}

}  // namespace sluice
