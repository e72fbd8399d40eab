#include "hub/extras_decoder.h"

#include <limits>
#include <memory>
#include <utility>

#include "aggregate/window_extras.h"
#include "hub/block_columns.h"
#include "hub/plugin_decoder.h"
#include "sluice/v1/summary.pb.h"

namespace sluice {
namespace {

/// Runs of empty buckets take two numbers on the wire and a byte each here.
constexpr std::size_t kBlockBucketsMax = std::size_t{16} << 20;

using Kinds = std::vector<std::vector<WindowExtras::Kind>>;

/// Walks BucketColumns pane by pane.
class BucketReader {
 public:
  BucketReader(std::string_view field, const v1::BucketColumns& columns)
      : field_(field), columns_(columns) {}

  Status check(std::size_t panes) const {
    if (!fits_each(columns_.offset_size(), panes)) {
      return wrong_length(field_ + ".offset", columns_.offset_size(), panes);
    }
    if (!fits_one_or_each(columns_.size_size(), panes)) {
      return wrong_length(field_ + ".size", columns_.size_size(), panes);
    }
    return {};
  }
  Result<BucketCounts> next(std::size_t pane, std::uint32_t size_max) {
    first_ = static_cast<std::int32_t>(
        static_cast<std::uint32_t>(first_) +
        static_cast<std::uint32_t>(columns_.offset(static_cast<int>(pane))));
    const std::uint32_t size = entry(columns_.size(), pane);
    total_ += size;
    const std::int64_t last = std::int64_t{first_} + size;
    if (size > size_max || total_ > kBlockBucketsMax ||
        last > std::numeric_limits<std::int32_t>::max()) {
      return broken_at(field_ + ".size", pane, "too many buckets");
    }
    return read(pane, size);
  }
  bool at_end() const { return at_ == columns_.count_size(); }

 private:
  Result<BucketCounts> read(std::size_t pane, std::uint32_t size) {
    BucketCounts buckets;
    for (std::uint64_t i = 0; i < size; ++i) {
      const std::uint64_t count = take();
      if (count > kReadingsMax) return broken_at(field_ + ".count", pane, "beyond 2^53");
      if (count != 0) {
        buckets.add(first_ + static_cast<std::int32_t>(i), count);
        continue;
      }
      const std::uint64_t more = take();
      if (more >= size - i) return broken_at(field_ + ".count", pane, "beyond its buckets");
      i += more;
    }
    if (buckets.size() != size) return broken_at(field_ + ".count", pane, "an end is empty");
    return buckets;
  }
  /// 0 past the end, where no bucket may be.
  std::uint64_t take() { return at_end() ? 0 : columns_.count(at_++); }

