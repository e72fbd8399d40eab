// Counter against the cases of Prometheus' own tests. `resets` and the reset rule are comparable as
// they are. `increase` and `rate` there extend what was measured to the ends of the range; ours do
// not, so those are compared with `extrapolated_increase`, and where the readings reach both ends
// with `increase` as well. `delta` extends, too, but has no counterpart of ours.
#include <gtest/gtest.h>

#include <cmath>

#include "aggregate/counter.h"
#include "unit/aggregate/promql_cases.h"
#include "unit/aggregate/real_series.h"

namespace sluice {
namespace {

Counter of(const PromqlCase& c) {
  Counter counter;
  for (const Stamped& r : c.readings) counter.add(r.time_ns, r.value);
  return counter;
}

double relative(double got, double expected) {
  return expected == 0 ? std::abs(got) : std::abs(got - expected) / std::abs(expected);
}

class Promql : public ::testing::Test {
 protected:
  std::vector<PromqlCase> cases(const std::vector<std::string>& functions) {
    auto all = read_promql_cases(data_path("promql-cases/functions.test"), functions);
    if (all.empty()) skip();
    return all;
  }
  static void skip() {
    GTEST_SKIP() << "no " << data_path("promql-cases/functions.test") << "; set SLUICE_TEST_DATA";
  }
};

TEST_F(Promql, ResetsAreCountedAlike) {
  const auto all = cases({"resets"});
  if (IsSkipped()) return;
  for (const PromqlCase& c : all) {
    EXPECT_EQ(static_cast<double>(of(c).resets()), c.expected)
        << c.series << " in " << c.readings.size() << " readings";
  }
  std::printf("oracle promql resets: %zu cases equal\n", all.size());
}

TEST_F(Promql, ExtrapolatedIncreaseAndRateAreEqual) {
  const auto all = cases({"increase", "rate"});
  if (IsSkipped()) return;
  double worst = 0;
  std::size_t exact = 0;
  for (const PromqlCase& c : all) {
    const Counter counter = of(c);
    const double range_s = static_cast<double>(c.range_ns) / 1e9;
    const double unit = c.function == "rate" ? range_s : 1;
    const double got = counter.extrapolated_increase(c.at_ns - c.range_ns, c.at_ns) / unit;
    EXPECT_LE(relative(got, c.expected), 1e-12) << c.function << " " << c.series;
    worst = std::max(worst, relative(got, c.expected));
    // What was measured is never more than what Prometheus makes of it.
    EXPECT_LE(counter.increase() / unit, c.expected * (1 + 1e-12));
    if (relative(counter.increase() / unit, c.expected) < 1e-12) ++exact;
  }
  std::printf(
      "oracle promql increase and rate: %zu cases, worst relative error %.1e; "
      "%zu of them equal without extrapolation\n",
      all.size(), worst, exact);
}

}  // namespace
}  // namespace sluice
