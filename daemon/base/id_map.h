#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/slot_index.h"

namespace sluice {

/// Values by id, for tables of which a gateway has 100,000 entries: some 10 bytes beside each value
/// where std::unordered_map takes 40. Used as that is. In no order that means anything; references
/// live until an entry is erased. Not thread-safe.
template <typename T>
class IdMap {
 public:
  using Entry = std::pair<std::uint32_t, T>;

  IdMap() = default;
  IdMap(IdMap&&) = default;
  IdMap& operator=(IdMap&&) = default;

  T& operator[](std::uint32_t id) {
    const std::uint32_t place = place_of(id);
    if (place != SlotIndex::kNone) return entries_[place].second;
    entries_.emplace_back(id, T());
    index_.add(static_cast<std::uint32_t>(entries_.size() - 1), hash_of_place());
    return entries_.back().second;
  }
  /// `id` must be there.
  T& at(std::uint32_t id) { return existing(*this, id); }
  const T& at(std::uint32_t id) const { return existing(*this, id); }

  auto find(std::uint32_t id) { return iterator_to(*this, id); }
  auto find(std::uint32_t id) const { return iterator_to(*this, id); }
  auto begin() { return entries_.begin(); }
  auto end() { return entries_.end(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }

  /// Nothing happens when it is not there.
  void erase(std::uint32_t id) {
    const std::uint32_t place = place_of(id);
    if (place != SlotIndex::kNone) erase_place(place);
  }
  template <typename Gone>
  void erase_if(Gone gone) {
    for (std::size_t place = entries_.size(); place-- > 0;) {
      if (gone(std::as_const(entries_[place]))) erase_place(static_cast<std::uint32_t>(place));
    }
  }
  void clear() { *this = IdMap(); }

 private:
  /// Ids count up by one, and the highest bit of some says more: all must reach the low bits.
  static std::uint64_t hash_of(std::uint32_t id) {
    const std::uint64_t product = id * 0x9E3779B97F4A7C15ull;
    return product >> 32;
  }
  auto hash_of_place() const {
    return [this](std::uint32_t place) { return hash_of(entries_[place].first); };
  }
  std::uint32_t place_of(std::uint32_t id) const {
    return index_.find(hash_of(id),
                       [&](std::uint32_t place) { return entries_[place].first == id; });
  }
  template <typename Self>
  static auto& existing(Self& self, std::uint32_t id) {
    const std::uint32_t place = self.place_of(id);
    SLUICE_ASSERT(place != SlotIndex::kNone);
    return self.entries_[place].second;
  }
  template <typename Self>
  static auto iterator_to(Self& self, std::uint32_t id) {
    const std::uint32_t place = self.place_of(id);
    return place == SlotIndex::kNone ? self.entries_.end() : self.entries_.begin() + place;
  }
  /// The last one moves to its place.
  void erase_place(std::uint32_t place) {
    index_.remove(place, hash_of_place());
    const auto last = static_cast<std::uint32_t>(entries_.size() - 1);
    if (place != last) {
      index_.renumber(last, place, hash_of(entries_[last].first));
      entries_[place] = std::move(entries_[last]);
    }
    entries_.pop_back();
  }

  std::deque<Entry> entries_;  // no slack, and growing moves nothing
  SlotIndex index_;
};

/// A few ids, usually one, which then needs no memory of its own.
class IdList {
 public:
  const std::uint32_t* begin() const { return more_ ? more_->data() : &one_; }
  const std::uint32_t* end() const { return begin() + size(); }
  std::size_t size() const { return more_ ? more_->size() : one_ != 0 ? 1 : 0; }
  bool empty() const { return size() == 0; }
  /// Ids are not 0.
  void push_back(std::uint32_t id) {
    SLUICE_ASSERT(id != 0);
    if (more_) {
      more_->push_back(id);
    } else if (one_ == 0) {
      one_ = id;
    } else {
      more_ = std::make_unique<std::vector<std::uint32_t>>(std::vector<std::uint32_t>{one_, id});
    }
  }

 private:
  std::uint32_t one_ = 0;
  std::unique_ptr<std::vector<std::uint32_t>> more_;  ///< all of them, once there are two
};

}  // namespace sluice
