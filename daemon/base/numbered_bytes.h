#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>

#include "base/byte_arena.h"
#include "base/hash.h"
#include "base/slot_index.h"

namespace sluice {

/// Byte strings that are all different, numbered 0, 1, 2 … in the order in which they came, and
/// kept for ever. Some 13 bytes beside each. Not thread-safe.
class NumberedBytes {
 public:
  static constexpr std::uint32_t kNone = SlotIndex::kNone;

  /// kNone when it is not there.
  std::uint32_t find(std::string_view bytes) const {
    return index_.find(hash64(bytes), [&](std::uint32_t number) { return at(number) == bytes; });
  }
  /// The number of `bytes`, which are not there yet.
  std::uint32_t add(std::string_view bytes) {
    places_.push_back(bytes_.append(bytes));
    const auto number = static_cast<std::uint32_t>(places_.size() - 1);
    index_.add(number, [this](std::uint32_t other) { return hash64(at(other)); });
    return number;
  }
  /// Valid as long as this object.
  std::string_view at(std::uint32_t number) const { return bytes_.at(places_[number]); }
  std::size_t size() const { return places_.size(); }

 private:
  ByteArena bytes_;
  std::deque<std::uint32_t> places_;  ///< in bytes_, by number
  SlotIndex index_;                   ///< of places_
};

}  // namespace sluice
