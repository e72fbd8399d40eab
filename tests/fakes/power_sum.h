#pragma once

#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aggregate/window_extras.h"

namespace sluice {

/// A plugin's aggregate without a plugin: count and sum of the values to a power. Fails on the
/// value that it is told to, and takes nothing back from the version that it refuses; failure()
/// tells of those two calls.
class PowerSum : public AggregateType {
 public:
  explicit PowerSum(int power, double fails_on = std::numeric_limits<double>::quiet_NaN(),
                    std::string version = "1.0.0", std::string refuses = "")
      : identity_{{"power_sum", "{\"power\":" + std::to_string(power) + "}"},
                  std::move(version),
                  {"count", "sum"}},
        refuses_(std::move(refuses)),
        power_(power),
        fails_on_(fails_on) {}

  const PluginAggregateIdentity& identity() const override { return identity_; }
  std::size_t state_bytes() const override { return sizeof(State); }
  std::size_t saved_bytes_max() const override { return 1 + sizeof(State); }

  bool init(std::byte* state) const override {
    of(state).is_made = 1;
    return true;
  }
  bool add(std::byte* state, std::int64_t, double value) const override {
    if (value == fails_on_) return fails("add: 'told to'");
    double term = 1;
    for (int i = 0; i < power_; ++i) term *= value;
    ++of(state).count;
    of(state).sum += term;
    return true;
  }
  bool merge(std::byte* state, const std::byte* other) const override {
    of(state).count += of(other).count;
    of(state).sum += of(other).sum;
    return true;
  }
  bool move_by(std::byte*, std::int64_t) const override { return true; }
  bool save(const std::byte* state, std::string& out) const override {
    out.push_back('p');
    out.append(reinterpret_cast<const char*>(state), sizeof(State));
    return true;
  }
  bool restore(std::byte* state, std::string_view bytes,
               const std::string& version) const override {
    if (version == refuses_) return fails("restore: 'refuses " + version + "'");
    if (bytes.size() != saved_bytes_max() || bytes.front() != 'p') return false;
    if (of(state).is_made != 0) return false;  // the contract: zeroed
    std::memcpy(state, bytes.data() + 1, sizeof(State));
    return true;
  }
  bool result(const std::byte* state, std::span<double> values) const override {
    values[0] = static_cast<double>(of(state).count);
    if (of(state).count > 0) values[1] = of(state).sum;
    return true;
  }

  std::shared_ptr<const std::string> failure() const override { return failure_; }

  static ExtrasSpec::OfPlugin spec(std::shared_ptr<const AggregateType> type) {
    return {type->key(), type};
  }

 private:
  struct State {
    std::uint64_t is_made;
    std::uint64_t count;
    double sum;
  };
  static State& of(std::byte* state) { return *reinterpret_cast<State*>(state); }
  static const State& of(const std::byte* state) { return *reinterpret_cast<const State*>(state); }

  bool fails(std::string how) const {
    failure_ = std::make_shared<const std::string>(std::move(how));
    return false;
  }

  PluginAggregateIdentity identity_;
  mutable std::shared_ptr<const std::string> failure_;
  std::string refuses_;
  int power_;
  double fails_on_;
};

}  // namespace sluice
