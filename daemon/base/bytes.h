#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sluice {

/// Appends values to a byte string: LEB128 varints, zigzag for signed, little-endian fixed 64.
class ByteWriter {
 public:
  void u64(std::uint64_t v) {
    while (v >= 0x80) {
      bytes_.push_back(static_cast<char>(v | 0x80));
      v >>= 7;
    }
    bytes_.push_back(static_cast<char>(v));
  }
  void i64(std::int64_t v) {
    u64((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63));
  }
  void fixed64(std::uint64_t v) {
    for (int shift = 0; shift < 64; shift += 8) bytes_.push_back(static_cast<char>(v >> shift));
  }
  /// The low 48 bits.
  void fixed48(std::uint64_t v) {
    for (int shift = 0; shift < 48; shift += 8) bytes_.push_back(static_cast<char>(v >> shift));
  }
  void f64(double v) { fixed64(std::bit_cast<std::uint64_t>(v)); }
  void u8(std::uint8_t v) { bytes_.push_back(static_cast<char>(v)); }
  /// Length, then the bytes.
  void string(std::string_view v) {
    u64(v.size());
    bytes_.append(v);
  }
  const std::string& bytes() const { return bytes_; }
  std::string take() { return std::move(bytes_); }
  std::size_t size() const { return bytes_.size(); }

 private:
  std::string bytes_;
};

/// Reads what ByteWriter wrote. Never reads past the end: the first short or malformed field makes
/// `ok()` false for good and every later read returns 0, so callers check once at the end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t u64() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ >= bytes_.size()) return fail();
      const auto b = static_cast<unsigned char>(bytes_[at_++]);
      if (shift == 63 && b > 1) return fail();
      v |= static_cast<std::uint64_t>(b & 0x7F) << shift;
      if ((b & 0x80) == 0) return v;
    }
    return fail();
  }
  std::int64_t i64() {
    const std::uint64_t v = u64();
    return static_cast<std::int64_t>((v >> 1) ^ (~(v & 1) + 1));
  }
  std::uint64_t fixed64() { return fixed(8); }
  std::uint64_t fixed48() { return fixed(6); }
  double f64() { return std::bit_cast<double>(fixed64()); }
  std::uint8_t u8() {
    if (remaining() < 1) return static_cast<std::uint8_t>(fail());
    return static_cast<std::uint8_t>(bytes_[at_++]);
  }
  /// Borrowed from the input.
  std::string_view string() {
    const std::uint64_t size = u64();
    if (size > remaining()) {
      fail();
      return {};
    }
    const auto v = bytes_.substr(at_, size);
    at_ += size;
    return v;
  }
  /// A count of items of at least one byte each: a larger one than bytes left is malformed, so a
  /// corrupt count cannot make the caller reserve gigabytes.
  std::size_t count() {
    const std::uint64_t n = u64();
    if (n > remaining()) return static_cast<std::size_t>(fail());
    return static_cast<std::size_t>(n);
  }
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && at_ == bytes_.size(); }
  std::size_t remaining() const { return ok_ ? bytes_.size() - at_ : 0; }

 private:
  std::uint64_t fixed(std::size_t size) {
    if (remaining() < size) return fail();
    std::uint64_t v = 0;
    for (std::size_t i = 0; i < size; ++i) {
      v |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes_[at_++])) << (8 * i);
    }
    return v;
  }
  std::uint64_t fail() {
    ok_ = false;
    at_ = bytes_.size();
    return 0;
  }
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace sluice
