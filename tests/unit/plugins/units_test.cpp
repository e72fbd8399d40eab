#include "scale/units.hpp"

#include <cmath>
#include <set>

#include "rig.h"

namespace sluice {
namespace {

class Units : public Rig {};

// Values from the definitions of the units (SI brochure, NIST SP 811), not from our table.
TEST_F(Units, ConvertAsTheirDefinitionsSay) {
  struct Case {
    const char* from;
    const char* to;
    double in;
    double out;
  };
  const Case kCases[] = {
      {"Cel", "K", 0, 273.15},
      {"K", "Cel", 0, -273.15},
      {"[degF]", "Cel", 32, 0},
      {"[degF]", "Cel", 212, 100},
      {"Cel", "[degF]", -40, -40},
      {"K", "[degF]", 273.15, 32},
      {"bar", "[psi]", 1, 14.503773773},
      {"[psi]", "kPa", 1, 6.894757293168},
      {"mbar", "hPa", 1013.25, 1013.25},
      {"Pa", "bar", 101325, 1.01325},
      {"[in_i]", "mm", 1, 25.4},
      {"m", "[ft_i]", 0.3048, 1},
      {"km/h", "m/s", 36, 10},
      {"[kn_i]", "km/h", 1, 1.852},
      {"kWh", "MJ", 1, 3.6},
      {"Wh", "J", 1, 3600},
      {"%", "1", 50, 0.5},
      {"L", "m3", 1000, 1},
      {"m3/h", "L/min", 6, 100},
      {"t", "kg", 1.5, 1500},
      {"uA", "mA", 4000, 4},
      {"/min", "Hz", 3000, 50},
      {"d", "h", 1, 24},
      {"us", "ms", 250, 0.25},
  };
  for (const Case& c : kCases) {
    const std::string config = std::string("{\"from\":\"") + c.from + "\",\"to\":\"" + c.to + "\"}";
    const auto stage = make("scale", config);
    Reading in = at(0, c.in);
    in.series = table_.intern({"m", "", {}});
    const ReadingBatch one = batch({in});
    const auto out = passed(one, run(*stage, one));
    ASSERT_EQ(out.size(), 1u) << config;
    EXPECT_NEAR(out[0].value.as_double(), c.out, 1e-10 * std::max(1.0, std::abs(c.out))) << config;
  }
}

TEST_F(Units, AreEachInTheTableOnceWithAWayBack) {
  std::set<std::string_view> codes;
  for (const Unit& unit : kUnits) {
    EXPECT_TRUE(codes.insert(unit.code).second) << unit.code;
    EXPECT_GT(unit.numerator, 0) << unit.code;
    EXPECT_GT(unit.denominator, 0) << unit.code;
    EXPECT_EQ(find_unit(unit.code), &unit);
    const std::string others = unit_codes(unit.dimension);
    EXPECT_NE(others.find(unit.code), std::string::npos);
  }
  EXPECT_EQ(find_unit("parsec"), nullptr);
}

}  // namespace
}  // namespace sluice
