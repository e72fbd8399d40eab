#include <gtest/gtest.h>
#include <signal.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "e2e/site.h"

namespace sluice::e2e {
namespace {

constexpr int kReadings = 600;
constexpr std::int64_t kBegin_s = 36'000;
constexpr std::int64_t kSecond = 1'000'000'000;

double value_at(int i) { return i % 7 == 0 ? 20 + i % 11 : i % 5; }

std::string config(const std::string& plugins) {
  SiteConfig config;
  config.pipelines = R"(
  - name: p
    windows: [{tumbling: 1m, aggregates: {plugins: [{plugin: shape}]}}])";
  std::string yaml = config.yaml();
  replace_all(yaml, "@PLUGINS@", plugins);
  return yaml;
}

std::string recording(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i) {
    text += std::to_string(1'000 + i) + "\tplant/a\t{\"t\":" + std::to_string(kBegin_s + i) +
            ",\"v\":" + std::to_string(value_at(i)) + "}\n";
  }
  return text;
}

/// A file of its own each time, as an update brings it.
void install_shape(const std::string& plugins) {
  std::filesystem::copy_file(SLUICE_PLUGIN_DIR "/shape.so", plugins + "/.shape.so.new");
  std::filesystem::rename(plugins + "/.shape.so.new", plugins + "/shape.so");
}

/// Skewness and excess kurtosis of the readings [from, to), by the definition.
std::map<std::string, double> shape_of(int from, int to) {
  const double n = to - from;
  double mean = 0;
  for (int i = from; i < to; ++i) mean += value_at(i) / n;
  double m2 = 0;
  double m3 = 0;
  double m4 = 0;
  for (int i = from; i < to; ++i) {
    const double d = value_at(i) - mean;
    m2 += d * d / n;
    m3 += d * d * d / n;
    m4 += d * d * d * d / n;
  }
  return {{"skewness", m3 / std::pow(m2, 1.5)}, {"kurtosis", m4 / (m2 * m2) - 3}};
}

void expect_is(const v1::Aggregates& got, const std::map<std::string, double>& wanted) {
  ASSERT_EQ(got.plugins_size(), 1);
  EXPECT_EQ(got.plugins(0).plugin(), "shape");
  EXPECT_EQ(got.plugins(0).unknown(), "");
  ASSERT_EQ(got.plugins(0).values_size(), static_cast<int>(wanted.size()));
  for (const auto& value : got.plugins(0).values()) {
    EXPECT_NEAR(value.value(), wanted.at(value.name()), 1e-9) << value.name();
  }
}

Output query(Site& site) {
  return site.ctl({"hub", "query", "--hub", "127.0.0.1:" + std::to_string(site.hub_port()),
                   "--series", "v", "--every", "10m"});
}

// By a kill -9 and a plugin file that is replaced, each in the middle of a window. The hub shows
// each window without the plugin, and merges them with it.
TEST(Aggregates, OfAPluginReachTheHubAndMergeThere) {
  Site site;
  const std::string plugins = site.dir() + "/plugins";
  std::filesystem::create_directory(plugins);
  install_shape(plugins);
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(config(plugins)));
  ASSERT_TRUE(site.replay(site.write("1.tsv", recording(0, 200)), 0.5));
  ASSERT_TRUE(site.drained(200));
  site.daemon.end(SIGKILL);
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(config(plugins)));
  ASSERT_TRUE(site.replay(site.write("2.tsv", recording(200, 400)), 0.5));
  ASSERT_TRUE(site.drained(400));
  install_shape(plugins);
  const Output reloaded = site.ctl({"plugins", "reload"});
  ASSERT_EQ(reloaded.exit_code, 0) << reloaded.text;
  // The last reading closes all windows before its own.
  ASSERT_TRUE(site.replay(
      site.write("3.tsv", recording(400, kReadings) + "9000\tplant/a\t{\"t\":99000,\"v\":1}\n"),
      0.5));
  ASSERT_TRUE(site.drained(kReadings + 1));
  const std::string maps = read_file("/proc/" + std::to_string(site.daemon.pid()) + "/maps");
  EXPECT_EQ(maps.find("shape.so (deleted)"), std::string::npos) << "the old file is in memory";

  const auto windows = site.summaries(0, (kBegin_s + kReadings) * kSecond);
  ASSERT_EQ(windows.size(), 10u);
  for (const v1::SummaryRecord& window : windows) {
    const auto from = static_cast<int>(window.start_ns() / kSecond - kBegin_s);
    ASSERT_NO_FATAL_FAILURE(expect_is(window.aggregates(), shape_of(from, from + 60)));
  }

  const Output unmerged = query(site);
  EXPECT_NE(unmerged.text.find("the hub has no plugin that merges it"), std::string::npos)
      << unmerged.text;
  site.hub.end(SIGTERM);
  site.hub_extra = {"--plugins", plugins};
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  const Output merged = query(site);
  const auto wanted = shape_of(0, kReadings);
  const std::size_t at = merged.text.find("\"skewness\",\"value\":");
  ASSERT_NE(at, std::string::npos) << merged.text;
  EXPECT_NEAR(std::stod(merged.text.substr(at + 19)), wanted.at("skewness"), 1e-9) << merged.text;
  EXPECT_EQ(site.status().ledger_difference(), 0);
}

// Its crash would be the daemon's, so the operator says that it may.
TEST(Aggregates, OfAPluginThatIsNotOursRunOnlyWhereTheConfigSaysSo) {
  Site site;
  const std::string plugins = site.dir() + "/plugins";
  std::filesystem::create_directory(plugins);
  std::filesystem::copy_file(E2E_PLUGIN_DIR "/swap_1.so", plugins + "/swap.so");
  std::string yaml = config(plugins);
  replace_all(yaml, "plugin: shape", "plugin: swap");
  replace_all(yaml, "@MQTT_PORT@", "1883");  // nobody connects
  replace_all(yaml, "@HUB_PORT@", "50051");
  const auto check = [&](const std::string& text) {
    return run({"sh", "-c",
                SLUICE_BIN_DIR "/sluiced --check --config " +
                    site.write("check.yaml", site.filled_in(text)) + " 2>&1"})
        .text;
  };
  const std::string refused = check(yaml);
  EXPECT_NE(refused.find("windows[0].aggregates.plugins[0].plugin: "), std::string::npos)
      << refused;
  EXPECT_NE(refused.find("say isolation: none"), std::string::npos) << refused;
  replace_all(yaml, "plugin: swap", "plugin: swap, isolation: none");
  EXPECT_NE(check(yaml).find("supplies no aggregate"), std::string::npos) << check(yaml);
}

}  // namespace
}  // namespace sluice::e2e
