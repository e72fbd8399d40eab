#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sluice {

/// A message between the daemon and a plugin's process: numbers of 64 bits and byte strings, all at
/// multiples of 8, so that columns can be used where they lie. Of one machine only.
class FrameWriter {
 public:
  explicit FrameWriter(std::string& out) : out_(out) { out_.clear(); }
  void u64(std::uint64_t v) { out_.append(reinterpret_cast<const char*>(&v), sizeof v); }
  void bytes(const void* data, std::size_t size) {
    u64(size);
    out_.append(static_cast<const char*>(data), size);
    out_.append((8 - size % 8) % 8, '\0');
  }
  void bytes(std::string_view text) { bytes(text.data(), text.size()); }

 private:
  std::string& out_;
};

/// Reads what FrameWriter wrote, as ByteReader does: nothing past the end, and one look at ok()
/// when all is read. What it gives out is borrowed from the message.
class FrameReader {
 public:
  explicit FrameReader(std::string_view message) : rest_(message) {}

  std::uint64_t u64() {
    std::uint64_t v = 0;
    const std::string_view taken = take(sizeof v);
    if (!taken.empty()) std::memcpy(&v, taken.data(), sizeof v);
    return v;
  }
  std::string_view bytes() {
    const std::uint64_t size = u64();
    if (size > rest_.size()) {
      fail();
      return {};
    }
    const std::string_view text = rest_.substr(0, size);
    take(size + (8 - size % 8) % 8);
    return ok_ ? text : std::string_view();
  }
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && rest_.empty(); }

 private:
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) {
      fail();
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  void fail() {
    ok_ = false;
    rest_ = {};
  }
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace sluice
