#include "moments.hpp"
#include "sluice_aggregate.hpp"

namespace {

using namespace sluice::sdk;
using sluice::shape::Moments;

/// How lopsided and how heavy-tailed a window's values are; README.md has the definitions.
class Shape {
 public:
  static constexpr sluice_aggregate_result kResults[] = {
      {"skewness", "1", "0: symmetric; above: the tail of high values is the longer one."},
      {"kurtosis", "1", "Excess kurtosis. 0: tails as of a normal distribution; above: heavier."}};
  static constexpr AggregateMetadata kAggregate{
      .description = "Skewness and excess kurtosis of a window's values.",
      .config_schema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "bias_corrected": {"type": "boolean", "default": false,
      "description": "Estimates of what the readings are a sample of; else of the readings alone."}
  }
})",
      .saved_bytes_max = Moments::kSavedBytes};
  using State = Moments;

  explicit Shape(const Config& config)
      : bias_corrected_(config.boolean("bias_corrected").value_or(false)) {}

  void add(State& state, std::int64_t, double value) const { state.add(value); }
  void merge(State& state, const State& other) const { state.merge(other); }
  void save(const State& state, StateWriter& w) const { state.save(w); }
  void restore(State& state, StateReader& r, std::string_view) const {
    state = Moments::restore(r);
  }

  void result(const State& state, std::span<double> values) const {
    if (!state.has_spread()) return;
    const auto n = static_cast<double>(state.count);
    if (n >= 3) {
      const double correction = bias_corrected_ ? std::sqrt(n * (n - 1)) / (n - 2) : 1;
      values[0] = state.skewness() * correction;
    }
    if (n >= 4) {
      const double g2 = state.excess_kurtosis();
      values[1] = bias_corrected_ ? (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * g2 + 6) : g2;
    }
  }

 private:
  bool bias_corrected_;
};

}  // namespace

SLUICE_AGGREGATE_PLUGIN(Shape, "shape", "1.0.0")
