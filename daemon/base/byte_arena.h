#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "base/assert.h"

namespace sluice {

/// Byte strings that are kept for ever, one behind the other, with three bytes beside each: names
/// are many and short. At most 4 GiB in all; views stay valid as long as the arena. Not
/// thread-safe.
class ByteArena {
 public:
  /// Where the bytes stand from now on.
  std::uint32_t append(std::string_view bytes) {
    const std::size_t size = kLengthBytes + bytes.size();
    if (size > left_) begin_chunk(size);
    char* const at = chunks_.back().get() + used_;
    const auto length = static_cast<std::uint32_t>(bytes.size());
    std::memcpy(at, &length, kLengthBytes);
    std::memcpy(at + kLengthBytes, bytes.data(), bytes.size());
    const auto place = static_cast<std::uint32_t>((chunks_.size() - 1) * kChunkBytes + used_);
    used_ += size;
    left_ -= size;
    return place;
  }
  std::string_view at(std::uint32_t place) const {
    const char* const from = chunks_[place / kChunkBytes].get() + place % kChunkBytes;
    std::uint32_t length = 0;
    std::memcpy(&length, from, kLengthBytes);
    return {from + kLengthBytes, length};
  }

 private:
  static constexpr std::size_t kChunkBytes = 1 << 16;
  static constexpr std::size_t kLengthBytes = 3;

  /// What is longer than a chunk has one of its own.
  void begin_chunk(std::size_t size) {
    SLUICE_ASSERT(size < (std::size_t{1} << 24) && chunks_.size() < (std::size_t{1} << 16));
    left_ = std::max(kChunkBytes, size);
    used_ = 0;
    chunks_.push_back(std::make_unique<char[]>(left_));
  }

  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t used_ = 0;  ///< of the last chunk
  std::size_t left_ = 0;
};

}  // namespace sluice
