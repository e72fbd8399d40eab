#include "ingest/event_time.h"

#include <gtest/gtest.h>

#include <ctime>
#include <limits>
#include <random>
#include <string>

namespace sluice {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

std::int64_t ns(const Result<std::int64_t>& time) {
  EXPECT_TRUE(time.ok()) << time.status().to_string();
  return time.ok() ? *time : -1;
}

std::string fault(const Result<std::int64_t>& time) {
  EXPECT_FALSE(time.ok()) << *time;
  return std::string(time.status().message());
}

std::int64_t rfc(std::string_view text) { return ns(event_time_from_rfc3339(text)); }

TEST(EventTime, KeepsIntegersExact) {
  EXPECT_EQ(ns(event_time_from_integer(std::int64_t{1700000000}, TimeFormat::s)),
            1700000000000000000);
  EXPECT_EQ(ns(event_time_from_integer(std::int64_t{1700000000123}, TimeFormat::ms)),
            1700000000123000000);
  EXPECT_EQ(ns(event_time_from_integer(std::int64_t{1700000000123456}, TimeFormat::us)),
            1700000000123456000);
  EXPECT_EQ(ns(event_time_from_integer(std::int64_t{1700000000123456789}, TimeFormat::ns)),
            1700000000123456789);
  EXPECT_EQ(ns(event_time_from_integer(std::int64_t{0}, TimeFormat::ns)), 0);
  EXPECT_EQ(ns(event_time_from_integer(kEventTimeMaxNs, TimeFormat::ns)), kEventTimeMaxNs);
  fault(event_time_from_integer(kEventTimeMaxNs + 1, TimeFormat::ns));
}

TEST(EventTime, RefusesIntegersOutside1970To2261) {
  EXPECT_EQ(ns(event_time_from_integer(std::int64_t{9191749636}, TimeFormat::s)),
            9191749636000000000);
  fault(event_time_from_integer(std::int64_t{9191749637}, TimeFormat::s));
  EXPECT_NE(fault(event_time_from_integer(std::int64_t{9223372037}, TimeFormat::s)).find("2261"),
            std::string::npos);
  EXPECT_NE(fault(event_time_from_integer(std::int64_t{-1}, TimeFormat::ns)).find("before 1970"),
            std::string::npos);
  fault(event_time_from_integer(std::numeric_limits<std::int64_t>::min(), TimeFormat::s));
  fault(event_time_from_integer(kMax, TimeFormat::us));
  fault(event_time_from_integer(static_cast<std::uint64_t>(kMax) + 1, TimeFormat::ns));
  fault(event_time_from_integer(std::numeric_limits<std::uint64_t>::max(), TimeFormat::s));
}

TEST(EventTime, RoundsDoublesToTheMicrosecond) {
  EXPECT_EQ(ns(event_time_from_double(1704067260.07, TimeFormat::s)), 1704067260070000000);
  EXPECT_EQ(ns(event_time_from_double(1704067260.000001, TimeFormat::s)), 1704067260000001000);
  EXPECT_EQ(ns(event_time_from_double(1700000000123.25, TimeFormat::ms)), 1700000000123250000);
  EXPECT_EQ(ns(event_time_from_double(1.7e18, TimeFormat::ns)), 1700000000000000000);
  EXPECT_EQ(ns(event_time_from_double(-1e-9, TimeFormat::s)), 0);
}

TEST(EventTime, RefusesDoublesOutsideWithoutOverflow) {
  fault(event_time_from_double(-0.001, TimeFormat::s));
  fault(event_time_from_double(1e300, TimeFormat::s));
  fault(event_time_from_double(std::numeric_limits<double>::infinity(), TimeFormat::ms));
  fault(event_time_from_double(std::numeric_limits<double>::quiet_NaN(), TimeFormat::ms));
  fault(event_time_from_double(9223372036854775807.0, TimeFormat::ns));
  fault(event_time_from_double(9223372036854776.0, TimeFormat::us));
  fault(event_time_from_double(9223372036854774.0, TimeFormat::us));
  EXPECT_EQ(ns(event_time_from_double(9191749636854774.0, TimeFormat::us)), 9191749636854774000);
  fault(event_time_from_double(9191749636854776.0, TimeFormat::us));
}

TEST(EventTime, ReadsDigitsExactlyToTheNanosecond) {
  EXPECT_EQ(ns(event_time_from_digits("1700000000.123456789", TimeFormat::s)), 1700000000123456789);
  EXPECT_EQ(ns(event_time_from_digits("1700000000.1234567899", TimeFormat::s)),
            1700000000123456789);
  EXPECT_EQ(ns(event_time_from_digits("1700000000123456789", TimeFormat::ns)), 1700000000123456789);
  EXPECT_EQ(ns(event_time_from_digits("1700000000123.5", TimeFormat::ms)), 1700000000123500000);
  EXPECT_EQ(ns(event_time_from_digits("000000000000000000000001", TimeFormat::s)), 1000000000);
  EXPECT_EQ(ns(event_time_from_digits("9191749636.854775807", TimeFormat::s)), kEventTimeMaxNs);
}

TEST(EventTime, RefusesWhatIsNotDigits) {
  for (const char* text : {"", ".", "1.", ".5", "-1", "+1", " 1", "1 ", "1e9", "1,5", "1.2.3",
                           "0x10", "NaN", "12:00"}) {
    EXPECT_NE(fault(event_time_from_digits(text, TimeFormat::s)).find("digits"), std::string::npos)
        << text;
  }
  for (const char* text : {"9191749636.854775808", "9223372036.854775808", "9223372037",
                           "99999999999999999999999999"}) {
    EXPECT_NE(fault(event_time_from_digits(text, TimeFormat::s)).find("2261"), std::string::npos)
        << text;
  }
  fault(event_time_from_digits(std::string(100000, '9'), TimeFormat::ns));
}

TEST(EventTime, ReadsRfc3339) {
  EXPECT_EQ(rfc("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(rfc("2024-02-10T07:15:31.120Z"), 1707549331120000000);
  EXPECT_EQ(rfc("2024-02-10t07:15:31.120z"), 1707549331120000000);
  EXPECT_EQ(rfc("2024-02-10T08:15:31.120+01:00"), 1707549331120000000);
  EXPECT_EQ(rfc("2024-02-10T01:45:31.12-05:30"), 1707549331120000000);
  EXPECT_EQ(rfc("2024-02-10T07:15:31.120-00:00"), 1707549331120000000);
  EXPECT_EQ(rfc("2024-02-10T07:15:31.123456789Z"), 1707549331123456789);
  EXPECT_EQ(rfc("1969-12-31T23:30:00-01:00"), 1800000000000);
  EXPECT_EQ(rfc("2261-04-10T23:47:16.854775807Z"), kEventTimeMaxNs);
}

TEST(EventTime, RefusesWhatRfc3339DoesNotAllow) {
  for (const char* text :
       {"", "2024-02-10", "2024-02-10T07:15:31", "2024-02-10 07:15:31Z", "2024-2-10T07:15:31Z",
        "2024-02-10T07:15Z", "2024-02-10T07:15:31.Z", "2024-02-10T07:15:31.1234567890Z",
        "2024-02-10T07:15:31,5Z", "2024-02-10T07:15:31+0100", "2024-02-10T07:15:31+01",
        "2024-02-10T07:15:31Z ", " 2024-02-10T07:15:31Z", "2024-02-10T07:15:31+24:00",
        "2024-02-10T07:15:31+01:60", "+2024-02-10T07:15:31Z", "2024-02-10T07:15:31ZZ",
        "12024-02-10T07:15:31Z", "20240210T071531Z"}) {
    EXPECT_NE(fault(event_time_from_rfc3339(text)).find("RFC 3339"), std::string::npos) << text;
  }
  for (const char* text :
       {"2024-00-10T00:00:00Z", "2024-13-10T00:00:00Z", "2024-01-00T00:00:00Z",
        "2023-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2024-04-31T00:00:00Z"}) {
    EXPECT_NE(fault(event_time_from_rfc3339(text)).find("day that does not exist"),
              std::string::npos)
        << text;
  }
  for (const char* text :
       {"2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z", "2024-01-01T00:00:61Z"}) {
    EXPECT_NE(fault(event_time_from_rfc3339(text)).find("time of day"), std::string::npos) << text;
  }
  EXPECT_EQ(rfc("2000-02-29T00:00:00Z"), 951782400000000000);
}

TEST(EventTime, RefusesDatesOutside1970To2261) {
  for (const char* text : {"1969-12-31T23:59:59Z", "1970-01-01T00:59:59+01:00",
                           "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z"}) {
    EXPECT_NE(fault(event_time_from_rfc3339(text)).find("before 1970"), std::string::npos) << text;
  }
  for (const char* text :
       {"2261-04-10T23:47:16.854775808Z", "2262-04-11T23:47:16.854775808Z", "2262-04-12T00:00:00Z",
        "9999-12-31T23:59:59Z", "9999-12-31T23:59:60Z"}) {
    EXPECT_NE(fault(event_time_from_rfc3339(text)).find("2261"), std::string::npos) << text;
  }
}

TEST(EventTime, KeepsALeapSecondInItsMinute) {
  EXPECT_EQ(rfc("2016-12-31T23:59:60Z"), 1483228799999999999);
  EXPECT_EQ(rfc("2016-12-31T23:59:60.500Z"), 1483228799999999999);
  EXPECT_EQ(rfc("2017-01-01T00:59:60+01:00"), 1483228799999999999);
  EXPECT_EQ(rfc("2024-02-29T23:59:60Z"), 1709251199999999999);
  for (const char* text :
       {"2016-12-31T23:59:60+01:00", "2016-12-30T23:59:60Z", "2016-12-31T22:59:60Z",
        "2016-12-31T23:58:60Z", "2024-02-28T23:59:60Z"}) {
    EXPECT_NE(fault(event_time_from_rfc3339(text)).find("second 60"), std::string::npos) << text;
  }
}

// The C library's calendar is the oracle.
TEST(EventTime, AgreesWithTheCalendarOfTheLibrary) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20000; ++i) {
    const auto s = static_cast<std::time_t>(random() % 9191749636u);
    std::tm parts{};
    ASSERT_NE(gmtime_r(&s, &parts), nullptr);
    char text[32];
    ASSERT_GT(std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts), 0u);
    EXPECT_EQ(rfc(text), s * 1'000'000'000) << text;
  }
}

}  // namespace
}  // namespace sluice
