#include "aggregate/hyper_log_log.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "unit/aggregate/real_series.h"

namespace sluice {
namespace {

std::string bytes(const HyperLogLog& sketch) {
  ByteWriter writer;
  sketch.snapshot(writer);
  return writer.take();
}

std::string hex(const std::string& binary) {
  std::string out;
  for (const char c : binary) {
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

double relative_error(const HyperLogLog& sketch, double exact) {
  return std::abs(sketch.estimate() - exact) / exact;
}

TEST(HyperLogLog, IsZeroWhenEmptyAndTakesNoMemory) {
  const HyperLogLog sketch;
  EXPECT_EQ(sketch.estimate(), 0);
  EXPECT_EQ(sketch.state_bytes(), sizeof sketch);
}

TEST(HyperLogLog, CountsAFewExactlyAndRepeatsNotAtAll) {
  HyperLogLog sketch;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 500; ++i) EXPECT_TRUE(sketch.add(0, i));
  }
  EXPECT_TRUE(sketch.sparse());
  EXPECT_NEAR(sketch.estimate(), 500, 0.01);
}

TEST(HyperLogLog, TakesNeitherNanNorInfinitiesAndHasOneZero) {
  HyperLogLog sketch;
  EXPECT_FALSE(sketch.add(0, std::nan("")));
  EXPECT_FALSE(sketch.add(0, std::numeric_limits<double>::infinity()));
  EXPECT_EQ(sketch.estimate(), 0);
  EXPECT_TRUE(sketch.add(0, 0.0));
  EXPECT_TRUE(sketch.add(0, -0.0));
  EXPECT_NEAR(sketch.estimate(), 1, 1e-6);
}

TEST(HyperLogLog, KeepsNothingOfTheSetOnceItHasRegisters) {
  HyperLogLog sketch;
  for (int i = 0; i < 513; ++i) sketch.add(0, i);
  EXPECT_FALSE(sketch.sparse());
  EXPECT_EQ(sketch.state_bytes(), sizeof sketch + 4096);
  EXPECT_LT(bytes(sketch).size(), 2100u);
}

// Hashes are stored for years, so they must never change.
TEST(HyperLogLog, KeepsTheBytesItAlwaysHad) {
  HyperLogLog sketch(12);
  sketch.add(0, 21.5);
  sketch.add_key("pump/7");
  EXPECT_EQ(hex(bytes(sketch)), "010c028197ebe70dc0bbf931");
}

TEST(HyperLogLog, IsWithinThreeSigmaFromTenToAHundredThousandKeys) {
  for (const int precision : {4, 8, 10, 12, 14, 16}) {
    double squares = 0;
    int n = 0;
    for (int series = 0; series < 8; ++series) {
      HyperLogLog sketch(precision);
      int next = 10;
      for (int i = 1; i <= 100'000; ++i) {
        sketch.add_key("site-" + std::to_string(series) + "/device/" + std::to_string(i));
        if (i != next) continue;
        next *= 10;
        if (sketch.sparse()) {
          EXPECT_LT(relative_error(sketch, i), 1e-3);
          continue;
        }
        squares += relative_error(sketch, i) * relative_error(sketch, i);
        ++n;
        EXPECT_LT(relative_error(sketch, i), 4 * sketch.standard_error()) << precision << " " << i;
      }
    }
    const double rms = std::sqrt(squares / n);
    const double sigma = HyperLogLog(precision).standard_error();
    std::printf("p %d: rms %.4f of %d estimates, sigma %.4f\n", precision, rms, n, sigma);
    EXPECT_LT(rms, 1.5 * sigma);
  }
}

TEST(HyperLogLog, CountsConsecutiveNumbersWithinThreeSigma) {
  for (const double step : {1.0, 0.1, 0.001, 1e9}) {
    HyperLogLog sketch;
    for (int i = 0; i < 200'000; ++i) sketch.add(0, i * step);
    EXPECT_LT(relative_error(sketch, 200'000), 3 * sketch.standard_error()) << step;
  }
}

TEST(HyperLogLog, IsWithinThreeSigmaOnTheKeysOfRealRecordings) {
  if (!has_real_data()) GTEST_SKIP() << "no " << data_path("oracles") << "; set SLUICE_TEST_DATA";
  for (const char* file : {"cmapss/train_FD001.txt", "ett/ETTh1.csv", "skab/valve1/0.csv",
                           "uci-fan-accelerometer/config1.csv", "noaa-ndbc/44013.txt",
                           "uci-occupancy/datatraining.txt"}) {
    const auto keys = real_keys(file);
    ASSERT_GT(keys.size(), 500u) << file;
    for (const int precision : {10, 12, 14}) {
      HyperLogLog sketch(precision);
      for (const std::string& key : keys) sketch.add_key(key);
      const double error = relative_error(sketch, static_cast<double>(keys.size()));
      std::printf("%s: %zu keys, p %d: error %.4f = %.2f sigma\n", file, keys.size(), precision,
                  error, error / sketch.standard_error());
      EXPECT_LT(error, 3 * sketch.standard_error()) << file << " p " << precision;
    }
  }
}

TEST(HyperLogLog, MergesAtTheLowerPrecisionAsIfItHadAlwaysBeenThat) {
  for (const int count : {10, 200, 3000, 50'000}) {
    HyperLogLog coarse(9);
    HyperLogLog fine(14);
    HyperLogLog all(9);
    for (int i = 0; i < count; ++i) {
      (i % 2 == 0 ? coarse : fine).add(0, i);
      all.add(0, i);
    }
    HyperLogLog merged = fine;
    ASSERT_TRUE(merged.merge(coarse).ok());
    EXPECT_EQ(bytes(merged), bytes(all));
    ASSERT_TRUE(coarse.merge(fine).ok());
    EXPECT_EQ(bytes(coarse), bytes(all));
  }
}

TEST(HyperLogLog, DoesNotChangeWhenMergedWithItself) {
  for (const int count : {5, 5000}) {
    HyperLogLog sketch;
    for (int i = 0; i < count; ++i) sketch.add(0, i);
    const std::string before = bytes(sketch);
    ASSERT_TRUE(sketch.merge(sketch).ok());
    EXPECT_EQ(bytes(sketch), before);
  }
}

}  // namespace
}  // namespace sluice
