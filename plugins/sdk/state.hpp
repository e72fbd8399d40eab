#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::sdk {

/// FNV-1a, 64 bits: one changed byte always changes it.
inline std::uint64_t fnv1a(std::string_view bytes) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

/// Writes a snapshot: fields of 8 bytes, little-endian, so that it moves between machines.
class StateWriter {
 public:
  void u64(std::uint64_t v) {
    for (int shift = 0; shift < 64; shift += 8) bytes_.push_back(static_cast<char>(v >> shift));
  }
  void i64(std::int64_t v) { u64(static_cast<std::uint64_t>(v)); }
  void f64(double v) { u64(std::bit_cast<std::uint64_t>(v)); }
  /// Any bytes: their number, then they, filled up to fields with zeros.
  void text(std::string_view v) {
    u64(v.size());
    bytes_.append(v);
    bytes_.append((8 - v.size() % 8) % 8, '\0');
  }
  /// Ends the snapshot with a checksum, which StateReader::unseal() takes off again.
  void seal() { u64(fnv1a(bytes_)); }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Reads what StateWriter wrote. Throws std::invalid_argument at the first field that is not there,
/// which the wrapper answers with SLUICE_BAD_STATE.
class StateReader {
 public:
  explicit StateReader(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t u64() {
    if (bytes_.size() < 8) throw std::invalid_argument("the snapshot is cut short");
    std::uint64_t v = 0;
    for (int i = 7; i >= 0; --i) {
      v = (v << 8) | static_cast<unsigned char>(bytes_[static_cast<std::size_t>(i)]);
    }
    bytes_.remove_prefix(8);
    return v;
  }
  std::int64_t i64() { return static_cast<std::int64_t>(u64()); }
  double f64() { return std::bit_cast<double>(u64()); }
  std::string text() {
    const std::uint64_t size = count(1);
    std::string v(bytes_.substr(0, size));
    const std::uint64_t padding = (8 - size % 8) % 8;
    if (padding > bytes_.size() - size) throw std::invalid_argument("the snapshot is cut short");
    bytes_.remove_prefix(size + padding);
    return v;
  }
  /// Before all else, for what seal() ended: any damage is found here, not by what it does.
  void unseal() {
    if (bytes_.size() < 8) throw std::invalid_argument("the snapshot is cut short");
    StateReader seal(bytes_.substr(bytes_.size() - 8));
    bytes_.remove_suffix(8);
    if (seal.u64() != fnv1a(bytes_)) throw std::invalid_argument("the snapshot is damaged");
  }
  /// A count of records of `record_bytes` each; more than there are bytes left is damage.
  std::uint64_t count(std::size_t record_bytes) {
    const std::uint64_t n = u64();
    if (n > bytes_.size() / record_bytes) throw std::invalid_argument("the snapshot is cut short");
    return n;
  }
  void expect_end() const {
    if (!bytes_.empty()) throw std::invalid_argument("the snapshot has bytes after its end");
  }

 private:
  std::string_view bytes_;
};

/// The states of all series, as a map by their ids: their count, then each id and what
/// `write(state)` writes, in the order of the ids, so that equal states give equal bytes.
template <typename States, typename Write>
void write_by_series(StateWriter& w, const States& states, Write write) {
  std::vector<std::uint32_t> ids;
  for (const auto& [series, state] : states) ids.push_back(series);
  std::sort(ids.begin(), ids.end());
  w.u64(ids.size());
  for (const std::uint32_t series : ids) {
    w.u64(series);
    write(states.at(series));
  }
}

/// What write_by_series() wrote: `read(series, state)` reads one into a new state. `record_bytes`:
/// of the id and a state.
template <typename States, typename Read>
void read_by_series(StateReader& r, std::size_t record_bytes, States& states, Read read) {
  const std::uint64_t count = r.count(record_bytes);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto series = static_cast<std::uint32_t>(r.u64());
    read(series, states[series]);
  }
}

}  // namespace sluice::sdk
