#include <gtest/gtest.h>
#include <signal.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <thread>

#include "e2e/site.h"

namespace sluice::e2e {
namespace {

constexpr int kReadings = 3000;

/// The same plugin in the daemon's process and in one of its own.
std::string config(const std::string& plugins) {
  SiteConfig config;
  config.pipelines = R"(
  - name: here
    stages: [{plugin: swap, isolation: none}]
    windows: [{tumbling: 10s}]
  - name: apart
    stages: [{plugin: swap}]
    windows: [{tumbling: 10s}])";
  std::string yaml = config.yaml();
  replace_all(yaml, "@PLUGINS@", plugins);
  return yaml;
}

std::string recording(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i) {
    text += std::to_string(1'000 + i) + "\tplant/a\t{\"t\":" + std::to_string(10'000 + i) +
            ",\"v\":1}\n";
  }
  return text;
}

/// As an operator does: a file that is being written must not be seen.
void install(const std::string& version, const std::string& plugins) {
  const std::string next = plugins + "/.swap.so.new";
  std::filesystem::copy_file(E2E_PLUGIN_DIR "/swap_" + version + ".so", next);
  std::filesystem::rename(next, plugins + "/swap.so");
}

struct Sums {
  double count = 0;
  double sum = 0;
  double highest = 0;
};

std::map<std::string, Sums> at_hub(Site& site) {
  std::map<std::string, Sums> all;
  for (const char* pipeline : {"here", "apart"}) {
    for (const v1::SummaryRecord& record : site.summaries(0, 0, pipeline)) {
      Sums& sums = all[pipeline];
      sums.count += static_cast<double>(record.count());
      sums.sum += record.mean() * static_cast<double>(record.count());
      sums.highest = std::max(sums.highest, record.max());
    }
  }
  return all;
}

// Version 2 comes while readings flow: each is numbered once, in both pipelines, whichever version
// numbered it. Version 3 refuses the state and changes nothing. Then a kill -9; and version 3 once
// more, which begins anew because it may.
TEST(Reload, ReplacesAPluginWhileDataFlowsAndLosesNorDoublesAnything) {
  Site site;
  const std::string plugins = site.dir() + "/plugins";
  std::filesystem::create_directory(plugins);
  install("1", plugins);
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(config(plugins)));

  const std::string file = site.write("first.tsv", recording(0, kReadings));
  bool sent = false;
  std::thread flow([&] { sent = site.replay(file, 3); });
  std::this_thread::sleep_for(std::chrono::milliseconds(800));
  install("2", plugins);
  const Output reloaded = site.ctl({"plugins", "reload"});
  EXPECT_EQ(reloaded.exit_code, 0) << reloaded.text;
  flow.join();
  ASSERT_TRUE(sent);
  ASSERT_TRUE(site.drained(kReadings));
  const std::string maps = read_file("/proc/" + std::to_string(site.daemon.pid()) + "/maps");
  EXPECT_EQ(maps.find("swap.so (deleted)"), std::string::npos) << "version 1 is still in memory";

  install("3", plugins);
  const Output refused = site.ctl({"plugins", "reload"});
  EXPECT_EQ(refused.exit_code, 1) << refused.text;
  EXPECT_NE(refused.text.find("version 3 begins anew"), std::string::npos) << refused.text;
  install("2", plugins);
  site.daemon.end(SIGKILL);
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(config(plugins)));
  // The last one closes all windows before it, and stays open itself.
  ASSERT_TRUE(site.replay(site.write("rest.tsv", recording(kReadings, kReadings + 1) +
                                                     "9000\tplant/a\t{\"t\":99000,\"v\":1}\n"),
                          0.2));
  ASSERT_TRUE(site.drained(kReadings + 2));

  const double n = kReadings + 1;
  for (const auto& [pipeline, sums] : at_hub(site)) {
    EXPECT_EQ(sums.count, n) << pipeline;
    EXPECT_EQ(sums.highest, 1e6 + n) << pipeline << ": the state was lost";
    const double by_version_2 = std::round((sums.sum - n * (n + 1) / 2) / 1e6);
    EXPECT_NEAR(sums.sum, n * (n + 1) / 2 + 1e6 * by_version_2, 1e-3) << pipeline;
    EXPECT_GT(by_version_2, 1) << pipeline;
    EXPECT_LT(by_version_2, n) << pipeline << ": version 1 never ran";
  }

  install("3", plugins);
  const Output anew = site.ctl({"plugins", "reload", "--anew"});
  EXPECT_EQ(anew.exit_code, 0) << anew.text;
  EXPECT_NE(anew.text.find("\"began_anew\":\"a stage refuses"), std::string::npos) << anew.text;
  ASSERT_TRUE(site.replay(site.write("anew.tsv",
                                     "9001\tplant/a\t{\"t\":199000,\"v\":1}\n"
                                     "9002\tplant/a\t{\"t\":299000,\"v\":1}\n"),
                          0.2));
  ASSERT_TRUE(site.drained(kReadings + 4));
  for (const auto& [pipeline, sums] : at_hub(site)) {
    EXPECT_EQ(sums.count, n + 2) << pipeline;
    EXPECT_EQ(sums.highest, 2e6 + 1) << pipeline;
  }
  EXPECT_EQ(site.status().ledger_difference(), 0);
}

}  // namespace
}  // namespace sluice::e2e
