#include "ctl/format.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace sluice::ctl {
namespace {

constexpr auto kInt64Min = std::numeric_limits<std::int64_t>::min();
constexpr auto kInt64Max = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kSecond = 1'000'000'000;

TEST(Format, GroupsDigitsByThree) {
  EXPECT_EQ(grouped(std::uint64_t{0}), "0");
  EXPECT_EQ(grouped(std::uint64_t{999}), "999");
  EXPECT_EQ(grouped(std::uint64_t{1000}), "1,000");
  EXPECT_EQ(grouped(std::uint64_t{1234567}), "1,234,567");
  EXPECT_EQ(grouped(std::numeric_limits<std::uint64_t>::max()), "18,446,744,073,709,551,615");
  EXPECT_EQ(grouped(std::int64_t{-1234}), "-1,234");
  EXPECT_EQ(grouped(std::int64_t{-999}), "-999");
  EXPECT_EQ(grouped(kInt64Min), "-9,223,372,036,854,775,808");
}

TEST(Format, WritesBytesInBinaryUnitsAndNeverTenHundredOfOne) {
  EXPECT_EQ(bytes_text(std::uint64_t{0}), "0 B");
  EXPECT_EQ(bytes_text(std::uint64_t{1023}), "1023 B");
  EXPECT_EQ(bytes_text(std::uint64_t{1024}), "1.0 KiB");
  EXPECT_EQ(bytes_text(std::uint64_t{1024 * 1024 - 1}), "1.0 MiB");
  EXPECT_EQ(bytes_text(std::uint64_t{19'083'264}), "18.2 MiB");
  EXPECT_EQ(bytes_text(std::numeric_limits<std::uint64_t>::max()), "16.0 EiB");
}

TEST(Format, WritesDurationsInTheirTwoLargestUnits) {
  EXPECT_EQ(duration_text(0), "0 s");
  EXPECT_EQ(duration_text(59.9), "59 s");
  EXPECT_EQ(duration_text(192), "3m 12s");
  EXPECT_EQ(duration_text(4 * 3600 + 180), "4h 03m");
  EXPECT_EQ(duration_text(2 * 86'400 + 7 * 3600), "2d 07h");
  EXPECT_EQ(duration_text(-5), "0 s");
  EXPECT_EQ(duration_text(1e300), "11574074d 01h");
}

TEST(Format, WritesValuesShortAndWithoutFalseDigits) {
  EXPECT_EQ(value_text(0), "0");
  EXPECT_EQ(value_text(-0.0), "0");
  EXPECT_EQ(value_text(21.5), "21.5");
  EXPECT_EQ(value_text(21.456789), "21.4568");
  EXPECT_EQ(value_text(-0.25), "-0.25");
  EXPECT_EQ(value_text(101325), "101325");
  EXPECT_EQ(value_text(1234567.8), "1234568");
  EXPECT_EQ(value_text(9.9999999), "10");
  EXPECT_EQ(value_text(1e-9), "1e-09");
  EXPECT_EQ(value_text(1.7976931348623157e308), "1.79769e+308");
  EXPECT_EQ(value_text(std::nan("")), "nan");
  EXPECT_EQ(value_text(-INFINITY), "-inf");
}

TEST(Format, WritesRates) {
  EXPECT_EQ(rate_text(0), "0.0");
  EXPECT_EQ(rate_text(12.34), "12.3");
  EXPECT_EQ(rate_text(6310.4), "6,310");
  EXPECT_EQ(rate_text(std::nan("")), "-");
  EXPECT_EQ(rate_text(-1), "-");
}

TEST(Format, WritesWindowLengthsInTheUnitThatHoldsThemWhole) {
  EXPECT_EQ(window_text(0, 10 * kSecond), "10 s");
  EXPECT_EQ(window_text(-kSecond, 59 * kSecond), "1 min");
  EXPECT_EQ(window_text(0, 90 * kSecond), "90 s");
  EXPECT_EQ(window_text(0, 7 * 86'400 * kSecond), "7 d");
  EXPECT_EQ(window_text(0, 250'000'000), "250 ms");
  EXPECT_EQ(window_text(0, 1), "1 ns");
  EXPECT_EQ(window_text(0, 0), "0 ns");
  EXPECT_EQ(window_text(kInt64Min, kInt64Max), "18,446,744,073,709,551,615 ns");
}

TEST(Format, WritesTimesInUtc) {
  EXPECT_EQ(utc_text(0), "1970-01-01 00:00:00Z");
  EXPECT_EQ(utc_text(1'714'564'800 * kSecond), "2024-05-01 12:00:00Z");
  EXPECT_EQ(utc_text(1'714'564'800 * kSecond + 250'000'000), "2024-05-01 12:00:00.250Z");
  EXPECT_EQ(utc_text(1'714'564'800 * kSecond + 1'000), "2024-05-01 12:00:00.000001Z");
  EXPECT_EQ(utc_text(-1), "1969-12-31 23:59:59.999999999Z");
  EXPECT_EQ(utc_text(kInt64Min), "1677-09-21 00:12:43.145224192Z");
  EXPECT_EQ(utc_text(kInt64Max), "2262-04-11 23:47:16.854775807Z");
}

TEST(Sparkline, RunsFromTheSmallestToTheLargest) {
  EXPECT_EQ(sparkline({}, true), "");
  EXPECT_EQ(sparkline({1, 2, 3, 4, 5, 6, 7, 8}, true), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(sparkline({3, 3, 3}, true), "▅▅▅");
  EXPECT_EQ(sparkline({0, std::nan(""), 1}, true), "▁ █");
  EXPECT_EQ(sparkline({0, 1}, false), "_#");
  EXPECT_EQ(sparkline({-1.7e308, 1.7e308}, true), "▁█");
}

TEST(ParseDuration, TakesAWholeNumberAndAUnit) {
  EXPECT_EQ(*parse_duration("500ms"), 500'000'000);
  EXPECT_EQ(*parse_duration("1s"), kSecond);
  EXPECT_EQ(*parse_duration("2m"), 120 * kSecond);
  EXPECT_EQ(*parse_duration("1h"), 3600 * kSecond);
  EXPECT_EQ(*parse_duration("365d"), 365 * 86'400 * kSecond);
  for (const char* bad : {"", "1", "s", "0s", "-1s", "1.5s", "1 s", "1w", "99999999999s", "8761h",
                          "366d", "1s\x1b"}) {
    const auto parsed = parse_duration(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(parsed.status().code(), StatusCode::invalid_argument);
    EXPECT_EQ(parsed.status().message().find('\x1b'), std::string_view::npos);
  }
}

TEST(ParseTime, TakesUtcTimesDatesAndNanoseconds) {
  EXPECT_EQ(*parse_time("2024-05-01T12:00:00Z"), 1'714'564'800 * kSecond);
  EXPECT_EQ(*parse_time("2024-05-01 12:00:00.25Z"), 1'714'564'800 * kSecond + 250'000'000);
  EXPECT_EQ(*parse_time("2024-05-01"), 1'714'521'600 * kSecond);
  EXPECT_EQ(*parse_time("1714564800000000000"), 1'714'564'800 * kSecond);
  EXPECT_EQ(*parse_time("-1"), -1);
  EXPECT_EQ(*parse_time("1969-12-31T23:59:59Z"), -kSecond);
}

TEST(ParseTime, RefusesWhatItWouldHaveToGuess) {
  for (const char* bad :
       {"", "now", "2024-05-01T12:00:00", "2024-05-01T12:00:00+02:00", "2024-13-01", "2024-02-30",
        "2024-05-01T24:00:00Z", "2024-05-01T12:60:00Z", "2024-05-01T12:00:00.Z", "2024-5-1",
        "2024-05-01T12:00:00.1234567891Z", "9999-01-01", "2024-05-01T12:00:00Zx",
        "99999999999999999999", "2024-05-01T"}) {
    EXPECT_FALSE(parse_time(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace sluice::ctl
