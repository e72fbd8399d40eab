#include "aggregate/time_parts.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <tuple>

#include "aggregate/aggregate.h"

namespace sluice {
namespace {

using Part = TimeParts::Part;

bool comes_before(const Part& a, const Part& b) {
  return std::tie(a.first.time_ns, a.last.time_ns, a.first.value, a.last.value) <
         std::tie(b.first.time_ns, b.last.time_ns, b.first.value, b.last.value);
}

bool comes_first(const Step& a, const Step& b) {
  return std::tie(a.from.time_ns, a.to.time_ns, a.from.value, a.to.value) <
         std::tie(b.from.time_ns, b.to.time_ns, b.from.value, b.to.value);
}

/// Of two in that order. Sharing one stamp is meeting, not overlapping.
bool overlap(const Part& a, const Part& b) {
  return b.first.time_ns < a.last.time_ns && a.first.time_ns < b.last.time_ns;
}

/// Ties as in Moments: first takes the smaller value, last the larger.
Part joined(const Part& a, const Part& b) {
  Part part = a;
  if (std::tie(b.first.time_ns, b.first.value) < std::tie(a.first.time_ns, a.first.value)) {
    part.first = b.first;
  }
  if (std::tie(b.last.time_ns, b.last.value) > std::tie(a.last.time_ns, a.last.value)) {
    part.last = b.last;
  }
  return part;
}

std::size_t shortest_gap(const std::vector<Part>& parts) {
  std::size_t shortest = 0;
  std::uint64_t length = std::numeric_limits<std::uint64_t>::max();
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const std::uint64_t gap = Step{parts[i].last, parts[i + 1].first}.length_ns();
    if (gap < length) {
      shortest = i;
      length = gap;
    }
  }
  return shortest;
}

/// Doubles as differences in bits, last byte first: equal ones and short ones take few bytes.
struct ValueChain {
  std::uint64_t before = 0;

  void write(ByteWriter& writer, double v) {
    const auto now = std::bit_cast<std::uint64_t>(v);
    writer.u64(__builtin_bswap64(now ^ before));
    before = now;
  }
  double read(ByteReader& reader) {
    before ^= __builtin_bswap64(reader.u64());
    return std::bit_cast<double>(before);
  }
};

}  // namespace

void TimeParts::add_rarely(const Stamped& reading, const OnStep& on_step) {
  if (!any_) {
    any_ = true;
    last_ = {reading, reading};
    return;
  }
  if (reading.time_ns == last_.last.time_ns) {
    if (reading.value <= last_.last.value) return;
    if (last_.first.time_ns == reading.time_ns) {
      last_.first = reading;
    } else if (!before_last_) {  // the step to the last stamp is final: this is one more
      on_step(Step{last_.last, reading});
    }
    last_.last = reading;
    return;
  }
  TimeParts alone;
  alone.any_ = true;
  alone.last_ = {reading, reading};
  const std::optional<Stamped> before_last = before_last_;
  before_last_.reset();  // what comes earlier leaves the last step as it is
  merge(alone, on_step);
  before_last_ = before_last;
}

void TimeParts::merge(const TimeParts& other, const OnStep& on_step) {
  if (other.empty()) return;
  if (empty()) {
    *this = other;
    return;
  }
  std::vector<Part> parts = earlier_;
  parts.push_back(last_);
  parts.insert(parts.end(), other.earlier_.begin(), other.earlier_.end());
  parts.push_back(other.last_);
  std::sort(parts.begin(), parts.end(), comes_before);
  overlaps_ += other.overlaps_;
  std::vector<Part> apart;
  for (const Part& part : parts) {
    if (!apart.empty() && overlap(apart.back(), part)) {
      apart.back() = joined(apart.back(), part);
      ++overlaps_;
    } else {
      apart.push_back(part);
    }
  }
  // Both last steps are final now. In order of time, so that merging either into the other gives
  // the same bits.
  std::vector<Step> final_steps;
  if (before_last_) final_steps.push_back({*before_last_, last_.last});
  if (other.before_last_) final_steps.push_back({*other.before_last_, other.last_.last});
  std::sort(final_steps.begin(), final_steps.end(), comes_first);
  for (const Step& step : final_steps) on_step(step);
  before_last_.reset();
  assign(std::move(apart), on_step);
}