  const std::string field_;
  const v1::BucketColumns& columns_;
  int at_ = 0;
  std::int32_t first_ = 0;
  std::size_t total_ = 0;
};

Result<HistogramOptions> histogram_options(const v1::HistogramColumns& columns) {
  HistogramOptions options;
  constexpr std::uint32_t kSizeMax = std::numeric_limits<std::uint16_t>::max();
  const bool narrow = columns.max_size() <= kSizeMax && columns.max_scale() <= kBucketScaleMax &&
                      columns.max_scale() >= kBucketScaleMin;
  if (narrow) {
    options.max_size = static_cast<std::uint16_t>(columns.max_size());
    options.max_scale = static_cast<std::int8_t>(columns.max_scale());
    options.zero_threshold = columns.zero_threshold();
  }
  if (!narrow || !options.valid()) return broken("histogram", "max_size, max_scale or threshold");
  return options;
}

Status read_histogram(const v1::HistogramColumns& columns, const std::vector<DecodedPane>& panes,
                      Kinds& kinds) {
  const auto options = histogram_options(columns);
  if (!options.ok()) return options.status();
  if (!fits_one_or_each(columns.scale_size(), panes.size())) {
    return wrong_length("histogram.scale", columns.scale_size(), panes.size());
  }
  if (!fits_one_or_each(columns.zero_count_size(), panes.size())) {
    return wrong_length("histogram.zero_count", columns.zero_count_size(), panes.size());
  }
  BucketReader readers[] = {{"histogram.positive", columns.positive()},
                            {"histogram.negative", columns.negative()}};
  const bool there[] = {columns.has_positive(), columns.has_negative()};
  for (int sign = 0; sign < 2; ++sign) {
    if (!there[sign]) continue;
    if (Status s = readers[sign].check(panes.size()); !s.ok()) return s;
  }
  for (std::size_t i = 0; i < panes.size(); ++i) {
    BucketCounts buckets[2];
    for (int sign = 0; sign < 2; ++sign) {
      if (!there[sign]) continue;
      auto read = readers[sign].next(i, options->max_size);
      if (!read.ok()) return read.status();
      buckets[sign] = *std::move(read);
    }
    if (panes[i].count == 0) {
      const bool is_empty = buckets[0].empty() && buckets[1].empty() &&
                            entry(columns.zero_count(), i) == 0 &&
                            entry(columns.scale(), i) == options->max_scale;
      if (!is_empty) return broken_at("histogram", i, "buckets without readings");
      kinds[i].emplace_back(ExponentialHistogram(*options));
      continue;
    }
    auto histogram = ExponentialHistogram::of(
        *options, {entry(columns.scale(), i), entry(columns.zero_count(), i), panes[i].min,
                   panes[i].max, std::move(buckets[0]), std::move(buckets[1])});
    if (!histogram.ok() || histogram->count() != panes[i].count) {
      return broken_at("histogram", i, "no readings give these buckets");
    }
    kinds[i].emplace_back(*std::move(histogram));
  }
  if (!readers[0].at_end() || !readers[1].at_end()) {
    return broken("histogram", "more bucket counts than buckets");
  }
  return {};
}

bool is_of(const HyperLogLog& distinct, const DecodedPane& pane) {
  return pane.count > 0 || distinct.estimate() == 0;
}
bool is_of(const SpaceSaving& top, const DecodedPane& pane) { return top.total() == pane.count; }
bool is_of(const StateDuration& states, const DecodedPane& pane) {
  if (pane.count == 0) return states.count() == 0 && states.parts().empty();
  const auto span_ns = static_cast<std::uint64_t>(pane.last_time_ns) -
                       static_cast<std::uint64_t>(pane.first_time_ns);
  return states.count() == pane.count && !states.parts().empty() &&
         states.parts().first().time_ns == pane.first_time_ns &&
         states.parts().last().time_ns == pane.last_time_ns &&
         states.times().covered_ns() <= span_ns;
}

template <typename Aggregate, typename Column>
Status read_snapshots(std::string_view field, const Column& column,
                      const std::vector<DecodedPane>& panes, Kinds& kinds) {
  if (!fits_each(column.size(), panes.size())) {
    return wrong_length(field, column.size(), panes.size());
  }
  for (std::size_t i = 0; i < panes.size(); ++i) {
    ByteReader reader(column.Get(static_cast<int>(i)));
    auto aggregate = Aggregate::restore(reader);
    if (!aggregate.ok() || !reader.at_end() || !is_of(*aggregate, panes[i])) {
      return broken_at(field, i, "no readings of the pane give this");
    }
    kinds[i].emplace_back(*std::move(aggregate));
  }
  return {};
}

struct CounterNumbers {
  Numbers increase;
  Numbers first;  ///< empty: as the panes'
};

Result<CounterNumbers> counter_numbers(const v1::CounterColumns& columns, std::size_t panes) {
  CounterNumbers numbers;
  auto increase = read_numbers("counter.increase", columns.increase(), panes);
  if (!increase.ok()) return increase.status();
  numbers.increase = *std::move(increase);
  if (!columns.has_first()) return numbers;
  auto first = read_numbers("counter.first", columns.first(), panes);
  if (!first.ok()) return first.status();
  numbers.first = *std::move(first);
  return numbers;
}

Status read_counter(const v1::CounterColumns& columns, const std::vector<DecodedPane>& panes,
                    Kinds& kinds) {
  const std::pair<const char*, int> shared[] = {{"counter.resets", columns.resets_size()},
                                                {"counter.wraps", columns.wraps_size()}};
  for (const auto& [field, size] : shared) {
    if (!fits_one_or_each(size, panes.size())) return wrong_length(field, size, panes.size());
  }
  CounterOptions options;
  options.wrap_bits = static_cast<std::uint8_t>(columns.wrap_bits());
  options.wrap_rate_max = columns.wrap_rate_max();
  if (columns.wrap_bits() > 64 || !options.valid()) {
    return broken("counter", "wrap_bits or wrap_rate_max");
  }
  const auto numbers = counter_numbers(columns, panes.size());
  if (!numbers.ok()) return numbers.status();
  for (std::size_t i = 0; i < panes.size(); ++i) {
    const DecodedPane& pane = panes[i];
    if (pane.count == 0) {
      const bool is_empty = numbers->increase.values[i] == 0 && entry(columns.resets(), i) == 0 &&
                            entry(columns.wraps(), i) == 0;
      if (!is_empty) return broken_at("counter", i, "growth without readings");
      kinds[i].emplace_back(Counter(options));
      continue;
    }
    const double first = numbers->first.values.empty() ? pane.first : numbers->first.values[i];
    if (first < pane.first || first > pane.max) {
      return broken_at("counter.first", i, "below first or above max");
    }
    auto counter = Counter::of(options, {pane.count,
                                         {pane.first_time_ns, first + 0.0},
                                         {pane.last_time_ns, pane.last + 0.0},
                                         numbers->increase.values[i],
                                         entry(columns.resets(), i),
                                         entry(columns.wraps(), i)});
    if (!counter.ok() || numbers->increase.values[i] < 0) {
      return broken_at("counter", i, "no readings of the pane give this");
    }
    kinds[i].emplace_back(*std::move(counter));
  }
  return {};
}

}  // namespace

Status read_extras(const v1::SummaryBlock& block, std::vector<DecodedPane>& panes) {
  Kinds kinds(panes.size());
  if (block.has_histogram()) {
    if (Status s = read_histogram(block.histogram(), panes, kinds); !s.ok()) return s;
  }
  if (block.distinct_size() > 0) {
    const Status s = read_snapshots<HyperLogLog>("distinct", block.distinct(), panes, kinds);
    if (!s.ok()) return s;
  }
  if (block.top_size() > 0) {
    const Status s = read_snapshots<SpaceSaving>("top", block.top(), panes, kinds);
    if (!s.ok()) return s;
  }
  if (block.has_counter()) {
    if (Status s = read_counter(block.counter(), panes, kinds); !s.ok()) return s;
  }
  if (block.states_size() > 0) {
    const Status s = read_snapshots<StateDuration>("states", block.states(), panes, kinds);
    if (!s.ok()) return s;
  }
  if (Status s = read_plugins(block, kinds); !s.ok()) return s;
  if (kinds.front().empty()) return {};
  for (std::size_t i = 0; i < panes.size(); ++i) {
    panes[i].extras = std::make_shared<const WindowExtras>(WindowExtras::of(std::move(kinds[i])));
  }
  return {};
}

}  // namespace sluice
