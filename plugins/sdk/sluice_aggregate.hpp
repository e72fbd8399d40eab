#pragma once

#include <limits>
#include <new>
#include <span>
#include <type_traits>

#include "sluice_aggregate.h"
#include "sluice_plugin.hpp"

/// The ability `sluice.aggregate/1` in C++: one more aggregate of windows.
///
///   class Spread {
///    public:
///     static constexpr sluice_aggregate_result kResults[] = {
///         {"spread", "", "Largest minus smallest value."}};
///     static constexpr sluice::sdk::AggregateMetadata kAggregate{...};
///     struct State { double low = INFINITY; double high = -INFINITY; };
///     explicit Spread(const sluice::sdk::Config& config);
///     void add(State& state, std::int64_t event_time_ns, double value) const;
///     void merge(State& state, const State& other) const;
///     void save(const State& state, sluice::sdk::StateWriter& writer) const;
///     void restore(State& state, sluice::sdk::StateReader& reader, std::string_view version)
///     const; void result(const State& state, std::span<double> values) const;
///   };
///   SLUICE_AGGREGATE_PLUGIN(Spread, "spread", "1.0.0")
///
/// A State without readings is `State{}`; it is copied as bytes, so it holds values and no
/// pointers. `values` has one place for each of kResults, NaN until it is set. Optional member, for
/// a state that holds event times: `void move_by(State&, std::int64_t ns) const`.
///
/// What a member throws never crosses the C border: std::invalid_argument from the constructor
/// becomes SLUICE_BAD_CONFIG, anything from restore SLUICE_BAD_STATE, from result no results, all
/// else SLUICE_FAILED, which costs the aggregate of that window.
namespace sluice::sdk {

/// The aggregate as data; see sluice_aggregate.
struct AggregateMetadata {
  const char* description;
  const char* config_schema;
  std::uint32_t saved_bytes_max;  ///< of what save() writes, whatever the state
};

/// The C functions of one aggregate class.
template <typename Aggregate>
struct AggregateBinding {
  using State = typename Aggregate::State;
  static_assert(std::is_trivially_copyable_v<State> && std::is_trivially_destructible_v<State>,
                "the daemon copies and frees a state as bytes");
  static_assert(std::is_nothrow_default_constructible_v<State>);
  static_assert(alignof(State) <= 8 && sizeof(State) <= SLUICE_AGGREGATE_BYTES_MAX);
  static_assert(Aggregate::kAggregate.saved_bytes_max >= 1 &&
                Aggregate::kAggregate.saved_bytes_max <= SLUICE_AGGREGATE_BYTES_MAX);
  static constexpr std::size_t kResultCount =
      sizeof(Aggregate::kResults) / sizeof(Aggregate::kResults[0]);
  static_assert(kResultCount <= SLUICE_AGGREGATE_RESULTS_MAX);

  static constexpr bool kHasMoveBy = requires(const Aggregate& a, State& state) {
    a.move_by(state, std::int64_t{});
  };

  static const Aggregate& of(void* self) { return *static_cast<const Aggregate*>(self); }
  static State& at(void* state) { return *static_cast<State*>(state); }
  static const State& at(const void* state) { return *static_cast<const State*>(state); }

  template <typename Body>
  static sluice_result guarded(Body body) noexcept {
    try {
      body();
      return SLUICE_OK;
    } catch (...) {
      return SLUICE_FAILED;
    }
  }

  static sluice_result open(const char* config_json, void** self, char* why,
                            std::size_t why_size) noexcept {
    return answered(SLUICE_BAD_CONFIG, SLUICE_FAILED, why, why_size, [&] {
      *self = std::make_unique<Aggregate>(Config::parse(config_json)).release();
    });
  }

  static void close(void* self) noexcept {
    std::unique_ptr<Aggregate>(static_cast<Aggregate*>(self)).reset();
  }

  static void sizes(void*, sluice_aggregate_sizes* sizes) noexcept {
    sizes->state_bytes = sizeof(State);
    sizes->saved_bytes_max = Aggregate::kAggregate.saved_bytes_max;
  }

  static void init(void*, void* state) noexcept { ::new (state) State{}; }

  static sluice_result add(void* self, void* state, std::int64_t event_time_ns,
                           double value) noexcept {
    return guarded([&] { of(self).add(at(state), event_time_ns, value); });
  }

