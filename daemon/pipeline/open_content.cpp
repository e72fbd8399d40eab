#include "pipeline/open_content.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

namespace sluice {
namespace {

bool comes_before(const Stamped& a, const Stamped& b) {
  return std::tie(a.time_ns, a.value) < std::tie(b.time_ns, b.value);
}

std::uint64_t between_ns(std::int64_t from, std::int64_t to) {
  return static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
}

Status malformed() { return data_loss("malformed window in a checkpoint"); }

ExtrasSpec without_plugins(ExtrasSpec spec) {
  spec.plugins.clear();
  return spec;
}

template <typename T>
void add_kind(const T* kind, std::vector<WindowExtras::Kind>& kinds) {
  if (kind != nullptr) kinds.emplace_back(*kind);
}

/// What a plugin saved under another config than the spec has it. The pipeline's spec is the same,
/// so another version of the plugin filled in other defaults: that one says whether it takes it.
PluginAggregate under_key(const PluginAggregateKey& key, const PluginAggregate& saved) {
  PluginAggregateIdentity identity = saved.identity();
  identity.key = key;
  return PluginAggregate(std::make_shared<const PluginAggregateIdentity>(std::move(identity)),
                         saved.saved(), saved.results());
}

/// `extras` with the plugins of the spec; one that has no counterpart is lost.
WindowExtras with_plugins_of(const ExtrasSpec& spec, const WindowExtras& extras) {
  std::vector<WindowExtras::Kind> kinds;
  add_kind(extras.histogram(), kinds);
  add_kind(extras.distinct(), kinds);
  add_kind(extras.top(), kinds);
  add_kind(extras.counter(), kinds);
  add_kind(extras.states(), kinds);
  std::vector<const PluginAggregate*> left = extras.plugins();
  const auto take = [&left](auto is_it) {
    const auto it = std::find_if(left.begin(), left.end(), is_it);
    return it == left.end() ? nullptr : std::exchange(*it, nullptr);
  };
  std::vector<const PluginAggregate*> found;
  for (const ExtrasSpec::OfPlugin& of : spec.plugins) {
    found.push_back(take([&](const auto* one) { return one != nullptr && one->key() == of.key; }));
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    const PluginAggregateKey& key = spec.plugins[i].key;
    if (found[i] == nullptr) {
      found[i] =
          take([&](const auto* one) { return one != nullptr && one->key().plugin == key.plugin; });
    }
    kinds.emplace_back(found[i] == nullptr ? PluginAggregate::lost_of(key)
                                           : under_key(key, *found[i]));
  }
  return WindowExtras::of(std::move(kinds));
}

/// A window of one reading is that reading.
void snapshot_moments(ByteWriter& out, const Moments& m) {
  out.u64(m.count);
  if (m.count == 1) {
    out.f64(m.first);
    return out.i64(m.first_time_ns);
  }
  for (const double v : {m.sum, m.sum_error, m.mean, m.m2, m.min, m.max, m.first, m.last}) {
    out.f64(v);
  }
  out.i64(m.first_time_ns);
  out.u64(between_ns(m.first_time_ns, m.last_time_ns));
}

Moments restore_moments(ByteReader& in) {
  Moments m;
  const std::uint64_t count = in.u64();
  if (count == 1) {
    const double value = in.f64();
    m.add(in.i64(), value);
    return m;
  }
  m.count = count;
  for (double* v : {&m.sum, &m.sum_error, &m.mean, &m.m2, &m.min, &m.max, &m.first, &m.last}) {
    *v = in.f64();
  }
  m.first_time_ns = in.i64();
  m.last_time_ns =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(m.first_time_ns) + in.u64());
  return m;
}

}  // namespace

void OpenContent::add(std::int64_t event_time_ns, double value, std::int64_t settled_ns,
                      std::size_t waiting_max) {
  const auto settled =
      std::find_if(waiting_.begin(), waiting_.end(),
                   [settled_ns](const Stamped& s) { return s.time_ns > settled_ns; });
  fold_first(static_cast<std::size_t>(settled - waiting_.begin()));
  const Stamped reading{event_time_ns, value + 0.0};  // -0.0 is 0
  extras_.add_arrived(reading.time_ns, reading.value);
  if (any_folded() && reading.time_ns < last_.time_ns) {
    fold_late(reading);
  } else {
    make_room(waiting_max);
    waiting_.insert(std::upper_bound(waiting_.begin(), waiting_.end(), reading, comes_before),
                    reading);
  }
  moments_.add(reading.time_ns, reading.value);
  if (waiting_.size() > waiting_max) fold_first(waiting_.size() - waiting_max);
}

