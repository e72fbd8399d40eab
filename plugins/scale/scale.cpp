#include <cmath>
#include <optional>
#include <string>
#include <unordered_map>

#include "sluice_plugin.hpp"
#include "units.hpp"

namespace {

using namespace sluice::sdk;

/// Linear conversion, by factor and offset or between two units; README.md has the definitions.
class Scale {
 public:
  enum Rule : std::uint16_t { kNotFinite, kSeriesCap };
  static constexpr const char* kRules[] = {"not_finite", "series_cap"};
  static constexpr Metadata kMetadata{
      .name = "scale",
      .version = "1.0.0",
      .description = "Converts values: by factor and offset, or from one unit to another.",
      .config_schema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "minProperties": 1,
  "properties": {
    "factor": {"type": "number", "unit": "1",
      "description": "y = x * factor + offset; 1 when only offset is set."},
    "offset": {"type": "number", "unit": "of the result",
      "description": "y = x * factor + offset; 0 when only factor is set."},
    "unit": {"type": "string", "maxLength": 64,
      "description": "UCUM code of the result, with factor and offset; default: the series' own."},
    "from": {"type": "string", "minLength": 1, "maxLength": 64,
      "description": "UCUM code the values come in. Series of another unit pass as they are."},
    "to": {"type": "string", "minLength": 1, "maxLength": 64,
      "description": "UCUM code to convert to; same dimension as from."}
  }
})",
      .state_bytes_per_series = 48};

  Scale(const Config& config, Host host) : host_(host) {
    const bool by_units = config.has("from") || config.has("to");
    const bool by_factor = config.has("factor") || config.has("offset");
    if (by_units && (by_factor || config.has("unit"))) {
      throw std::invalid_argument("from and to: give these or factor, offset and unit, not both");
    }
    if (!by_units && !by_factor) {
      throw std::invalid_argument("nothing to convert: set factor or offset, or from and to");
    }
    if (by_units) {
      convert(named_unit("from", config.string("from")), named_unit("to", config.string("to")));
    } else {
      factor_ = config.number("factor").value_or(1);
      add_ = config.number("offset").value_or(0);
      new_unit_ = config.string("unit");
    }
  }

  Verdict on_reading(const Reading& in, Call& call) {
    if (in.kind == SLUICE_KIND_BOOLEAN || !applies(in.series)) return pass();
    Reading out = in;
    const double y = (in.value() - subtract_) * factor_ / divisor_ + add_;
    if (!std::isfinite(y)) return drop(kNotFinite);
    out.set_value(y);
    out.series = output_series(in.series);
    if (out.series == 0) return drop(kSeriesCap);
    return call.alter(out);
  }

 private:
  static const Unit& named_unit(const char* key, const std::optional<std::string>& code) {
    if (!code) {
      throw std::invalid_argument(std::string(key) + ": missing; from and to belong together");
    }
    if (const Unit* unit = find_unit(*code)) return *unit;
    throw std::invalid_argument(std::string(key) + ": expected one of " + unit_codes("") +
                                ", got \"" + *code + "\"");
  }

  void convert(const Unit& from, const Unit& to) {
    if (from.dimension != to.dimension) {
      throw std::invalid_argument("to: expected a unit of " + std::string(from.dimension) +
                                  " like " + std::string(from.code) + " (" +
                                  unit_codes(from.dimension) + "), got \"" + std::string(to.code) +
                                  "\", a unit of " + std::string(to.dimension));
    }
    subtract_ = from.zero;
    factor_ = from.numerator * to.denominator;
    divisor_ = from.denominator * to.numerator;
    add_ = to.zero;
    only_unit_ = std::string(from.code);
    new_unit_ = std::string(to.code);
  }

  /// A series without a unit is taken to be in `from`.
  bool applies(std::uint32_t series) const {
    if (!only_unit_) return true;
    const std::string_view unit = host_.unit(series);
    return unit.empty() || unit == *only_unit_;
  }

  std::uint32_t output_series(std::uint32_t series) {
    if (!new_unit_) return series;
    const auto known = outputs_.find(series);
    if (known != outputs_.end()) return known->second;
    const std::uint32_t derived = host_.derive_series(series, nullptr, new_unit_->c_str());
    if (derived != 0) outputs_.emplace(series, derived);
    return derived;
  }

  Host host_;
  double subtract_ = 0;
  double factor_ = 1;
  double divisor_ = 1;
  double add_ = 0;
  std::optional<std::string> only_unit_;
  std::optional<std::string> new_unit_;
  std::unordered_map<std::uint32_t, std::uint32_t> outputs_;  // a cache: derive_series() is stable
};

}  // namespace

SLUICE_PLUGIN(Scale)
