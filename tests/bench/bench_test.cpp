#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "fault/rig.h"

namespace sluice::fault {
namespace {

double now_s() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// User and system time of a running process, µs, in steps of 10 ms.
double cpu_us(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(file, line);
  std::istringstream words(line.substr(line.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) words >> skipped;
  double user = 0;
  double system = 0;
  words >> user >> system;
  return 1e6 * (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::vector<std::string> slowed(const std::string& sync_us) {
  return {"env", "LD_PRELOAD=" SLUICE_SLOW_SYNC, "SYNC_US=" + sync_us};
}

RigOptions load(unsigned per_second) {
  RigOptions options;
  options.per_second = per_second;
  options.in_flight_max = 1000;
  options.window_ms = 1000;
  options.commit_interval = "250ms";  // the default
  return options;
}

struct Figures {
  double per_second = 0;
  double cpu_us_per_message = 0;
};

/// `messages` through broker and daemon. `sync_us` 0: without the shim.
Figures daemon_figures(unsigned per_second, std::uint64_t messages, int sync_us) {
  Campaign campaign("bench_daemon", messages);
  Rig rig(campaign, load(per_second));
  rig.start();
  rig.start_daemon(sync_us > 0 ? slowed(std::to_string(sync_us)) : std::vector<std::string>());
  const double cpu_before = cpu_us(rig.site.daemon.pid());
  const double began = now_s();
  EXPECT_TRUE(rig.publisher->send(messages));
  EXPECT_TRUE(e2e::until(60, [&] { return rig.site.status().messages_received() >= messages; }));
  const double took = now_s() - began;
  const double cpu = cpu_us(rig.site.daemon.pid()) - cpu_before;
  return {static_cast<double>(messages) / took, cpu / static_cast<double>(messages)};
}

Figures bare_figures(unsigned per_second, std::uint64_t messages) {
  Campaign campaign("bench_bare", messages);
  Rig rig(campaign, load(per_second));
  rig.start();
  const std::string log = rig.site.dir() + "/bare.log";
  e2e::Process bare(
      {std::string(SLUICE_BIN_DIR) + "/bare_subscriber",
       "tcp://127.0.0.1:" + std::to_string(rig.mqtt_port), "#", std::to_string(messages)},
      log);
  EXPECT_TRUE(e2e::until(10, [&] { return !e2e::read_file(log).empty(); }));
  const double began = now_s();
  EXPECT_TRUE(rig.publisher->send(messages));
  EXPECT_TRUE(e2e::until(60, [&] { return !bare.running(); }));
  const double took = now_s() - began;
  const std::string said = e2e::read_file(log);
  const std::string key = "cpu_us_per_message ";
  return {static_cast<double>(messages) / took,
          std::atof(said.c_str() + said.find(key) + key.size())};
}

void print(const char* name, const Figures& figures, const Figures& bare) {
  std::printf("bench ingest: %-34s %8.0f msg/s %7.1f us CPU/msg, %.2f x bare\n", name,
              figures.per_second, figures.cpu_us_per_message,
              figures.cpu_us_per_message / bare.cpu_us_per_message);
  std::fflush(stdout);
}

// Everything the daemon does for a QoS 1 message (gate, decode, window, commit) beside a subscriber
// that only counts, as fast as the broker goes and at a rate of 1,000/s.
TEST(Bench, Ingest) {
  const Figures bare = bare_figures(1'000'000, 100'000);
  print("bare Paho C++ subscriber", bare, bare);
  print("daemon", daemon_figures(1'000'000, 100'000, 0), bare);
  print("daemon, 8 ms fsync", daemon_figures(1'000'000, 100'000, 8000), bare);
  const Figures slow_bare = bare_figures(1000, 10'000);
  print("bare, offered 1,000/s", slow_bare, slow_bare);
  print("daemon, offered 1,000/s", daemon_figures(1000, 10'000, 0), slow_bare);
  print("daemon, 8 ms fsync, offered 1,000/s", daemon_figures(1000, 10'000, 8000), slow_bare);
}

// A flash of 1 s per sync takes about one window (1,000 messages) per second; five times that
// arrives for a minute. The backlog must be the broker's.
TEST(Bench, Overload) {
  Campaign campaign("bench_overload", 60);
  RigOptions options = load(5000);
  Rig rig(campaign, options);
  ASSERT_NO_FATAL_FAILURE(rig.start());
  ASSERT_NO_FATAL_FAILURE(rig.start_daemon(slowed("1000000")));
  rig.publisher->resume();
  for (std::uint64_t second = 0; second <= campaign.n(); second += 5) {
    const v1::Status status = rig.site.status();
    std::printf("bench overload: %3llu s, offered %8llu, stored %8llu, RSS %6.1f MiB\n",
                static_cast<unsigned long long>(second),
                static_cast<unsigned long long>(rig.publisher->acknowledged()),
                static_cast<unsigned long long>(status.messages_received()),
                static_cast<double>(status.rss_bytes()) / (1 << 20));
    std::fflush(stdout);
    sleep_ms(5000);
  }
}

// From exec to the connection over which the first message comes, after a kill with 50,000 readings
// behind the last clean stop, in a database of 512 MiB with 1,000 series.
TEST(Bench, Startup) {
  Campaign campaign("bench_startup", 512);
  RigOptions options = load(20'000);
  options.topics_per_link = 1000;
  options.quota = "1GiB";
  Rig rig(campaign, options);
  ASSERT_NO_FATAL_FAILURE(rig.start());
  rig.site.hub.end(SIGTERM);  // so that rows wait in the outbox
  ASSERT_NO_FATAL_FAILURE(rig.start_daemon());
  ASSERT_TRUE(rig.publisher->send(10'000));
  ASSERT_TRUE(e2e::until(60, [&] { return rig.site.status().messages_received() >= 10'000; }));
  rig.site.daemon.end(SIGTERM);
  const e2e::Output filled = e2e::run({std::string(SLUICE_BIN_DIR) + "/fill_store", rig.site.dir(),
                                       "1024", std::to_string(campaign.n())});
  ASSERT_EQ(filled.exit_code, 0) << filled.text;
  std::printf("bench startup: %s", filled.text.c_str());
  ASSERT_NO_FATAL_FAILURE(rig.start_daemon());
  ASSERT_TRUE(rig.publisher->send(50'000));
  ASSERT_TRUE(e2e::until(60, [&] { return rig.site.status().messages_received() >= 60'000; }));
  for (int i = 0; i < 5; ++i) {
    rig.site.daemon.end(SIGKILL);
    const std::size_t logged = rig.site.log("daemon.log").size();
    const double began = now_s();
    double recovered = 0;
    rig.site.spawn_daemon(rig.config());
    for (;;) {
      const std::string log = rig.site.log("daemon.log").substr(logged);
      if (recovered == 0 && log.find("state recovered") != std::string::npos) recovered = now_s();
      if (log.find("msg=connected source=") != std::string::npos) break;
      ASSERT_TRUE(rig.site.daemon.running() && now_s() < began + 60) << log;
      sleep_ms(2);
    }
    std::printf("bench startup: recovered %.0f ms, connected %.0f ms after exec\n",
                1000 * (recovered - began), 1000 * (now_s() - began));
    std::fflush(stdout);
  }
  ASSERT_TRUE(rig.ready_within(60));
}

/// From the arrival of a reading at the daemon to its event at the hub, ms, of those after
/// `number`.
std::vector<double> event_delays(e2e::Site& site, std::uint64_t& number) {
  std::vector<double> delays;
  std::uint64_t newest = number;
  for (const v1::EventRow& row : site.events()) {
    if (row.number() <= number) continue;
    delays.push_back(static_cast<double>(row.received_ns() - row.time_ns()) / 1e6);
    newest = std::max(newest, row.number());
  }
  number = newest;
  std::sort(delays.begin(), delays.end());
  return delays;
}

double quantile(const std::vector<double>& sorted, double q) {
  return sorted.empty() ? 0 : sorted[static_cast<std::size_t>(q * (sorted.size() - 1))];
}

// 2,000 readings a second for SLUICE_FAULT_N seconds without a plan, and for as long with one after
// the other: a reading in a hundred tells something, which has to be at the hub.
TEST(Bench, Plan) {
  Campaign campaign("bench_plan", 30);
  e2e::Site site;
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  e2e::SiteConfig config;
  config.quota = "256MiB";
  config.pipelines =
      "[{name: p, windows: [{tumbling: 1s}], "
      "stages: [{plugin: alert, config: {when: \"value > 1063000000\"}}]}]";
  std::string yaml = config.yaml();
  e2e::replace_all(yaml, "      time: /t\n      time_format: s\n", "");  // stamped by arrival
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(yaml));
  const std::string candidate = site.write("next.yaml", site.filled_in(yaml));
  Publisher publisher({site.mqtt_port(), {"plant/a", "plant/b"}, campaign.seed(), 2'000});
  publisher.resume();
  sleep_ms(5'000);
  std::uint64_t number = 0;
  event_delays(site, number);
  sleep_ms(static_cast<std::int64_t>(campaign.n()) * 1'000);
  const std::vector<double> without = event_delays(site, number);
  unsigned plans = 0;
  for (const double end = now_s() + static_cast<double>(campaign.n()); now_s() < end; ++plans) {
    const e2e::Output output = site.ctl({"config", "plan", candidate});
    ASSERT_EQ(output.exit_code, 0) << output.text;
  }
  const std::vector<double> with = event_delays(site, number);
  publisher.pause();
  std::printf(
      "bench plan: without p50 %.1f p99 %.1f ms (%zu), during %u plans p50 %.1f p99 %.1f ms "
      "(%zu): p99 %+.1f %%\n",
      quantile(without, 0.5), quantile(without, 0.99), without.size(), plans, quantile(with, 0.5),
      quantile(with, 0.99), with.size(),
      100 * (quantile(with, 0.99) / quantile(without, 0.99) - 1));
}

}  // namespace
}  // namespace sluice::fault
