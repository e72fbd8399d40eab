#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config.hpp"
#include "sluice_plugin.h"
#include "state.hpp"

/// The C contract in C++, for plugins that look at one reading at a time:
///
///   class Odd {
///    public:
///     static constexpr const char* kRules[] = {"even"};
///     static constexpr sluice::sdk::Metadata kMetadata{...};
///     Odd(const sluice::sdk::Config& config, sluice::sdk::Host host);
///     sluice::sdk::Verdict on_reading(const sluice::sdk::Reading& in, sluice::sdk::Call& call);
///   };
///   SLUICE_PLUGIN(Odd)
///
/// Optional members: `void on_time(std::int64_t watermark_ns, Call&)`, `bool ordered() const`, and
/// together `void snapshot(StateWriter&) const` and `void restore(StateReader&, std::string_view
/// version)`. What a member throws never crosses the C border: std::invalid_argument from the
/// constructor becomes SLUICE_BAD_CONFIG, anything from restore SLUICE_BAD_STATE, all else
/// SLUICE_FAILED with a line in the daemon's log.
namespace sluice::sdk {

using Verdict = sluice_verdict;
using Token = std::uint64_t;

constexpr Verdict pass() { return {SLUICE_VERDICT_PASS, 0, 0}; }
constexpr Verdict drop(std::uint16_t rule) { return {SLUICE_VERDICT_DROP, 0, rule}; }
/// The verdict that belongs to Call::hold().
constexpr Verdict held() { return {SLUICE_VERDICT_HOLD, 0, 0}; }

struct Reading : sluice_reading {
  Reading() : sluice_reading{} { struct_size = sizeof(sluice_reading); }
  /// The value as a number: true is 1, integers beyond 2^53 round to nearest.
  double value() const {
    switch (kind) {
      case SLUICE_KIND_F64: return std::bit_cast<double>(bits);
      case SLUICE_KIND_I64: return static_cast<double>(static_cast<std::int64_t>(bits));
      default: return static_cast<double>(bits);
    }
  }
  void set_value(double v) {
    kind = SLUICE_KIND_F64;
    bits = std::bit_cast<std::uint64_t>(v);
  }
};

/// Something that people should know, about a reading's series at its time.
class Event {
 public:
  Event(const Reading& about, std::string name, std::string message)
      : series_(about.series),
        source_(about.source),
        event_time_ns_(about.event_time_ns),
        name_(std::move(name)),
        message_(std::move(message)) {}

  Event& severity(std::uint8_t severity) {
    severity_ = severity;
    return *this;
  }
  Event& phase(std::uint8_t phase) {
    phase_ = phase;
    return *this;
  }
  Event& attribute(std::string key, std::string value) {
    attributes_.emplace_back(std::move(key), std::move(value));
    return *this;
  }
  /// Points into this event.
  sluice_event raw() const {
    pointers_.clear();
    for (const auto& [key, value] : attributes_) pointers_.push_back({key.c_str(), value.c_str()});
    return {sizeof(sluice_event),
            series_,
            source_,
            severity_,
            phase_,
            static_cast<std::uint16_t>(std::min<std::size_t>(pointers_.size(), UINT16_MAX)),
            event_time_ns_,
            name_.c_str(),
            message_.c_str(),
            pointers_.data()};
  }

 private:
  std::uint32_t series_;
  std::uint32_t source_;
  std::int64_t event_time_ns_;
  std::uint8_t severity_ = SLUICE_SEVERITY_WARN;
  std::uint8_t phase_ = SLUICE_PHASE_MOMENT;
  std::string name_;
  std::string message_;
  std::vector<std::pair<std::string, std::string>> attributes_;
  mutable std::vector<sluice_attribute> pointers_;
};

/// The daemon's services, for the instance's whole life.
class Host {
 public:
  explicit Host(const sluice_host* host) : host_(host) {}
  /// "" for an unknown series.
  std::string_view measurement(std::uint32_t series) const {
    return text(host_->series_measurement(host_, series));
  }
  std::string_view unit(std::uint32_t series) const {
    return text(host_->series_unit(host_, series));
  }
  /// "" when there is no such label.
  std::string_view label(std::uint32_t series, const char* name) const {
    return text(host_->series_label(host_, series, name));
  }
  /// 0 when the node keeps no more series.
  std::uint32_t derive_series(std::uint32_t base, const char* measurement, const char* unit) const {
    return host_->derive_series(host_, base, measurement, unit);
  }
  void log(std::uint32_t level, const std::string& message) const {
    host_->log(host_, level, message.c_str());
  }

