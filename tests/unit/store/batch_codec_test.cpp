#include "store/batch_codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "unit/store/scratch.h"

namespace sluice::storage {
namespace {

std::string encoded(const ReadingBatch& batch) {
  ByteWriter out;
  encode_batch(out, batch);
  return out.take();
}

ReadingBatch decoded(const std::string& bytes) {
  ByteReader in(bytes);
  auto batch = decode_batch(in);
  EXPECT_TRUE(batch.ok()) << batch.status().to_string();
  EXPECT_TRUE(in.at_end());
  return batch.ok() ? *batch : ReadingBatch();
}

TEST(BatchCodec, GivesBackAnEmptyBatch) { EXPECT_EQ(decoded(encoded({})), ReadingBatch()); }

TEST(BatchCodec, GivesBackSpecialDoublesBitForBit) {
  ReadingBatch batch;
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const double values[] = {0.0,    -0.0,  kInf,   -kInf, std::nan("1"), -std::nan("2"),
                           5e-324, 1e308, -1e-15, 0.1,   0.1 + 0.2,     9007199254740993.0};
  for (const double v : values) {
    batch.append({7, 1, 0, Value::of(v), Quality::good});
    batch.append({7, 1, 0, Value::of(21.37), Quality::uncertain});
  }
  EXPECT_EQ(decoded(encoded(batch)), batch);
}

TEST(BatchCodec, GivesBackTheEndsOfEveryColumn) {
  ReadingBatch batch;
  for (const std::int64_t stamp : {INT64_MIN, INT64_MAX, std::int64_t{0}, INT64_MIN, INT64_MAX}) {
    batch.append({UINT32_MAX, UINT32_MAX, stamp, Value::of(INT64_MIN), Quality::bad});
    batch.append({0, 0, stamp, Value::of(UINT64_MAX), Quality::good});
    batch.append({0, 0, stamp, Value::of(INT64_MAX), Quality::good});
    batch.append({0, 0, stamp, Value::of(true), Quality::good});
  }
  EXPECT_EQ(decoded(encoded(batch)), batch);
}

TEST(BatchCodec, RoundTripsWhateverBitsTheColumnsHold) {
  const std::uint64_t seed = fresh_seed();
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    const ReadingBatch wild = wild_batch(random, random() % 200);
    ASSERT_EQ(decoded(encoded(wild)), wild) << "seed " << seed;
    const ReadingBatch sensors = sensor_batch(random, random() % 200);
    ASSERT_EQ(decoded(encoded(sensors)), sensors) << "seed " << seed;
  }
}

TEST(BatchCodec, KeepsSensorReadingsSmall) {
  std::mt19937_64 random(1);
  const std::size_t few_series = encoded(sensor_batch(random, 1000)).size();
  const std::size_t many_series = encoded(sensor_batch(random, 1000, 1000)).size();
  RecordProperty("bytes_per_1000_readings_of_10_series", static_cast<int>(few_series));
  RecordProperty("bytes_per_1000_readings_of_1000_series", static_cast<int>(many_series));
  EXPECT_LT(few_series, 4500u);
  EXPECT_LT(many_series, 8000u);
}

TEST(BatchCodec, RefusesEveryTruncation) {
  std::mt19937_64 random(2);
  const std::string whole = encoded(sensor_batch(random, 50));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string part = whole.substr(0, size);
    ByteReader in(part);
    EXPECT_FALSE(decode_batch(in).ok()) << size;
  }
}

TEST(BatchCodec, RefusesCountsAndRunsThatPromiseMoreThanThereIs) {
  ByteWriter rows;
  rows.u64(1ull << 40);
  rows.u8(2);
  ByteReader too_many(rows.bytes());
  EXPECT_EQ(decode_batch(too_many).status().code(), StatusCode::data_loss);

  ByteWriter runs;
  runs.u64(1);           // rows
  runs.i64(1);           // series
  runs.i64(1);           // topic …
  runs.u64(1ull << 50);  // … this many times
  for (int i = 0; i < 40; ++i) runs.u8(0);
  ByteReader too_long(runs.bytes());
  EXPECT_EQ(decode_batch(too_long).status().code(), StatusCode::data_loss);
}

}  // namespace
}  // namespace sluice::storage
