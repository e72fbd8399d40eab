#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace sluice {

/// Finds values that stand elsewhere, numbered 0, 1, 2 …, by their hash: a hash table that holds
/// numbers only, 4 bytes for each slot and at most four in five of them taken. A node-based map
/// takes ten times that.
///
/// Hashes must be well mixed in their low bits. They are not kept, so who adds or removes says how
/// to get that of a number. Not thread-safe.
class SlotIndex {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  /// The number for which `is_wanted(number)`, among those of this hash; kNone: there is none.
  template <typename IsWanted>
  std::uint32_t find(std::uint64_t hash, IsWanted is_wanted) const {
    if (slots_.empty()) return kNone;
    for (std::size_t at = hash & mask(); slots_[at] != kNone; at = (at + 1) & mask()) {
      if (is_wanted(slots_[at])) return slots_[at];
    }
    return kNone;
  }

  /// `number` is not in it yet.
  template <typename HashOf>
  void add(std::uint32_t number, HashOf hash_of) {
    if (5 * (count_ + 1) > 4 * slots_.size()) grow(hash_of);
    place(number, hash_of(number));
    ++count_;
  }

  /// `number` is in it, and its value still there.
  template <typename HashOf>
  void remove(std::uint32_t number, HashOf hash_of) {
    std::size_t hole = slot_of(number, hash_of(number));
    // What was put further on because this slot was taken moves up.
    for (std::size_t at = (hole + 1) & mask(); slots_[at] != kNone; at = (at + 1) & mask()) {
      const std::size_t home = hash_of(slots_[at]) & mask();
      if (((at - home) & mask()) < ((at - hole) & mask())) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole] = kNone;
    --count_;
  }

  /// The value of this hash that had the number `from` has the number `to` from now on.
  void renumber(std::uint32_t from, std::uint32_t to, std::uint64_t hash) {
    slots_[slot_of(from, hash)] = to;
  }

  void clear() { *this = SlotIndex(); }

 private:
  std::size_t mask() const { return slots_.size() - 1; }

  std::size_t slot_of(std::uint32_t number, std::uint64_t hash) const {
    std::size_t at = hash & mask();
    while (slots_[at] != number) at = (at + 1) & mask();
    return at;
  }

  void place(std::uint32_t number, std::uint64_t hash) {
    std::size_t at = hash & mask();
    while (slots_[at] != kNone) at = (at + 1) & mask();
    slots_[at] = number;
  }

  template <typename HashOf>
  void grow(HashOf hash_of) {
    const std::vector<std::uint32_t> old = std::exchange(
        slots_,
        std::vector<std::uint32_t>(slots_.empty() ? 8 : 2 * slots_.size(), std::uint32_t{kNone}));
    for (const std::uint32_t number : old) {
      if (number != kNone) place(number, hash_of(number));
    }
  }

  std::vector<std::uint32_t> slots_;  ///< a power of two of them
  std::size_t count_ = 0;
};

}  // namespace sluice