void OpenContent::fold_first(std::size_t count) {
  if (count == 0) return;
  auto already = static_cast<std::uint64_t>(moments_.count - waiting_.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (already++ == 0) last_ = waiting_[i];
    fold(waiting_[i]);
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
}

/// Of equal stamps the largest value counts, and it comes last.
void OpenContent::fold(const Stamped& reading) {
  if (reading.time_ns > last_.time_ns) {
    held_.hold(last_.value, between_ns(last_.time_ns, reading.time_ns));
    last_ = reading;
  } else if (reading.value > last_.value) {
    last_ = reading;
  }
  extras_.add_in_order(reading.time_ns, reading.value);
}

void OpenContent::fold_late(const Stamped& reading) {
  if (reading.time_ns < moments_.first_time_ns) {
    held_.hold(reading.value, between_ns(reading.time_ns, moments_.first_time_ns));
  }
  extras_.add_in_order(reading.time_ns, reading.value);
}

void OpenContent::append(const OpenContent& later, std::size_t waiting_max) {
  if (later.count() == 0) return;
  if (later.any_folded()) {
    fold_first(waiting_.size());
    if (count() > 0) held_.hold(last_.value, between_ns(last_.time_ns, later.first_time_ns()));
    held_.append(later.held_);
    last_ = later.last_;
  }
  extras_.merge(later.extras_);
  extras_.close_gaps();
  moments_.merge(later.moments_);
  waiting_.insert(waiting_.end(), later.waiting_.begin(), later.waiting_.end());
  if (waiting_.size() > waiting_max) fold_first(waiting_.size() - waiting_max);
}

/// Twice as much each time, and never more than the bound needs.
void OpenContent::make_room(std::size_t waiting_max) {
  if (waiting_.size() < waiting_.capacity()) return;
  const std::size_t most = std::max(waiting_.size(), waiting_max) + 1;
  waiting_.reserve(std::min(std::max<std::size_t>(1, 2 * waiting_.size()), most));
}

WindowContent OpenContent::content() const {
  OpenContent all = *this;
  all.fold_first(all.waiting_.size());
  WindowContent content{all.moments_, all.held_, nullptr};
  if (!extras_.empty()) {
    all.extras_.seal_plugins();
    content.extras = std::make_shared<const WindowExtras>(std::move(all.extras_));
  }
  return content;
}

std::size_t OpenContent::heap_bytes() const {
  return waiting_.capacity() * sizeof(Stamped) + extras_.state_bytes() - sizeof extras_;
}

void OpenContent::add_bytes(StateBytes& out) const {
  out.moments += sizeof *this;
  out.waiting += waiting_.capacity() * sizeof(Stamped);
  out.histogram += extras_.state_bytes_of<ExponentialHistogram>();
  out.distinct += extras_.state_bytes_of<HyperLogLog>();
  out.top += extras_.state_bytes_of<SpaceSaving>();
  out.counter += extras_.state_bytes_of<Counter>();
  out.states += extras_.state_bytes_of<StateDuration>();
  out.plugins += extras_.state_bytes_of<PluginAggregate>();
  for (const PluginAggregate* plugin : extras_.plugins()) {
    out.plugins_lost += plugin->lost() ? 1 : 0;
    out.plugins_refused += plugin->refused() ? 1 : 0;
  }
}

void OpenContent::snapshot(ByteWriter& out) const {
  snapshot_moments(out, moments_);
  out.u64(waiting_.size());
  std::int64_t before = moments_.last_time_ns;
  for (const Stamped& reading : waiting_) {
    out.i64(static_cast<std::int64_t>(between_ns(before, reading.time_ns)));
    if (moments_.count > 1) out.f64(reading.value);
    before = reading.time_ns;
  }
  if (any_folded() && moments_.count > 1) {
    out.f64(held_.integral_s);
    out.f64(held_.integral_error_s);
    out.u64(held_.largest_gap_ns);
    // Without readings that wait it is the last one of all.
    if (!waiting_.empty()) {
      out.i64(static_cast<std::int64_t>(between_ns(before, last_.time_ns)));
      out.f64(last_.value);
    }
  }
  if (!extras_.empty()) extras_.snapshot(out);
}

bool OpenContent::restore_waiting(ByteReader& in) {
  const std::uint64_t size = in.u64();
  if (size > moments_.count) return false;
  std::int64_t before = moments_.last_time_ns;
  for (std::uint64_t i = 0; i < size && in.ok(); ++i) {
    const std::uint64_t step = static_cast<std::uint64_t>(in.i64());
    before = static_cast<std::int64_t>(static_cast<std::uint64_t>(before) + step);
    waiting_.push_back({before, moments_.count > 1 ? in.f64() : moments_.first});
  }
  if (!any_folded()) return in.ok();
  if (moments_.count > 1) {
    held_.integral_s = in.f64();
    held_.integral_error_s = in.f64();
    held_.largest_gap_ns = in.u64();
  }
  last_ = {moments_.last_time_ns, moments_.last};
  if (waiting_.empty()) return in.ok();
  const auto step = static_cast<std::uint64_t>(in.i64());
  last_.time_ns = static_cast<std::int64_t>(static_cast<std::uint64_t>(before) + step);
  last_.value = in.f64();
  return in.ok();
}

Result<OpenContent> OpenContent::restore(ByteReader& in, const ExtrasSpec& spec) {
  OpenContent content;
  content.moments_ = restore_moments(in);
  if (!in.ok() || content.moments_.count == 0 || !content.restore_waiting(in)) return malformed();
  if (!std::is_sorted(content.waiting_.begin(), content.waiting_.end(), comes_before)) {
    return malformed();
  }
  if (spec.empty()) return content;
  auto extras = WindowExtras::restore(in);
  if (!extras.ok()) return extras.status();
  if (!(without_plugins(extras->spec()) == without_plugins(spec))) return malformed();
  content.extras_ = extras->spec() == spec ? *std::move(extras) : with_plugins_of(spec, *extras);
  content.extras_.open_plugins(spec);
  return content;
}

}  // namespace sluice
