#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "e2e/site.h"

namespace sluice::e2e {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kHour = 3'600 * kSecond;
constexpr std::int64_t kBegin_s = 1'711'843'200;  // 2024-03-31T00:00Z, the day clocks are changed

std::string config() {
  SiteConfig config;
  config.pipelines = R"(
  - {name: visits, windows: [{session: {gap: 5s}}]}
  - {name: lots, windows: [{count: 10}]}
  - {name: before, windows: [{sliding: {size: 10s, every: 5s}}]}
  - {name: days, windows: [{tumbling: 1d, time_zone: Europe/Berlin}]}
  - {name: soon, windows: [{tumbling: 10s, early_every: 2s, empty: true}]})";
  return config.yaml();
}

/// Messages of the sensor at these seconds after the begin, value 1.
std::string recording(const std::vector<std::int64_t>& seconds) {
  std::string text;
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    text += std::to_string(1'000 + i) +
            "\tplant/a\t{\"t\":" + std::to_string(kBegin_s + seconds[i]) + ",\"v\":1}\n";
  }
  return text;
}

std::vector<std::int64_t> seconds(std::int64_t from, std::int64_t to) {
  std::vector<std::int64_t> all;
  for (std::int64_t s = from; s <= to; ++s) all.push_back(s);
  return all;
}

struct Window {
  std::int64_t first_s;  ///< of its readings, after the begin
  std::int64_t last_s;
  std::uint64_t count;
  friend bool operator==(const Window&, const Window&) = default;
};

void PrintTo(const Window& w, std::ostream* out) {
  *out << w.first_s << ".." << w.last_s << " (" << w.count << ")";
}

std::vector<Window> windows_of(Site& site, const std::string& pipeline) {
  std::vector<Window> windows;
  for (const v1::SummaryRecord& record : site.summaries(0, 0, pipeline)) {
    if (record.count() == 0 || record.quality() == v1::PANE_QUALITY_EARLY) continue;
    EXPECT_EQ(record.quality(), v1::PANE_QUALITY_COMPLETE);
    windows.push_back({record.first_time_ns() / kSecond - kBegin_s,
                       record.last_time_ns() / kSecond - kBegin_s, record.count()});
  }
  std::sort(windows.begin(), windows.end(),
            [](const Window& a, const Window& b) { return a.last_s < b.last_s; });
  return windows;
}

// Every kind of windows by config, over a kill: two visits, a kill -9, a third visit, a reading
// that comes late, and one so much later that all is closed.
TEST(Windows, OfEveryKindAreAtTheHubAsTheConfigSays) {
  Site site;
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(config()));
  std::vector<std::int64_t> visits = seconds(0, 9);
  const std::vector<std::int64_t> second = seconds(30, 44);
  visits.insert(visits.end(), second.begin(), second.end());
  ASSERT_TRUE(site.replay(site.write("first.tsv", recording(visits)), 0.2));
  ASSERT_TRUE(site.drained(25));
  site.daemon.end(SIGKILL);
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(config()));
  std::vector<std::int64_t> rest = seconds(100, 104);
  rest.insert(rest.end(), {3, 2 * 86'400});
  ASSERT_TRUE(site.replay(site.write("rest.tsv", recording(rest)), 0.2));
  ASSERT_TRUE(site.drained(32));

  EXPECT_EQ(windows_of(site, "visits"),
            (std::vector<Window>{{0, 9, 10}, {30, 44, 15}, {100, 104, 5}}));
  EXPECT_EQ(windows_of(site, "before"),
            (std::vector<Window>{
                {0, 4, 5}, {0, 9, 10}, {30, 34, 5}, {30, 39, 10}, {35, 44, 10}, {100, 104, 5}}));
  EXPECT_EQ(windows_of(site, "soon"),
            (std::vector<Window>{{0, 9, 10}, {30, 39, 10}, {40, 44, 5}, {100, 104, 5}}));
  const auto lots = site.summaries(0, 0, "lots");
  std::vector<std::uint64_t> ordinals;
  for (const v1::SummaryRecord& record : lots) {
    EXPECT_EQ(record.count(), 10u);
    ordinals.push_back(record.ordinal());
  }
  std::sort(ordinals.begin(), ordinals.end());
  EXPECT_EQ(ordinals, (std::vector<std::uint64_t>{1, 2, 3}));
  const auto days = site.summaries(0, 0, "days");
  ASSERT_EQ(days.size(), 1u);
  EXPECT_EQ(days[0].start_ns(), kBegin_s * kSecond - kHour);
  EXPECT_EQ(days[0].end_ns() - days[0].start_ns(), 23 * kHour);
  EXPECT_EQ(days[0].count(), 31u);
  std::uint64_t empty = 0;
  for (const v1::SummaryRecord& record : site.summaries(0, 0, "soon")) {
    empty += record.count() == 0 ? 1 : 0;
  }
  EXPECT_EQ(empty, 2u + 5u + 20u);

  std::map<std::string, std::int64_t> late;
  for (const v1::LateReading& reading : site.late()) {
    late[reading.pipeline()] = reading.event_time_ns() / kSecond - kBegin_s;
    EXPECT_EQ(reading.topic(), "plant/a");
    EXPECT_EQ(reading.behind_ns(), 101 * kSecond);
  }
  EXPECT_EQ(late, (std::map<std::string, std::int64_t>{{"visits", 3}, {"before", 3}, {"soon", 3}}));
  EXPECT_EQ(site.ledger_count("readings", "late"), 3);
  EXPECT_EQ(site.status().ledger_difference(), 0);
}

}  // namespace
}  // namespace sluice::e2e
