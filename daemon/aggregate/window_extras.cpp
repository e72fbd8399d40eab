#include "aggregate/window_extras.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "base/assert.h"

namespace sluice {
namespace {

constexpr std::uint8_t kFormat = 1;
using Kind = WindowExtras::Kind;
constexpr std::size_t kKinds = std::variant_size_v<Kind>;

template <typename T>
constexpr bool kNeedsOrder = std::is_same_v<T, Counter> || std::is_same_v<T, StateDuration>;

template <bool needs_order>
void add(std::vector<Kind>& kinds, std::int64_t event_time_ns, double value) {
  for (Kind& kind : kinds) {
    std::visit(
        [&](auto& aggregate) {
          using T = std::decay_t<decltype(aggregate)>;
          if constexpr (kNeedsOrder<T> == needs_order) aggregate.add(event_time_ns, value);
        },
        kind);
  }
}

Status malformed() { return data_loss("malformed aggregates of a window"); }

template <typename T>
Result<T> restore_as(ByteReader& reader) {
  if constexpr (std::is_same_v<T, ExponentialHistogram>) {
    return T::restore_without_sum(reader);
  } else {
    return T::restore(reader);
  }
}

/// The kind of that place in the variant.
template <std::size_t place = 0>
Status restore_kind(std::size_t wanted, ByteReader& reader, std::vector<Kind>& kinds) {
  if constexpr (place < kKinds) {
    if (wanted != place) return restore_kind<place + 1>(wanted, reader, kinds);
    auto restored = restore_as<std::variant_alternative_t<place, Kind>>(reader);
    if (!restored.ok()) return restored.status();
    kinds.emplace_back(*std::move(restored));
    return {};
  } else {
    return malformed();
  }
}

std::tuple<std::size_t, std::string_view, std::string_view> place_of(const Kind& kind) {
  const auto* plugin = std::get_if<PluginAggregate>(&kind);
  if (plugin == nullptr) return {kind.index(), {}, {}};
  return {kind.index(), plugin->key().plugin, plugin->key().config_json};
}

bool comes_before(const Kind& a, const Kind& b) { return place_of(a) < place_of(b); }

Status merge_same(Kind& kind, const Kind& other) {
  return std::visit(
      [&](auto& aggregate) {
        return aggregate.merge(std::get<std::decay_t<decltype(aggregate)>>(other));
      },
      kind);
}

}  // namespace

std::size_t ExtrasSpec::snapshot_bytes_max() const {
  // Bucket counts below 2^16 take 3 bytes. Of two keys a top list's is a number's text.
  constexpr std::size_t kHead = 64;
  std::size_t bytes = 0;
  if (histogram) bytes += kHead + std::size_t{histogram->max_size} * 2 * 3;
  if (distinct_precision) bytes += kHead + (std::size_t{1} << *distinct_precision);
  if (top) bytes += kHead + std::size_t{top->capacity} * 32;
  if (counter) bytes += 2 * kHead;
  if (states) bytes += 2 * kHead + std::size_t{states->states_max} * 16;
  for (const OfPlugin& of : plugins) {
    // In memory it takes its state, which may be the larger: the bound on windows bounds both.
    const std::size_t own =
        of.type ? std::max(of.type->saved_bytes_max(), of.type->state_bytes()) : 0;
    bytes += 3 * kHead + of.key.config_json.size() + own;
  }
  return bytes;
}

WindowExtras::WindowExtras(const ExtrasSpec& spec) {
  kinds_.reserve(std::size_t{spec.histogram.has_value()} + spec.distinct_precision.has_value() +
                 spec.top.has_value() + spec.counter.has_value() + spec.states.has_value() +
                 spec.plugins.size());
  if (spec.histogram) kinds_.emplace_back(ExponentialHistogram(*spec.histogram));
  if (spec.distinct_precision) kinds_.emplace_back(HyperLogLog(*spec.distinct_precision));
  if (spec.top) kinds_.emplace_back(SpaceSaving(*spec.top));
  if (spec.counter) kinds_.emplace_back(Counter(*spec.counter));
  if (spec.states) kinds_.emplace_back(StateDuration(*spec.states));
  for (const ExtrasSpec::OfPlugin& of : spec.plugins) {
    kinds_.emplace_back(of.type ? PluginAggregate(of.type) : PluginAggregate::lost_of(of.key));
  }
}

WindowExtras WindowExtras::of(std::vector<Kind> kinds) {
  SLUICE_ASSERT(std::adjacent_find(kinds.begin(), kinds.end(), [](const Kind& a, const Kind& b) {
                  return !comes_before(a, b);
                }) == kinds.end());
  WindowExtras extras;
  extras.kinds_ = std::move(kinds);
  return extras;
}

void WindowExtras::add_arrived(std::int64_t event_time_ns, double value) {
  add<false>(kinds_, event_time_ns, value);
}

void WindowExtras::add_in_order(std::int64_t event_time_ns, double value) {
  add<true>(kinds_, event_time_ns, value);
}

void WindowExtras::merge(const WindowExtras& other) {
  std::erase_if(kinds_, [&](Kind& kind) {
    const auto theirs =
        std::find_if(other.kinds_.begin(), other.kinds_.end(),
                     [&](const Kind& candidate) { return place_of(candidate) == place_of(kind); });
    return theirs == other.kinds_.end() || !merge_same(kind, *theirs).ok();
  });
}

void WindowExtras::close_gaps() {
  for (Kind& kind : kinds_) {
    std::visit(
        [](auto& aggregate) {
          if constexpr (kNeedsOrder<std::decay_t<decltype(aggregate)>>) aggregate.close_gaps();
        },
        kind);
  }
}

void WindowExtras::move_by(std::int64_t ns) {
  for (Kind& kind : kinds_) {
    std::visit(
        [ns](auto& aggregate) {
          using T = std::decay_t<decltype(aggregate)>;
          if constexpr (kNeedsOrder<T> || std::is_same_v<T, PluginAggregate>) aggregate.move_by(ns);
        },
        kind);
  }
}

ExtrasSpec WindowExtras::spec() const {
  ExtrasSpec spec;
  if (const auto* kind = histogram()) spec.histogram = kind->options();
  if (const auto* kind = distinct()) spec.distinct_precision = kind->precision();
  if (const auto* kind = top()) spec.top = kind->options();
  if (const auto* kind = counter()) spec.counter = kind->options();
  if (const auto* kind = states()) spec.states = kind->options();
  for (const PluginAggregate* kind : plugins()) spec.plugins.push_back({kind->key(), nullptr});
  return spec;
}

std::vector<const PluginAggregate*> WindowExtras::plugins() const {
  std::vector<const PluginAggregate*> all;
  for (const Kind& kind : kinds_) {
    if (const auto* plugin = std::get_if<PluginAggregate>(&kind)) all.push_back(plugin);
  }
  return all;
}

void WindowExtras::seal_plugins() {
  for (Kind& kind : kinds_) {
    if (auto* plugin = std::get_if<PluginAggregate>(&kind)) plugin->seal();
  }
}

void WindowExtras::open_plugins(const FindAggregateType& find) {
  for (Kind& kind : kinds_) {
    if (auto* plugin = std::get_if<PluginAggregate>(&kind)) plugin->open_with(find(plugin->key()));
  }
}

void WindowExtras::open_plugins(const ExtrasSpec& spec) {
  for (Kind& kind : kinds_) {
    auto* plugin = std::get_if<PluginAggregate>(&kind);
    if (plugin == nullptr) continue;
    for (const ExtrasSpec::OfPlugin& of : spec.plugins) plugin->go_on_with(of.type);
  }
}

void WindowExtras::snapshot(ByteWriter& writer) const {
  writer.u8(kFormat);
  writer.u8(static_cast<std::uint8_t>(kinds_.size()));
  for (const Kind& kind : kinds_) {
    writer.u8(static_cast<std::uint8_t>(kind.index()));
    std::visit(
        [&](const auto& aggregate) {
          if constexpr (std::is_same_v<std::decay_t<decltype(aggregate)>, ExponentialHistogram>) {
            aggregate.snapshot_without_sum(writer);
          } else {
            aggregate.snapshot(writer);
          }
        },
        kind);
  }
}

Result<WindowExtras> WindowExtras::restore(ByteReader& reader) {
  if (reader.u8() != kFormat) return malformed();
  const std::size_t count = reader.u8();
  if (!reader.ok() || count >= kKinds + kPluginAggregatesMax) return malformed();
  WindowExtras extras;
  extras.kinds_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t wanted = reader.u8();
    if (Status s = restore_kind(wanted, reader, extras.kinds_); !s.ok()) return s;
    if (i != 0 && !comes_before(extras.kinds_[i - 1], extras.kinds_[i])) return malformed();
  }
  return extras;
}

std::size_t WindowExtras::state_bytes() const {
  std::size_t bytes = sizeof *this + kinds_.capacity() * sizeof(Kind);
  for (const Kind& kind : kinds_) {
    bytes += std::visit(
        [](const auto& aggregate) { return aggregate.state_bytes() - sizeof aggregate; }, kind);
  }
  return bytes;
}

}  // namespace sluice
