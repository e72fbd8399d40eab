#include "pipeline/civil_grid.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <random>
#include <string>

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kHour = 3'600 * kSecond;
constexpr std::int64_t kDay = 24 * kHour;

std::shared_ptr<const CivilGrid> grid(const std::string& zone, std::int64_t size_ns,
                                      std::int64_t offset_ns = 0) {
  auto created = CivilGrid::create(zone, size_ns, offset_ns);
  EXPECT_TRUE(created.ok()) << created.status().message();
  return created.ok() ? *created : nullptr;
}

std::int64_t utc(int year, int month, int day, int hour = 0, int minute = 0) {
  std::tm civil{};
  civil.tm_year = year - 1900;
  civil.tm_mon = month - 1;
  civil.tm_mday = day;
  civil.tm_hour = hour;
  civil.tm_min = minute;
  return std::int64_t{timegm(&civil)} * kSecond;
}

using Span = CivilGrid::Span;

TEST(CivilGrid, DaysHave23And25Hours) {
  const auto days = grid("Europe/Berlin", kDay);
  EXPECT_EQ(days->span_at(utc(2024, 3, 31, 12)),
            (Span{utc(2024, 3, 30, 23), utc(2024, 3, 31, 22)}));
  EXPECT_EQ(days->span_at(utc(2024, 10, 27, 12)),
            (Span{utc(2024, 10, 26, 22), utc(2024, 10, 27, 23)}));
  EXPECT_EQ(days->span_at(utc(2024, 1, 1)), (Span{utc(2023, 12, 31, 23), utc(2024, 1, 1, 23)}));
}

TEST(CivilGrid, AnHourThatComesTwiceIsTwoWindows) {
  const auto hours = grid("Europe/Berlin", kHour);
  EXPECT_EQ(hours->span_at(utc(2024, 10, 27, 0, 30)),
            (Span{utc(2024, 10, 27, 0), utc(2024, 10, 27, 1)}));
  EXPECT_EQ(hours->span_at(utc(2024, 10, 27, 1, 30)),
            (Span{utc(2024, 10, 27, 1), utc(2024, 10, 27, 2)}));
}

TEST(CivilGrid, ShiftsOfSixHoursAreLongerOrShorter) {
  const auto shifts = grid("Europe/Berlin", 6 * kHour);
  EXPECT_EQ(shifts->span_at(utc(2024, 10, 27, 0)),
            (Span{utc(2024, 10, 26, 22), utc(2024, 10, 27, 5)}));
  EXPECT_EQ(shifts->span_at(utc(2024, 3, 31, 0)),
            (Span{utc(2024, 3, 30, 23), utc(2024, 3, 31, 4)}));
}

TEST(CivilGrid, ADayWhoseMidnightIsSkippedBeginsWhenTheClockIsPutForward) {
  const auto days = grid("America/Sao_Paulo", kDay);  // 2018-11-04 00:00 -> 01:00
  EXPECT_EQ(days->span_at(utc(2018, 11, 4, 12)), (Span{utc(2018, 11, 4, 3), utc(2018, 11, 5, 2)}));
}

TEST(CivilGrid, ADayWhoseLastHourComesTwiceIsOneWindow) {
  const auto days = grid("America/Sao_Paulo", kDay);  // 2004-02-15 00:00 -> 2004-02-14 23:00
  EXPECT_EQ(days->span_at(utc(2004, 2, 14, 12)),
            (Span{utc(2004, 2, 14, 2), utc(2004, 2, 15, 3)}));
}

// The clock shows the window's first moment again, but the window has not been over.
TEST(CivilGrid, ADayWhoseFirstHourComesTwiceIsOneWindow) {
  const auto azores = grid("Atlantic/Azores", kDay);  // 2024-10-27 01:00 -> 00:00
  const Span day{utc(2024, 10, 27, 0), utc(2024, 10, 28, 1)};
  EXPECT_EQ(azores->span_at(utc(2024, 10, 27, 0, 30)), day);
  EXPECT_EQ(azores->span_at(utc(2024, 10, 27, 12)), day);
  const auto havana = grid("America/Havana", kDay);  // 2023-11-05 01:00 -> 00:00
  EXPECT_EQ(havana->span_at(utc(2023, 11, 5, 12)),
            (Span{utc(2023, 11, 5, 4), utc(2023, 11, 6, 5)}));
  const auto hours = grid("Atlantic/Azores", kHour);
  EXPECT_EQ(hours->span_at(utc(2024, 10, 27, 0, 30)),
            (Span{utc(2024, 10, 27, 0), utc(2024, 10, 27, 1)}));
  EXPECT_EQ(hours->span_at(utc(2024, 10, 27, 1, 30)),
            (Span{utc(2024, 10, 27, 1), utc(2024, 10, 27, 2)}));
}

