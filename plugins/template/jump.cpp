#include <map>

#include "sluice_plugin.hpp"

using namespace sluice::sdk;

/// Drops what is further than `max_step` from the last reading of its series that passed.
class Jump {
 public:
  static constexpr const char* kRules[] = {"too_far"};
  static constexpr Metadata kMetadata{
      .name = "jump",
      .version = "1.0.0",
      .description = "Drops readings that jump.",
      .config_schema = R"({"type": "object", "additionalProperties": false, "properties": {
        "max_step": {"type": "number", "default": 10, "description": "The largest step."}}})",
      .state_bytes_per_series = 48};

  Jump(const Config& config, Host) : max_step_(*config.number("max_step")) {}
  Verdict on_reading(const Reading& in, Call&) {
    const auto [last, is_first] = last_.try_emplace(in.series, in.value());
    if (std::abs(in.value() - last->second) > max_step_) return drop(0);
    last->second = in.value();
    return pass();
  }
  void snapshot(StateWriter& w) const {
    w.u64(last_.size());
    for (const auto& [series, value] : last_) w.u64(series), w.f64(value);
  }
  void restore(StateReader& r, std::string_view) {
    for (auto n = r.count(16); n > 0; --n) last_.insert({r.u64(), r.f64()});
  }

 private:
  double max_step_;
  std::map<std::uint64_t, double> last_;  // by series; sorted, so that equal states are equal bytes
};
SLUICE_PLUGIN(Jump)
