#include "sync/backoff.h"

#include <gtest/gtest.h>

#include "fakes/sensor_panes.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, WaitsUpToADoublingBoundAndNeverAboveItsMaximum) {
  const std::uint64_t seed = fresh_seed();
  for (std::uint64_t i = 0; i < 1000; ++i) {
    Backoff backoff(milliseconds(1500), seed + i);
    for (const int bound_ms : {100, 200, 400, 800, 1500, 1500, 1500}) {
      const milliseconds wait = backoff.next();
      EXPECT_GE(wait, milliseconds(0));
      EXPECT_LE(wait, milliseconds(bound_ms));
    }
  }
}

// A fleet that lost its hub in one moment: no tenth of the wait holds much more than a tenth of it.
TEST(Backoff, SpreadsAFleetEvenlyOverTheWait) {
  const std::uint64_t seed = fresh_seed();
  int tenths[10] = {};
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    Backoff backoff(milliseconds(60'000), seed + i);
    for (int tries = 0; tries < 12; ++tries) backoff.next();
    ++tenths[std::min<std::int64_t>(9, backoff.next().count() / 6'000)];
  }
  for (const int gateways : tenths) {
    EXPECT_GT(gateways, 800);
    EXPECT_LT(gateways, 1'200);
  }
}

TEST(Backoff, BeginsAgainAfterAReset) {
  Backoff backoff(milliseconds(60'000), fresh_seed());
  for (int i = 0; i < 20; ++i) backoff.next();
  backoff.reset();
  EXPECT_LE(backoff.next(), Backoff::kFirst);
}

}  // namespace
}  // namespace sluice
