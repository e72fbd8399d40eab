#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>
#include <type_traits>

#include "sluice_aggregate.h"
#include "sluice_plugin.hpp"

/// The ability "sluice.aggregate/1" in C++:
///
///   class Spread {
///    public:
///     struct State { std::uint64_t count; double low, high; };
///     static constexpr sluice::sdk::Metadata kMetadata{...};  // of the plugin
///     static constexpr const char* kConfigSchema = R"({"type": "object"})";  // of the aggregate
///     static constexpr sluice_aggregate_result kResults[] = {{"spread", "", "Largest -
///     smallest."}}; static constexpr std::uint32_t kSavedBytesMax = 24; explicit Spread(const
///     sluice::sdk::Config& config); void add(State&, std::int64_t event_time_ns, double value)
///     const; void merge(State&, const State& other) const; void save(const State&,
///     sluice::sdk::StateWriter&) const; void restore(State&, sluice::sdk::StateReader&,
///     std::string_view version) const; void result(const State&, std::span<double> values) const;
///   };
///   SLUICE_AGGREGATE_PLUGIN(Spread)
///
/// A new State is all zero; optional members: `void init(State&) const` makes another of it, and
/// `void move_by(State&, std::int64_t ns) const`. `values` begin as NaN. What a member throws never
/// crosses the C border: std::invalid_argument from the constructor becomes SLUICE_BAD_CONFIG,
/// anything from restore SLUICE_BAD_STATE, all else SLUICE_FAILED; of init and result it is lost.
namespace sluice::sdk {

/// The C functions of one aggregate class.
template <typename Aggregate>
struct AggregateBinding {
  using State = typename Aggregate::State;
  static_assert(std::is_trivially_copyable_v<State> && alignof(State) <= 8,
                "the daemon copies a state as bytes");
  static_assert(sizeof(State) <= SLUICE_AGGREGATE_BYTES_MAX);

  static const Aggregate& of(void* self) { return *static_cast<Aggregate*>(self); }
  static State& state_of(void* state) { return *static_cast<State*>(state); }
  static const State& state_of(const void* state) { return *static_cast<const State*>(state); }

  static constexpr bool kHasInit = requires(const Aggregate& a, State& s) { a.init(s); };
  static constexpr bool kHasMoveBy = requires(const Aggregate& a, State& s) {
    a.move_by(s, std::int64_t{});
  };

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
    try {
      *self = std::make_unique<Aggregate>(Config::parse(config_json)).release();
      return SLUICE_OK;
    } catch (const std::invalid_argument& e) {
      write_why(why, why_size, e.what());
      return SLUICE_BAD_CONFIG;
    } catch (const std::exception& e) {
      write_why(why, why_size, e.what());
    } catch (...) {
      write_why(why, why_size, "an exception of unknown type");
    }
    return SLUICE_FAILED;
  }
  static void close(void* self) noexcept {
    std::unique_ptr<Aggregate>(static_cast<Aggregate*>(self)).reset();
  }
  static void sizes(void*, sluice_aggregate_sizes* sizes) noexcept {
    sizes->state_bytes = sizeof(State);
    sizes->saved_bytes_max = Aggregate::kSavedBytesMax;
  }
  static void init(void* self, void* state) noexcept {
    ::new (state) State{};
    if constexpr (kHasInit) guarded([&] { of(self).init(state_of(state)); });
  }
  static sluice_result add(void* self, void* state, std::int64_t event_time_ns,
                           double value) noexcept {
    return guarded([&] { of(self).add(state_of(state), event_time_ns, value); });
  }
  static sluice_result merge(void* self, void* state, const void* other) noexcept {
    return guarded([&] { of(self).merge(state_of(state), state_of(other)); });
  }
  static sluice_result move_by(void* self, void* state, std::int64_t ns) noexcept {
    if constexpr (kHasMoveBy) return guarded([&] { of(self).move_by(state_of(state), ns); });
    return SLUICE_OK;
  }
  static sluice_result save(void* self, const void* state, const sluice_writer* writer) noexcept {
    return guarded([&] {
      StateWriter saved;
      of(self).save(state_of(state), saved);
      if (writer->write(writer, saved.bytes().data(), saved.bytes().size()) != SLUICE_OK) {
        throw std::length_error("more than kSavedBytesMax");
      }
    });
  }
  static sluice_result restore(void* self, void* state, const void* bytes, std::size_t size,
                               const char* version, char* why, std::size_t why_size) noexcept {
    try {
      StateReader reader(std::string_view(static_cast<const char*>(bytes), size));
      of(self).restore(*::new (state) State{}, reader, version);
      reader.expect_end();
      return SLUICE_OK;
    } catch (const std::exception& e) {
      write_why(why, why_size, e.what());
    } catch (...) {
      write_why(why, why_size, "an exception of unknown type");
    }
    return SLUICE_BAD_STATE;
  }
  static void result(void* self, const void* state, double* values) noexcept {
    constexpr std::size_t kCount = std::size(Aggregate::kResults);
    const std::span<double> all(values, kCount);
    std::fill(all.begin(), all.end(), std::numeric_limits<double>::quiet_NaN());
    guarded([&] { of(self).result(state_of(state), all); });
  }

  static constexpr sluice_aggregate describe() {
    sluice_aggregate table{};
    table.struct_size = sizeof(sluice_aggregate);
    table.description = Aggregate::kMetadata.description;
    table.config_schema = Aggregate::kConfigSchema;
    table.results = Aggregate::kResults;
    table.result_count = std::size(Aggregate::kResults);
    table.open = open;
    table.close = close;
    table.sizes = sizes;
    table.init = init;
    table.add = add;
    table.merge = merge;
    if constexpr (kHasMoveBy) table.move_by = move_by;
    table.save = save;
    table.restore = restore;
    table.result = result;
    return table;
  }
  static constexpr sluice_aggregate kTable = describe();

  static const void* get_extension(const char* id) noexcept {
    return std::string_view(id) == SLUICE_AGGREGATE ? &kTable : nullptr;
  }
};

/// The stage of a plugin that is there for its aggregate: every reading passes.
template <typename Aggregate>
class PassingStage {
 public:
  static constexpr Metadata kMetadata{
      .name = Aggregate::kMetadata.name,
      .version = Aggregate::kMetadata.version,
      .description = Aggregate::kMetadata.description,
      .config_schema = R"({"type": "object", "additionalProperties": false})"};
  PassingStage(const Config&, Host) {}
  Verdict on_reading(const Reading&, Call&) { return pass(); }
};

}  // namespace sluice::sdk

/// Exports a filter class (see SLUICE_PLUGIN) and an aggregate class as the plugin of this shared
/// object; once, at namespace scope. The filter's metadata is the plugin's.
#define SLUICE_PLUGIN_WITH_AGGREGATE(Filter, Aggregate)                            \
  const sluice_plugin_descriptor* sluice_plugin_entry(void) {                      \
    static constexpr sluice_plugin_descriptor kDescriptor = [] {                   \
      sluice_plugin_descriptor d = ::sluice::sdk::Binding<Filter>::describe();     \
      d.get_extension = ::sluice::sdk::AggregateBinding<Aggregate>::get_extension; \
      return d;                                                                    \
    }();                                                                           \
    return &kDescriptor;                                                           \
  }

/// The same for an aggregate alone.
#define SLUICE_AGGREGATE_PLUGIN(Aggregate) \
  SLUICE_PLUGIN_WITH_AGGREGATE(::sluice::sdk::PassingStage<Aggregate>, Aggregate)