void TimeParts::assign(std::vector<Part> parts, const OnStep& on_step) {
  while (parts.size() > kPartsMax) {
    const std::size_t i = shortest_gap(parts);
    on_step(Step{parts[i].last, parts[i + 1].first});
    parts[i].last = parts[i + 1].last;
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  }
  any_ = true;
  last_ = parts.back();
  parts.pop_back();
  earlier_ = std::move(parts);
}

void TimeParts::close_gaps(const OnStep& on_step) {
  if (earlier_.empty()) return;
  const Stamped begin = first();
  for (std::size_t i = 0; i < earlier_.size(); ++i) {
    on_step(Step{earlier_[i].last, at(i + 1).first});
  }
  // A last part of one reading has become the end of a longer one: its step was that across a gap.
  last_.first = begin;
  earlier_ = std::vector<Part>();  // `= {}` would keep the memory
}

void TimeParts::move_by(std::int64_t ns) {
  const auto move = [ns](Part& part) {
    part.first.time_ns += ns;
    part.last.time_ns += ns;
  };
  std::for_each(earlier_.begin(), earlier_.end(), move);
  if (any_) move(last_);
  if (before_last_) before_last_->time_ns += ns;
}

void TimeParts::write(ByteWriter& writer) const {
  writer.u64(size());
  if (!any_) return;
  std::uint64_t before = 0;
  ValueChain values;
  const auto write_stamped = [&](const Stamped& s) {
    const auto now = static_cast<std::uint64_t>(s.time_ns);
    writer.i64(static_cast<std::int64_t>(now - before));
    values.write(writer, s.value);
    before = now;
  };
  for (std::size_t i = 0; i < size(); ++i) {
    write_stamped(at(i).first);
    write_stamped(at(i).last);
  }
  writer.u8(before_last_ ? 1 : 0);
  if (before_last_) write_stamped(*before_last_);
  writer.u64(overlaps_);
}

std::optional<TimeParts> TimeParts::read(ByteReader& reader) {
  TimeParts parts;
  const std::uint64_t size = reader.u64();
  if (!reader.ok() || size > kPartsMax) return std::nullopt;
  if (size == 0) return parts;
  std::uint64_t before = 0;
  ValueChain values;
  bool finite = true;
  const auto read_stamped = [&] {
    before += static_cast<std::uint64_t>(reader.i64());
    const Stamped s{static_cast<std::int64_t>(before), values.read(reader) + 0.0};  // no -0.0
    finite = finite && std::isfinite(s.value);
    return s;
  };
  for (std::uint64_t i = 0; i < size; ++i) {
    Part part;
    part.first = read_stamped();
    part.last = read_stamped();
    if (!reader.ok() || !finite || part.last.time_ns < part.first.time_ns) return std::nullopt;
    if (part.first.time_ns == part.last.time_ns && part.first.value > part.last.value) {
      return std::nullopt;
    }
    if (i != 0) {
      if (part.first.time_ns < parts.last_.last.time_ns) return std::nullopt;
      parts.earlier_.push_back(parts.last_);
    }
    parts.last_ = part;
  }
  parts.any_ = true;
  const std::uint8_t open = reader.u8();
  if (open == 1) parts.before_last_ = read_stamped();
  parts.overlaps_ = reader.u64();
  if (!reader.ok() || !finite || open > 1 || parts.overlaps_ > kReadingsMax) return std::nullopt;
  if (open == 1) {
    const std::int64_t t = parts.before_last_->time_ns;
    if (t < parts.last_.first.time_ns || t >= parts.last_.last.time_ns) return std::nullopt;
  }
  return parts;
}

}  // namespace sluice
