#include "aggregate/hyper_log_log.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/assert.h"
#include "base/hash.h"

namespace sluice {
namespace {

constexpr std::uint8_t kFormatSparse = 1;
constexpr std::uint8_t kFormatDense = 2;

// An entry is 26 bits of hash above 6 bits of rank: 1 + the zeros that lead the other 38.
constexpr int kEntryIndexBits = 26;
constexpr int kEntryRankBits = 6;
constexpr int kEntryRankMax = 64 - kEntryIndexBits + 1;
constexpr std::uint32_t kEntryRankMask = (1u << kEntryRankBits) - 1;

// A register travels as 4 bits above the lowest one; 15 stands for "at least 15", the rest follows.
constexpr unsigned kNibbleMax = 15;

/// The finalizer of MurmurHash3. Stable for ever: sketches of many nodes and years are merged.
std::uint64_t mix(std::uint64_t h) {
  h ^= h >> 33;
  h *= 0xFF51AFD7ED558CCDull;
  h ^= h >> 33;
  h *= 0xC4CEB9FE1A85EC53ull;
  return h ^ (h >> 33);
}

/// Ertl's sigma: what the registers that are still 0 contribute.
double sigma(double x) {
  if (x == 1) return std::numeric_limits<double>::infinity();
  double y = 1;
  double z = x;
  for (double before = -1; before != z;) {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  }
  return z;
}

/// Ertl's tau: what the registers that can rise no more contribute.
double tau(double x) {
  if (x == 0 || x == 1) return 0;
  double y = 1;
  double z = 1 - x;
  for (double before = -1; before != z;) {
    x = std::sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  }
  return z / 3;
}

Status malformed() { return data_loss("malformed HyperLogLog"); }

}  // namespace

HyperLogLog::HyperLogLog(int precision) : precision_(static_cast<std::uint8_t>(precision)) {
  SLUICE_ASSERT(precision >= kPrecisionMin && precision <= kPrecisionMax);
}

bool HyperLogLog::add(std::int64_t, double value) {
  if (!std::isfinite(value)) return false;
  add_hash(mix(std::bit_cast<std::uint64_t>(value + 0.0)));  // -0.0 becomes 0.0
  return true;
}

void HyperLogLog::add_key(std::string_view key) { add_hash(mix(hash64(key))); }

void HyperLogLog::add_hash(std::uint64_t hash) {
  const auto index = static_cast<std::uint32_t>(hash >> (64 - kEntryIndexBits));
  const std::uint64_t rest = hash << kEntryIndexBits;
  const int rank = rest == 0 ? kEntryRankMax : std::countl_zero(rest) + 1;
  add_entry((index << kEntryRankBits) | static_cast<std::uint32_t>(rank));
}

void HyperLogLog::add_entry(std::uint32_t entry) {
  if (!sparse()) return raise_register(entry);
  const std::uint32_t index = entry >> kEntryRankBits;
  auto at = std::lower_bound(entries_.begin(), entries_.end(), index << kEntryRankBits);
  if (at != entries_.end() && *at >> kEntryRankBits == index) {
    *at = std::max(*at, entry);
    return;
  }
  entries_.insert(at, entry);
  if (entries_.size() > entries_max()) become_dense();
}

void HyperLogLog::raise_register(std::uint32_t entry) {
  const int between = kEntryIndexBits - precision_;  // index bits that a register ranks
  const std::uint32_t index = entry >> kEntryRankBits;
  const std::uint32_t low = index & ((1u << between) - 1);
  const int rank = low == 0 ? between + static_cast<int>(entry & kEntryRankMask)
                            : between - static_cast<int>(std::bit_width(low)) + 1;
  std::uint8_t& reg = registers_[index >> between];
  reg = std::max(reg, static_cast<std::uint8_t>(rank));
}

void HyperLogLog::become_dense() {
  registers_.assign(register_count(), 0);
  for (const std::uint32_t entry : entries_) raise_register(entry);
  entries_ = std::vector<std::uint32_t>();  // `= {}` would keep the memory
}

void HyperLogLog::lower_precision(int precision) {
  if (precision >= precision_) return;
  const int between = precision_ - precision;
  precision_ = static_cast<std::uint8_t>(precision);
  if (sparse()) {
    if (entries_.size() > entries_max()) become_dense();
    return;
  }
  std::vector<std::uint8_t> fewer(register_count(), 0);
  for (std::uint32_t i = 0; i < registers_.size(); ++i) {
    if (registers_[i] == 0) continue;
    const std::uint32_t low = i & ((1u << between) - 1);
    const int rank =
        low == 0 ? between + registers_[i] : between - static_cast<int>(std::bit_width(low)) + 1;
    fewer[i >> between] = std::max(fewer[i >> between], static_cast<std::uint8_t>(rank));
  }
  registers_ = std::move(fewer);
}

Status HyperLogLog::merge(const HyperLogLog& other) {
  if (other.precision_ > precision_) {
    HyperLogLog alike = other;
    alike.lower_precision(precision_);
    return merge(alike);
  }
  lower_precision(other.precision_);
  if (!other.sparse() && sparse()) become_dense();
  for (std::size_t i = 0; i < other.registers_.size(); ++i) {
    registers_[i] = std::max(registers_[i], other.registers_[i]);
  }
  const std::vector<std::uint32_t> entries = other.entries_;  // `other` may be this one
  for (const std::uint32_t entry : entries) add_entry(entry);
  return {};
}

double HyperLogLog::estimate() const {
  if (sparse()) {  // linear counting over 2^26 places
    const double places = std::ldexp(1.0, kEntryIndexBits);
    return -places * std::log1p(-static_cast<double>(entries_.size()) / places);
  }
  const int rank_max = 64 - precision_ + 1;
  std::array<std::uint32_t, 64> histogram{};
  for (const std::uint8_t reg : registers_) ++histogram[reg];
  const auto m = static_cast<double>(register_count());
  double z = m * tau(1 - histogram[static_cast<std::size_t>(rank_max)] / m);
  for (int rank = rank_max - 1; rank >= 1; --rank) {
    z = 0.5 * (z + histogram[static_cast<std::size_t>(rank)]);
  }
  z += m * sigma(histogram[0] / m);
  return m * m / (2 * std::log(2.0) * z);
}

double HyperLogLog::standard_error() const {
  return 1.04 / std::sqrt(static_cast<double>(register_count()));
}

void HyperLogLog::snapshot(ByteWriter& writer) const {
  writer.u8(sparse() ? kFormatSparse : kFormatDense);
  writer.u8(precision_);
  if (sparse()) {
    writer.u64(entries_.size());
    std::uint32_t before = 0;
    for (const std::uint32_t entry : entries_) {
      writer.u64(entry - before);
      before = entry;
    }
    return;
  }
  const unsigned lowest = *std::min_element(registers_.begin(), registers_.end());
  writer.u8(static_cast<std::uint8_t>(lowest));
  const auto nibble = [&](std::size_t i) { return std::min(registers_[i] - lowest, kNibbleMax); };
  for (std::size_t i = 0; i < registers_.size(); i += 2) {
    writer.u8(static_cast<std::uint8_t>(nibble(i) | nibble(i + 1) << 4));
  }
  for (const std::uint8_t reg : registers_) {
    if (reg - lowest >= kNibbleMax) writer.u8(static_cast<std::uint8_t>(reg - lowest - kNibbleMax));
  }
}

Result<HyperLogLog> HyperLogLog::restore(ByteReader& reader) {
  const std::uint8_t format = reader.u8();
  const std::uint8_t precision = reader.u8();
  if (precision < kPrecisionMin || precision > kPrecisionMax) return malformed();
  HyperLogLog sketch(precision);
  if (format == kFormatSparse && sketch.read_sparse(reader)) return sketch;
  if (format == kFormatDense && sketch.read_dense(reader)) return sketch;
  return malformed();
}

bool HyperLogLog::read_sparse(ByteReader& reader) {
  const std::size_t count = reader.count();
  if (!reader.ok() || count > entries_max()) return false;
  entries_.reserve(count);
  std::uint64_t entry = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t before = entry;
    const std::uint64_t step = reader.u64();
    if (!reader.ok() || step > std::numeric_limits<std::uint32_t>::max() - before) return false;
    entry += step;
    const std::uint64_t rank = entry & kEntryRankMask;
    if (rank < 1 || rank > kEntryRankMax) return false;
    if (i != 0 && entry >> kEntryRankBits == before >> kEntryRankBits) return false;
    entries_.push_back(static_cast<std::uint32_t>(entry));
  }
  return true;
}

bool HyperLogLog::read_dense(ByteReader& reader) {
  const unsigned lowest = reader.u8();
  const auto rank_max = static_cast<unsigned>(64 - precision_ + 1);
  if (lowest > rank_max || reader.remaining() < register_count() / 2) return false;
  registers_.resize(register_count());
  for (std::size_t i = 0; i < registers_.size(); i += 2) {
    const unsigned two = reader.u8();
    registers_[i] = static_cast<std::uint8_t>(lowest + (two & kNibbleMax));
    registers_[i + 1] = static_cast<std::uint8_t>(lowest + (two >> 4));
  }
  for (std::uint8_t& reg : registers_) {
    if (reg - lowest == kNibbleMax) {
      const unsigned more = reader.u8();
      if (!reader.ok() || more > rank_max) return false;
      reg = static_cast<std::uint8_t>(reg + more);
    }
    if (reg > rank_max) return false;
  }
  return *std::min_element(registers_.begin(), registers_.end()) == lowest;
}

std::size_t HyperLogLog::state_bytes() const {
  return sizeof *this + entries_.capacity() * sizeof(std::uint32_t) + registers_.capacity();
}

}  // namespace sluice
