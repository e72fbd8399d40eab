#include "base/bytes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace sluice {
namespace {

TEST(Bytes, GivesBackWhatWasWritten) {
  ByteWriter w;
  constexpr std::uint64_t kUnsigned[] = {0, 1, 127, 128, 16383, 16384, UINT64_MAX};
  constexpr std::int64_t kSigned[] = {0, -1, 1, -64, 64, INT64_MIN, INT64_MAX};
  for (const auto v : kUnsigned) w.u64(v);
  for (const auto v : kSigned) w.i64(v);
  w.fixed64(0x0123456789ABCDEF);
  w.fixed48(0x0123456789ABCDEF);
  w.f64(-0.0);
  w.u8(255);
  w.string(std::string_view("a\0b", 3));
  w.string("");
  const std::string bytes = w.bytes();
  ByteReader r(bytes);
  for (const auto v : kUnsigned) EXPECT_EQ(r.u64(), v);
  for (const auto v : kSigned) EXPECT_EQ(r.i64(), v);
  EXPECT_EQ(r.fixed64(), 0x0123456789ABCDEFu);
  EXPECT_EQ(r.fixed48(), 0x456789ABCDEFu);
  EXPECT_TRUE(std::signbit(r.f64()));
  EXPECT_EQ(r.u8(), 255);
  EXPECT_EQ(r.string(), std::string_view("a\0b", 3));
  EXPECT_EQ(r.string(), "");
  EXPECT_TRUE(r.at_end());
}

TEST(Bytes, FailsForGoodAtTheFirstShortFieldAndReadsZerosFromThenOn) {
  ByteWriter w;
  w.u64(5);
  w.string("hello");
  const std::string whole = w.take();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ByteReader r(std::string_view(whole).substr(0, size));
    r.u64();
    r.string();
    EXPECT_FALSE(r.ok()) << size;
    EXPECT_FALSE(r.at_end());
    EXPECT_EQ(r.u64(), 0u);
    EXPECT_EQ(r.fixed64(), 0u);
    EXPECT_EQ(r.u8(), 0);
    EXPECT_EQ(r.string(), "");
    EXPECT_EQ(r.remaining(), 0u);
  }
}

TEST(Bytes, RefusesAVarintThatDoesNotFit64Bits) {
  ByteReader eleven(std::string_view("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11));
  eleven.u64();
  EXPECT_FALSE(eleven.ok());
  ByteReader high(std::string_view("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", 10));
  high.u64();
  EXPECT_FALSE(high.ok());
  ByteReader most(std::string_view("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10));
  EXPECT_EQ(most.u64(), UINT64_MAX);
}

TEST(Bytes, RefusesACountLargerThanTheBytesLeft) {
  ByteWriter w;
  w.u64(1'000'000'000);
  w.u8(0);
  const std::string bytes = w.take();
  ByteReader r(bytes);
  EXPECT_EQ(r.count(), 0u);
  EXPECT_FALSE(r.ok());
}

}  // namespace
}  // namespace sluice
