#include "store/batch_codec.h"

#include <array>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/decimal.h"

namespace sluice::storage {
namespace {

constexpr std::array<std::int64_t, 4> kStampUnits_ns = {1, 1'000, 1'000'000, 1'000'000'000};

// Differences wrap: any two 64-bit values have one, and adding it back is exact.
std::int64_t difference(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::int64_t>(a - b);
}
std::uint64_t zigzag(std::int64_t v) {
  return (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
}
std::uint64_t unzigzag(std::uint64_t v) { return (v >> 1) ^ (~(v & 1) + 1); }

/// Rows of one series share a slot, numbered in the order of first appearance.
class Slots {
 public:
  explicit Slots(const std::vector<SeriesId>& series) {
    of_row_.reserve(series.size());
    for (const SeriesId id : series) {
      const auto [it, fresh] = slot_of_.emplace(id, static_cast<std::uint32_t>(slot_of_.size()));
      of_row_.push_back(it->second);
    }
  }
  std::size_t count() const { return slot_of_.size(); }
  std::uint32_t operator[](std::size_t row) const { return of_row_[row]; }

 private:
  std::unordered_map<SeriesId, std::uint32_t> slot_of_;
  std::vector<std::uint32_t> of_row_;
};

/// What the next value of a slot is told apart from.
struct Previous {
  std::uint64_t scaled = 0;  // of doubles
  std::uint64_t bits = 0;    // of everything else
};

template <typename T>
void encode_runs(ByteWriter& out, const std::vector<T>& column) {
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < column.size();) {
    std::size_t end = i + 1;
    while (end < column.size() && column[end] == column[i]) ++end;
    const auto value = static_cast<std::uint64_t>(column[i]);
    out.i64(difference(value, before));
    out.u64(end - i);
    before = value;
    i = end;
  }
}

template <typename T>
bool decode_runs(ByteReader& in, std::size_t rows, std::uint64_t value_max,
                 std::vector<T>& column) {
  column.reserve(rows);
  std::uint64_t value = 0;
  while (column.size() < rows) {
    value += static_cast<std::uint64_t>(in.i64());
    const std::uint64_t run = in.u64();
    if (!in.ok() || value > value_max || run == 0 || run > rows - column.size()) return false;
    column.insert(column.end(), run, static_cast<T>(value));
  }
  return true;
}

void encode_stamps(ByteWriter& out, const std::vector<std::int64_t>& stamps) {
  std::size_t unit = kStampUnits_ns.size() - 1;
  for (const std::int64_t stamp : stamps) {
    while (stamp % kStampUnits_ns[unit] != 0) --unit;
  }
  out.u8(static_cast<std::uint8_t>(unit));
  std::uint64_t before = 0;
  std::uint64_t step = 0;
  for (const std::int64_t stamp : stamps) {
    const auto now = static_cast<std::uint64_t>(stamp / kStampUnits_ns[unit]);
    out.i64(difference(now - before, step));
    step = now - before;
    before = now;
  }
}

bool decode_stamps(ByteReader& in, std::size_t rows, std::vector<std::int64_t>& stamps) {
  const std::size_t unit = in.u8();
  if (unit >= kStampUnits_ns.size()) return false;
  stamps.reserve(rows);
  std::uint64_t now = 0;
  std::uint64_t step = 0;
  for (std::size_t i = 0; i < rows && in.ok(); ++i) {
    step += static_cast<std::uint64_t>(in.i64());
    now += step;
    stamps.push_back(
        static_cast<std::int64_t>(now * static_cast<std::uint64_t>(kStampUnits_ns[unit])));
  }
  return in.ok();
}

/// The exponent that suits each slot's doubles.
std::vector<std::uint8_t> choose_exponents(const ReadingBatch& batch, const Slots& slots) {
  std::vector<std::size_t> end(slots.count() + 1, 0);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (batch.kind[i] == ValueKind::f64) ++end[slots[i] + 1];
  }
  for (std::size_t s = 1; s < end.size(); ++s) end[s] += end[s - 1];
  std::vector<double> sorted(end.back());
  std::vector<std::size_t> next(end.begin(), end.end() - 1);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (batch.kind[i] == ValueKind::f64) {
      sorted[next[slots[i]]++] = std::bit_cast<double>(batch.bits[i]);
    }
  }
  std::vector<std::uint8_t> exponents;
  for (std::size_t s = 0; s + 1 < end.size(); ++s) {
    exponents.push_back(static_cast<std::uint8_t>(
        decimal_exponent(std::span(sorted).subspan(end[s], end[s + 1] - end[s]))));
  }
  return exponents;
}

