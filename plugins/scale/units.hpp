#pragma once

#include <string>
#include <string_view>

/// A unit by its UCUM code: a value v of it is (v - zero) * numerator / denominator of its
/// dimension's base unit. Two exact integers or decimals instead of one rounded factor, so that
/// kW -> W or [degF] -> Cel give the number that people expect.
struct Unit {
  std::string_view code;
  std::string_view dimension;
  double numerator = 1;
  double denominator = 1;
  double zero = 0;
};

inline constexpr Unit kUnits[] = {
    {"Cel", "temperature"},
    {"K", "temperature", 1, 1, 273.15},
    {"[degF]", "temperature", 5, 9, 32},
    {"Pa", "pressure"},
    {"hPa", "pressure", 100},
    {"kPa", "pressure", 1000},
    {"MPa", "pressure", 1e6},
    {"mbar", "pressure", 100},
    {"bar", "pressure", 1e5},
    {"[psi]", "pressure", 4.4482216152605, 0.00064516},  // pound-force (NIST SP 811) per sq. inch
    {"psi", "pressure", 4.4482216152605, 0.00064516},    // not UCUM, but what devices write
    {"m", "length"},
    {"km", "length", 1000},
    {"cm", "length", 1, 100},
    {"mm", "length", 1, 1000},
    {"um", "length", 1, 1e6},
    {"[in_i]", "length", 254, 10000},
    {"[ft_i]", "length", 3048, 10000},
    {"m/s", "speed"},
    {"km/h", "speed", 1000, 3600},
    {"[kn_i]", "speed", 1852, 3600},
    {"W", "power"},
    {"mW", "power", 1, 1000},
    {"kW", "power", 1000},
    {"MW", "power", 1e6},
    {"J", "energy"},
    {"kJ", "energy", 1000},
    {"MJ", "energy", 1e6},
    {"Wh", "energy", 3600},
    {"kWh", "energy", 3.6e6},
    {"MWh", "energy", 3.6e9},
    {"1", "ratio"},
    {"%", "ratio", 1, 100},
    {"m3", "volume"},
    {"L", "volume", 1, 1000},
    {"mL", "volume", 1, 1e6},
    {"m3/h", "flow", 1, 3600},
    {"L/min", "flow", 1, 60000},
    {"L/s", "flow", 1, 1000},
    {"kg", "mass"},
    {"g", "mass", 1, 1000},
    {"mg", "mass", 1, 1e6},
    {"t", "mass", 1000},
    {"V", "voltage"},
    {"mV", "voltage", 1, 1000},
    {"kV", "voltage", 1000},
    {"A", "current"},
    {"mA", "current", 1, 1000},
    {"uA", "current", 1, 1e6},
    {"Hz", "frequency"},
    {"kHz", "frequency", 1000},
    {"MHz", "frequency", 1e6},
    {"/min", "frequency", 1, 60},
    {"s", "time"},
    {"ms", "time", 1, 1000},
    {"us", "time", 1, 1e6},
    {"min", "time", 60},
    {"h", "time", 3600},
    {"d", "time", 86400},
};

/// Null when the table has no such code.
constexpr const Unit* find_unit(std::string_view code) {
  for (const Unit& unit : kUnits) {
    if (unit.code == code) return &unit;
  }
  return nullptr;
}

/// "Cel, K, [degF]"; of every dimension when `dimension` is empty.
inline std::string unit_codes(std::string_view dimension) {
  std::string out;
  for (const Unit& unit : kUnits) {
    if (!dimension.empty() && unit.dimension != dimension) continue;
    if (!out.empty()) out += ", ";
    out += unit.code;
  }
  return out;
}