TEST(CivilGrid, ATwoHourShiftInWhichAnHourComesTwiceHasThree) {
  const auto shifts = grid("Europe/Berlin", 2 * kHour);  // 03:00 -> 02:00
  const Span shift{utc(2024, 10, 27, 0), utc(2024, 10, 27, 3)};
  EXPECT_EQ(shifts->span_at(utc(2024, 10, 27, 0, 30)), shift);
  EXPECT_EQ(shifts->span_at(utc(2024, 10, 27, 2, 30)), shift);
}

TEST(CivilGrid, WeeksBeginWhereTheOffsetSays) {
  const auto weeks = grid("Europe/Berlin", 7 * kDay, 4 * kDay);  // 1970-01-01 was a Thursday
  EXPECT_EQ(weeks->span_at(utc(2024, 4, 3)), (Span{utc(2024, 3, 31, 22), utc(2024, 4, 7, 22)}));
}

TEST(CivilGrid, HalfHourZones) {
  const auto hours = grid("Asia/Kolkata", kHour);
  EXPECT_EQ(hours->span_at(utc(2024, 1, 1, 0, 45)),
            (Span{utc(2024, 1, 1, 0, 30), utc(2024, 1, 1, 1, 30)}));
  const auto lord_howe = grid("Australia/Lord_Howe", kDay);  // its summer time is half an hour
  const Span day = lord_howe->span_at(utc(2024, 4, 6, 20));
  EXPECT_EQ(day.end_ns - day.start_ns, 24 * kHour + kHour / 2);
}

TEST(CivilGrid, AZoneThatNobodyKnowsIsRefusedByName) {
  const auto none = CivilGrid::create("Europe/Atlantis", kDay, 0);
  ASSERT_FALSE(none.ok());
  EXPECT_NE(none.status().message().find("Europe/Atlantis"), std::string::npos);
}

// Whatever the zone, the size and the moment: windows follow each other without gap or overlap, and
// the wall clock, asked of the C library, shows the same window everywhere in one.
TEST(CivilGrid, CoverAllTimeOnce) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto any = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  };
  const char* zones[] = {"UTC",
                         "Europe/Berlin",
                         "America/New_York",
                         "Asia/Kolkata",
                         "America/Sao_Paulo",
                         "Australia/Lord_Howe",
                         "Africa/Casablanca",
                         "Pacific/Apia",
                         "Atlantic/Azores",
                         "America/Havana",
                         "Antarctica/Troll",
                         "America/St_Johns"};
  for (const char* zone : zones) {
    ASSERT_EQ(setenv("TZ", zone, 1), 0);
    tzset();
    const auto local_ns = [](std::int64_t time_ns) {
      const std::time_t seconds = time_ns / kSecond;
      std::tm civil{};
      localtime_r(&seconds, &civil);
      return time_ns + std::int64_t{civil.tm_gmtoff} * kSecond;
    };
    for (const std::int64_t size : {kHour / 4, kHour, 6 * kHour, 8 * kHour, kDay, 7 * kDay}) {
      const std::int64_t offset = any(0, 1) * any(0, size / kSecond - 1) * kSecond;
      const auto windows = grid(zone, size, offset);
      ASSERT_NE(windows, nullptr);
      for (int round = 0; round < 20; ++round) {
        Span span = windows->span_at(utc(1975, 1, 1) + any(0, 65 * 365) * kDay);
        for (int step = 0; step < 40; ++step) {
          const Span next = windows->span_at(span.end_ns);
          ASSERT_EQ(next.start_ns, span.end_ns) << zone << " " << size << " " << span.end_ns;
          ASSERT_GT(next.end_ns, next.start_ns);
          ASSERT_LE(next.end_ns - next.start_ns, size + 25 * kHour);
          ASSERT_EQ(grid(zone, size, offset)->span_at(next.end_ns - 1), next);
          const std::int64_t inside = next.start_ns + any(0, next.end_ns - next.start_ns - 1);
          EXPECT_EQ((local_ns(inside) - offset) / size, (local_ns(next.start_ns) - offset) / size)
              << zone << " " << size << " " << inside;
          span = next;
        }
      }
    }
  }
  ASSERT_EQ(unsetenv("TZ"), 0);
  tzset();
}

}  // namespace
}  // namespace sluice