 private:
  static std::string_view text(const char* s) { return s == nullptr ? "" : s; }
  const sluice_host* host_;
};

/// The daemon refused what the plugin emitted, and knows why: nothing to log.
class Refused final : public std::exception {
 public:
  const char* what() const noexcept override { return "the daemon refused what was emitted"; }
};

/// One call of the daemon: what the plugin says beside its verdicts.
class Call {
 public:
  explicit Call(const sluice_emit* emit) : emit_(emit) {}

  /// The current reading goes on as `reading` says.
  Verdict alter(const Reading& reading) {
    check(emit_->alter(emit_, row_, &reading));
    return {SLUICE_VERDICT_ALTERED, 0, 0};
  }
  /// Holds the current reading: answer held(). 0 when the daemon holds no more.
  Token hold() { return emit_->hold(emit_, row_); }
  void settle_pass(Token token, const Reading& reading) {
    check(emit_->settle_pass(emit_, token, &reading));
  }
  void settle_drop(Token token, std::uint16_t rule) {
    check(emit_->settle_drop(emit_, token, rule));
  }
  /// Adds a derived reading. Beyond readings_left() the whole call would be refused.
  void emit(const Reading& reading) {
    check(emit_->reading(emit_, &reading));
    ++readings_;
  }
  /// Beyond events_left() the whole call would be refused.
  void emit(const Event& event) {
    const sluice_event raw = event.raw();
    check(emit_->event(emit_, &raw));
    ++events_;
  }
  std::uint32_t readings_left() const { return SLUICE_DERIVED_MAX - readings_; }
  std::uint32_t events_left() const { return SLUICE_EVENTS_MAX - events_; }

  void at_row(std::uint32_t row) { row_ = row; }

 private:
  static void check(sluice_result result) {
    if (result != SLUICE_OK) throw Refused();
  }
  const sluice_emit* emit_;
  std::uint32_t row_ = UINT32_MAX;
  std::uint32_t readings_ = 0;
  std::uint32_t events_ = 0;
};

/// The plugin as data; see sluice_plugin_descriptor.
struct Metadata {
  const char* name;
  const char* version;
  const char* description;
  const char* config_schema;
  std::uint64_t state_bytes_per_series = 0;
  bool ordered = false;
  bool deterministic = true;
};

inline void write_why(char* why, std::size_t why_size, const char* text) {
  if (why == nullptr || why_size == 0) return;
  const std::size_t n = std::min(std::strlen(text), why_size - 1);
  std::memcpy(why, text, n);
  why[n] = '\0';
}

/// Runs `body` and answers for it: what it throws becomes `refusal` when it is a
/// std::invalid_argument, else `failure`, and `why` has its text.
template <typename Body>
sluice_result answered(sluice_result refusal, sluice_result failure, char* why,
                       std::size_t why_size, Body body) noexcept {
  try {
    body();
    return SLUICE_OK;
  } catch (const std::invalid_argument& e) {
    write_why(why, why_size, e.what());
    return refusal;
  } catch (const std::exception& e) {
    write_why(why, why_size, e.what());
  } catch (...) {
    write_why(why, why_size, "an exception of unknown type");
  }
  return failure;
}

/// The C functions of one filter class.
template <typename Filter>
struct Binding {
  struct Instance {
    Instance(const sluice_host* host, const char* config_json)
        : log(host), filter(Config::parse(config_json), Host(host)) {}
    Host log;
    Filter filter;
  };
  static Instance& of(void* self) { return *static_cast<Instance*>(self); }

  static constexpr bool kHasOnTime = requires(Filter & f, Call& call) {
    f.on_time(std::int64_t{}, call);
  };
  static constexpr bool kHasState = requires(Filter & f, StateWriter& w, StateReader& r) {
    f.snapshot(w);
    f.restore(r, std::string_view());
  };
  static constexpr bool kHasOrdered = requires(const Filter& f) { f.ordered(); };