  static sluice_result merge(void* self, void* state, const void* other) noexcept {
    return guarded([&] { of(self).merge(at(state), at(other)); });
  }

  static sluice_result move_by(void* self, void* state, std::int64_t ns) noexcept {
    return guarded([&] { of(self).move_by(at(state), ns); });
  }

  static sluice_result save(void* self, const void* state, const sluice_writer* writer) noexcept {
    return guarded([&] {
      StateWriter saved;
      of(self).save(at(state), saved);
      if (writer->write(writer, saved.bytes().data(), saved.bytes().size()) != SLUICE_OK) {
        throw std::length_error("more than saved_bytes_max");
      }
    });
  }

  static sluice_result restore(void* self, void* state, const void* bytes, std::size_t size,
                               const char* version, char* why, std::size_t why_size) noexcept {
    return answered(SLUICE_BAD_STATE, SLUICE_BAD_STATE, why, why_size, [&] {
      StateReader reader(std::string_view(static_cast<const char*>(bytes), size));
      State& made = *::new (state) State{};
      of(self).restore(made, reader, version);
      reader.expect_end();
    });
  }

  static void result(void* self, const void* state, double* values) noexcept {
    const std::span<double> all(values, kResultCount);
    if (guarded([&] { of(self).result(at(state), all); }) == SLUICE_OK) return;
    std::fill(all.begin(), all.end(), std::numeric_limits<double>::quiet_NaN());
  }

  static constexpr sluice_aggregate describe() {
    constexpr AggregateMetadata m = Aggregate::kAggregate;
    sluice_aggregate a{};
    a.struct_size = sizeof(sluice_aggregate);
    a.description = m.description;
    a.config_schema = m.config_schema;
    a.results = Aggregate::kResults;
    a.result_count = kResultCount;
    a.open = open;
    a.close = close;
    a.sizes = sizes;
    a.init = init;
    a.add = add;
    a.merge = merge;
    if constexpr (kHasMoveBy) a.move_by = move_by;
    a.save = save;
    a.restore = restore;
    a.result = result;
    return a;
  }

  static const void* get_extension(const char* id) noexcept {
    static constexpr sluice_aggregate kAbility = describe();
    return id != nullptr && std::strcmp(id, SLUICE_AGGREGATE) == 0 ? &kAbility : nullptr;
  }

  /// A stage's descriptor with this aggregate beside it.
  static constexpr sluice_plugin_descriptor with(sluice_plugin_descriptor stage) {
    stage.get_extension = get_extension;
    return stage;
  }
};

/// The stage of a plugin that is there for its aggregate alone: every reading passes.
class PassAll {
 public:
  static constexpr Metadata kMetadata{
      .name = "",
      .version = "",
      .description = "",
      .config_schema = R"({"type": "object", "additionalProperties": false})"};
  PassAll(const Config&, Host) {}
  Verdict on_reading(const Reading&, Call&) { return pass(); }
};

template <typename Aggregate>
constexpr sluice_plugin_descriptor describe_aggregate_plugin(const char* name,
                                                             const char* version) {
  sluice_plugin_descriptor d = AggregateBinding<Aggregate>::with(Binding<PassAll>::describe());
  d.name = name;
  d.version = version;
  d.description = Aggregate::kAggregate.description;
  return d;
}

}  // namespace sluice::sdk

/// Exports the class as the aggregate of this shared object, which as a stage lets all pass; once,
/// at namespace scope.
#define SLUICE_AGGREGATE_PLUGIN(Aggregate, name, version)                   \
  const sluice_plugin_descriptor* sluice_plugin_entry(void) {               \
    static constexpr sluice_plugin_descriptor kDescriptor =                 \
        ::sluice::sdk::describe_aggregate_plugin<Aggregate>(name, version); \
    return &kDescriptor;                                                    \
  }

/// Exports a filter class with an aggregate beside it.
#define SLUICE_PLUGIN_WITH_AGGREGATE(Filter, Aggregate)       \
  const sluice_plugin_descriptor* sluice_plugin_entry(void) { \
    static constexpr sluice_plugin_descriptor kDescriptor =   \
        ::sluice::sdk::AggregateBinding<Aggregate>::with(     \
            ::sluice::sdk::Binding<Filter>::describe());      \
    return &kDescriptor;                                      \
  }
