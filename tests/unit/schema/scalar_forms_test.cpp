#include "schema/scalar_forms.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace sluice::schema {
namespace {

TEST(WholeNumber, IsDigitsWithoutLeadingZeros) {
  EXPECT_EQ(parse_whole_number("0"), 0u);
  EXPECT_EQ(parse_whole_number("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  for (const char* text : {"", "00", "010", "-1", "+1", " 1", "1 ", "1.0", "0x1", "1e3", "1_0",
                           "18446744073709551616", "١"}) {
    EXPECT_FALSE(parse_whole_number(text)) << text;
  }
}

TEST(Duration, IsAWholeNumberAndOneUnit) {
  EXPECT_EQ(parse_duration_ns("0s"), 0);
  EXPECT_EQ(parse_duration_ns("1ns"), 1);
  EXPECT_EQ(parse_duration_ns("2us"), 2'000);
  EXPECT_EQ(parse_duration_ns("250ms"), 250'000'000);
  EXPECT_EQ(parse_duration_ns("5s"), 5'000'000'000);
  EXPECT_EQ(parse_duration_ns("10m"), 600'000'000'000);
  EXPECT_EQ(parse_duration_ns("1h"), 3'600'000'000'000);
  EXPECT_EQ(parse_duration_ns("365d"), 365ll * 86'400'000'000'000);
  EXPECT_EQ(parse_duration_ns("9223372036854775807ns"), std::numeric_limits<std::int64_t>::max());
  for (const char* text : {"", "s", "5", "5 s", "5S", "05s", "-5s", "1.5s", "1h30m", "5sec", "5w",
                           "9223372036854775808ns", "106752d", "99999999999999999999d"}) {
    EXPECT_FALSE(parse_duration_ns(text)) << text;
  }
}

TEST(Size, IsAWholeNumberOfBytesOrBinaryUnits) {
  EXPECT_EQ(parse_size_bytes("0"), 0u);
  EXPECT_EQ(parse_size_bytes("64"), 64u);
  EXPECT_EQ(parse_size_bytes("64KiB"), 65536u);
  EXPECT_EQ(parse_size_bytes("16MiB"), 16u << 20);
  EXPECT_EQ(parse_size_bytes("1GiB"), 1u << 30);
  EXPECT_EQ(parse_size_bytes("1TiB"), 1ull << 40);
  EXPECT_EQ(parse_size_bytes("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  for (const char* text : {"", "KiB", "64kib", "64KB", "64K", "64 KiB", "064", "1.5MiB", "-1",
                           "17179869184GiB", "16777216TiB"}) {
    EXPECT_FALSE(parse_size_bytes(text)) << text;
  }
}

TEST(Boolean, IsTrueOrFalseAndNothingElse) {
  EXPECT_EQ(parse_boolean("true"), true);
  EXPECT_EQ(parse_boolean("false"), false);
  for (const char* text : {"", "True", "yes", "on", "1", "0", "no", "false "}) {
    EXPECT_FALSE(parse_boolean(text)) << text;
  }
}

TEST(Name, IsShortAndSafeInPathsAndTopics) {
  EXPECT_TRUE(is_name("A-z_0.9"));
  EXPECT_TRUE(is_name(std::string(64, 'a')));
  for (const std::string& text : {std::string(), std::string(65, 'a'), std::string("a b"),
                                  std::string("a/b"), std::string("é"), std::string("a\n")}) {
    EXPECT_FALSE(is_name(text)) << text;
  }
  EXPECT_TRUE(is_identifier("_A9"));
  EXPECT_FALSE(is_identifier("9A"));
  EXPECT_FALSE(is_identifier(""));
}

TEST(Forms, ParseBackToTheSameValue) {
  EXPECT_EQ(format_duration_ns(90'000'000'000), "90s");
  EXPECT_EQ(format_duration_ns(0), "0s");
  EXPECT_EQ(format_size_bytes(0), "0");
  EXPECT_EQ(format_size_bytes(1536), "1536");
  EXPECT_EQ(format_size_bytes(256 << 10), "256KiB");
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t value = random() >> (random() % 64);
    EXPECT_EQ(parse_size_bytes(format_size_bytes(value)), value);
    const auto duration_ns = static_cast<std::int64_t>(value >> 1);
    EXPECT_EQ(parse_duration_ns(format_duration_ns(duration_ns)), duration_ns);
  }
}

}  // namespace
}  // namespace sluice::schema