  template <typename Body>
  static sluice_result guarded(void* self, Body body) noexcept {
    try {
      body(of(self).filter);
      return SLUICE_OK;
    } catch (const Refused&) {
      return SLUICE_FAILED;
    } catch (const std::exception& e) {
      of(self).log.log(SLUICE_LOG_ERROR, e.what());
    } catch (...) {
      of(self).log.log(SLUICE_LOG_ERROR, "an exception of unknown type");
    }
    return SLUICE_FAILED;
  }

  static sluice_result create(const sluice_host* host, const char* config_json, void** self,
                              char* why, std::size_t why_size) noexcept {
    return answered(SLUICE_BAD_CONFIG, SLUICE_FAILED, why, why_size,
                    [&] { *self = std::make_unique<Instance>(host, config_json).release(); });
  }

  static void destroy(void* self) noexcept { std::unique_ptr<Instance>(&of(self)).reset(); }

  static sluice_result process(void* self, const sluice_batch* batch, sluice_verdict* verdicts,
                               const sluice_emit* emit) noexcept {
    return guarded(self, [&](Filter& filter) {
      Call call(emit);
      Reading in;
      for (std::uint32_t row = 0; row < batch->count; ++row) {
        in.series = batch->series[row];
        in.source = batch->source[row];
        in.event_time_ns = batch->event_time_ns[row];
        in.kind = batch->kind[row];
        in.quality = batch->quality[row];
        in.bits = batch->bits[row];
        call.at_row(row);
        verdicts[row] = filter.on_reading(in, call);
      }
    });
  }

  static sluice_result on_time(void* self, std::int64_t watermark_ns,
                               const sluice_emit* emit) noexcept {
    return guarded(self, [&](Filter& filter) {
      Call call(emit);
      filter.on_time(watermark_ns, call);
    });
  }

  static sluice_result snapshot(void* self, const sluice_writer* writer) noexcept {
    return guarded(self, [&](const Filter& filter) {
      StateWriter state;
      filter.snapshot(state);
      if (writer->write(writer, state.bytes().data(), state.bytes().size()) != SLUICE_OK) {
        throw std::runtime_error("the snapshot is larger than the daemon accepts");
      }
    });
  }

  static sluice_result restore(void* self, const void* bytes, std::size_t size, const char* version,
                               char* why, std::size_t why_size) noexcept {
    return answered(SLUICE_BAD_STATE, SLUICE_BAD_STATE, why, why_size, [&] {
      StateReader reader(std::string_view(static_cast<const char*>(bytes), size));
      of(self).filter.restore(reader, version);
      reader.expect_end();
    });
  }

  static std::uint32_t ordered(void* self) noexcept { return of(self).filter.ordered() ? 1 : 0; }

  static constexpr sluice_plugin_descriptor describe() {
    constexpr Metadata m = Filter::kMetadata;
    sluice_plugin_descriptor d{};
    d.abi = SLUICE_PLUGIN_ABI;
    d.struct_size = sizeof(sluice_plugin_descriptor);
    d.name = m.name;
    d.version = m.version;
    d.description = m.description;
    d.config_schema = m.config_schema;
    d.state_bytes_per_series = m.state_bytes_per_series;
    d.flags =
        (m.ordered ? SLUICE_FLAG_ORDERED : 0u) | (m.deterministic ? SLUICE_FLAG_DETERMINISTIC : 0u);
    if constexpr (requires { Filter::kRules; }) {
      d.rules = Filter::kRules;
      d.rule_count = sizeof(Filter::kRules) / sizeof(Filter::kRules[0]);
    }
    d.create = create;
    d.destroy = destroy;
    d.process = process;
    if constexpr (kHasOnTime) d.on_time = on_time;
    if constexpr (kHasState) {
      d.snapshot = snapshot;
      d.restore = restore;
    }
    if constexpr (kHasOrdered) d.ordered = ordered;
    return d;
  }
};

}  // namespace sluice::sdk

/// Exports the filter class as the plugin of this shared object; once, at namespace scope.
#define SLUICE_PLUGIN(Filter)                                 \
  const sluice_plugin_descriptor* sluice_plugin_entry(void) { \
    static constexpr sluice_plugin_descriptor kDescriptor =   \
        ::sluice::sdk::Binding<Filter>::describe();           \
    return &kDescriptor;                                      \
  }
