#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "aggregate/counter.h"
#include "aggregate/exponential_histogram.h"
#include "aggregate/hyper_log_log.h"
#include "aggregate/plugin_aggregate.h"
#include "aggregate/space_saving.h"
#include "aggregate/state_duration.h"
#include "base/bytes.h"
#include "base/status.h"

namespace sluice {

/// What a config may ask a window to keep beyond what every window has.
struct ExtrasSpec {
  std::optional<HistogramOptions> histogram;
  std::optional<int> distinct_precision;
  std::optional<TopOptions> top;
  std::optional<CounterOptions> counter;
  std::optional<StateOptions> states;
  /// Of plugins, at most kPluginAggregatesMax, by plugin and then config, none twice.
  struct OfPlugin {
    PluginAggregateKey key;
    std::shared_ptr<const AggregateType> type = nullptr;  ///< null: it is not here
    /// False: the plugin is not here to say what the defaults are, so this is the same as any other
    /// of that plugin. The version makes no difference at all.
    bool config_known = true;
    friend bool operator==(const OfPlugin& a, const OfPlugin& b) {
      const bool any = !a.config_known || !b.config_known;
      return any ? a.key.plugin == b.key.plugin : a.key == b.key;
    }
  };
  std::vector<OfPlugin> plugins;

  bool empty() const { return *this == ExtrasSpec(); }
  /// At most, of WindowExtras::snapshot() of one window of 65,535 readings.
  std::size_t snapshot_bytes_max() const;
  friend bool operator==(const ExtrasSpec&, const ExtrasSpec&) = default;
};

/// The configured aggregates of one window, at most one of each kind and several of plugins, in one
/// allocation; none when nothing is configured. A plain value.
///
/// Histogram, distinct, top and those of plugins take readings in any order; counter and states
/// want theirs in order of event time, so the two halves of a reading are given apart.
class WindowExtras {
 public:
  /// Empty.
  WindowExtras() = default;
  explicit WindowExtras(const ExtrasSpec& spec);

  bool empty() const { return kinds_.empty(); }
  /// A finite reading, as it arrives.
  void add_arrived(std::int64_t event_time_ns, double value);
  /// The same reading, when its turn has come.
  void add_in_order(std::int64_t event_time_ns, double value);
  /// Folds another window. What only one of both has, or what cannot be mixed, goes: it would speak
  /// for a part of the readings as if it were all.
  void merge(const WindowExtras& other);

  /// See TimeParts.
  void close_gaps();
  void move_by(std::int64_t ns);
  /// See PluginAggregate::seal().
  void seal_plugins();

  /// Null when not configured.
  const ExponentialHistogram* histogram() const { return find<ExponentialHistogram>(); }
  const HyperLogLog* distinct() const { return find<HyperLogLog>(); }
  const SpaceSaving* top() const { return find<SpaceSaving>(); }
  const Counter* counter() const { return find<Counter>(); }
  const StateDuration* states() const { return find<StateDuration>(); }
  /// In the order of the spec.
  std::vector<const PluginAggregate*> plugins() const;
  /// What it was made with.
  ExtrasSpec spec() const;

  /// The histogram travels without its sum, which the window has from its Moments.
  void snapshot(ByteWriter& writer) const;
  /// `data_loss` for bytes that snapshot() cannot have written.
  static Result<WindowExtras> restore(ByteReader& reader);
  /// What restore() gives is sealed where it is a plugin's; this opens it. One that the plugin does
  /// not take back stays as it is.
  void open_plugins(const FindAggregateType& find);
  /// As for a window that goes on: with the types of this spec, and lost where one does not take
  /// back what it is given.
  void open_plugins(const ExtrasSpec& spec);
  std::size_t state_bytes() const;
  /// What of it is one kind's; 0 when that is not configured.
  template <typename T>
  std::size_t state_bytes_of() const {
    std::size_t bytes = 0;
    for (const Kind& kind : kinds_) {
      const T* const found = std::get_if<T>(&kind);
      if (found != nullptr) bytes += found->state_bytes() + sizeof(Kind) - sizeof(T);
    }
    return bytes;
  }

  using Kind = std::variant<ExponentialHistogram, HyperLogLog, SpaceSaving, Counter, StateDuration,
                            PluginAggregate>;
  /// In the order of the variant, none twice; those of plugins by key.
  static WindowExtras of(std::vector<Kind> kinds);

 private:
  template <typename T>
  const T* find() const {
    for (const Kind& kind : kinds_) {
      if (const T* found = std::get_if<T>(&kind)) return found;
    }
    return nullptr;
  }

  std::vector<Kind> kinds_;
};

}  // namespace sluice
