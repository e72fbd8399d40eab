#include "central_moments.hpp"
#include "sluice_aggregate.hpp"

namespace {

using namespace sluice::sdk;

/// How the values of a window are spread about their mean; README.md has the definitions.
class Shape {
 public:
  using State = sluice::shape::CentralMoments;
  static constexpr Metadata kMetadata{
      .name = "shape",
      .version = "1.0.0",
      .description = "Aggregate: skewness and excess kurtosis of a window's values.",
      .config_schema = R"({"type": "object"})"};
  static constexpr const char* kConfigSchema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "corrected": {"type": "boolean", "default": false,
      "description": "Corrects for the number of readings: they are a sample of what is described."}
  }
})";
  static constexpr sluice_aggregate_result kResults[] = {
      {"skewness", "1", "Above 0: the longer tail is on the side of large values."},
      {"kurtosis", "1", "Excess over the normal distribution's: above 0 there are more outliers."}};
  static constexpr std::uint32_t kSavedBytesMax = State::kSavedBytes;

  explicit Shape(const Config& config) : corrected_(config.boolean("corrected").value_or(false)) {}

  void add(State& state, std::int64_t, double value) const { state.add(value); }
  void merge(State& state, const State& other) const { state.merge(other); }
  void save(const State& state, StateWriter& w) const { state.save(w); }
  void restore(State& state, StateReader& r, std::string_view) const { state = State::restored(r); }
  void result(const State& state, std::span<double> values) const {
    values[0] = state.skewness(corrected_);
    values[1] = state.excess_kurtosis(corrected_);
  }

 private:
  bool corrected_;
};

}  // namespace

SLUICE_AGGREGATE_PLUGIN(Shape)