void encode_values(ByteWriter& out, const ReadingBatch& batch) {
  const Slots slots(batch.series);
  const std::vector<std::uint8_t> exponents = choose_exponents(batch, slots);
  encode_runs(out, exponents);
  std::vector<Previous> previous(slots.count());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    Previous& before = previous[slots[i]];
    if (batch.kind[i] != ValueKind::f64) {
      out.i64(difference(batch.bits[i], before.bits));
      before.bits = batch.bits[i];
      continue;
    }
    const auto scaled = decimal_scale(std::bit_cast<double>(batch.bits[i]), exponents[slots[i]]);
    if (scaled) {
      const auto now = static_cast<std::uint64_t>(*scaled);
      out.u64(1 + zigzag(difference(now, before.scaled)));
      before.scaled = now;
    } else {
      out.u64(0);
      out.fixed64(batch.bits[i]);
    }
  }
}

bool decode_values(ByteReader& in, ReadingBatch& batch) {
  const std::size_t rows = batch.series.size();
  const Slots slots(batch.series);
  std::vector<std::uint8_t> exponents;
  if (!decode_runs(in, slots.count(), kDecimalExponentMax, exponents)) return false;
  std::vector<Previous> previous(slots.count());
  batch.bits.reserve(rows);
  for (std::size_t i = 0; i < rows && in.ok(); ++i) {
    Previous& before = previous[slots[i]];
    if (batch.kind[i] != ValueKind::f64) {
      before.bits += static_cast<std::uint64_t>(in.i64());
      batch.bits.push_back(before.bits);
      continue;
    }
    const std::uint64_t token = in.u64();
    if (token == 0) {
      batch.bits.push_back(in.fixed64());
      continue;
    }
    before.scaled += unzigzag(token - 1);
    batch.bits.push_back(std::bit_cast<std::uint64_t>(
        decimal_value(static_cast<std::int64_t>(before.scaled), exponents[slots[i]])));
  }
  return in.ok();
}

}  // namespace

void encode_batch(ByteWriter& out, const ReadingBatch& batch) {
  out.u64(batch.size());
  if (batch.empty()) return;
  std::uint64_t before = 0;
  for (const SeriesId id : batch.series) {
    out.i64(difference(id, before));
    before = id;
  }
  encode_runs(out, batch.topic);
  encode_stamps(out, batch.event_time_ns);
  encode_runs(out, batch.kind);
  encode_runs(out, batch.quality);
  encode_values(out, batch);
}

Result<ReadingBatch> decode_batch(ByteReader& in) {
  ReadingBatch batch;
  // At least one byte per row follows, so a corrupt count cannot claim more rows than bytes.
  const std::size_t rows = in.count();
  if (rows == 0 && in.ok()) return batch;
  batch.series.reserve(rows);
  std::uint64_t id = 0;
  for (std::size_t i = 0; i < rows && in.ok(); ++i) {
    id += static_cast<std::uint64_t>(in.i64());
    if (id > UINT32_MAX) return data_loss("a series id beyond 32 bits in a batch");
    batch.series.push_back(static_cast<SeriesId>(id));
  }
  if (!in.ok() || !decode_runs(in, rows, UINT32_MAX, batch.topic) ||
      !decode_stamps(in, rows, batch.event_time_ns) ||
      !decode_runs(in, rows, static_cast<std::uint64_t>(ValueKind::boolean), batch.kind) ||
      !decode_runs(in, rows, static_cast<std::uint64_t>(Quality::bad), batch.quality) ||
      !decode_values(in, batch)) {
    return data_loss("malformed columns of a batch");
  }
  return batch;
}

}  // namespace sluice::storage
