#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "e2e/site.h"

namespace sluice::e2e {
namespace {

namespace fs = std::filesystem;

std::string config(const std::string& name = "gw", const std::string& run = "",
                   const std::string& data = "state", const std::string& topic = "plant") {
  SiteConfig config;
  config.name = name;
  config.machine_id = name + "-machine";
  config.run_dir = "@STATE@/" + run;
  config.state_dir = "@STATE@/" + data;
  config.topic = topic + "/{sensor}";
  config.pipelines =
      "[{name: p, windows: [{tumbling: 10s}], max_out_of_order: 30s, idle_timeout: 1d}]";
  return config.yaml();
}

/// What was published: per sensor and window its count and sum, and as a recording.
struct Published {
  std::map<std::pair<std::string, std::int64_t>, std::pair<std::uint64_t, double>> windows;
  std::uint64_t messages = 0;

  /// Every second of [from_s, to_s), of the two sensors of a topic.
  std::string add(std::int64_t from_s, std::int64_t to_s, double value,
                  const std::string& topic = "plant") {
    std::string text;
    for (std::int64_t t = from_s; t < to_s; ++t) {
      for (const std::string& sensor : {topic + "-a", topic + "-b"}) {
        text += line(t, topic, sensor, value);
        auto& window = windows[{sensor, t / 10 * 10}];
        ++window.first;
        window.second += value;
      }
    }
    return text;
  }
  /// Closes every window below, and counts in none that is looked at.
  std::string close_all(std::int64_t at_s, const std::string& topic = "plant") {
    return line(at_s, topic, topic + "-a", 0) + line(at_s, topic, topic + "-b", 0);
  }

 private:
  std::string line(std::int64_t t, const std::string& topic, const std::string& sensor,
                   double value) {
    ++messages;
    const std::string time = std::to_string(t);
    return time + "\t" + topic + "/" + sensor + "\t{\"t\":" + time +
           ",\"v\":" + std::to_string(value) + "}\n";
  }
};

struct Hub {
  std::map<std::pair<std::string, std::int64_t>, std::pair<std::uint64_t, double>> windows;
  std::set<std::string> epochs;
};

/// Every window below `end_s`, merged over nodes and epochs.
Hub merged(Site& site, std::int64_t end_s) {
  Hub hub;
  for (const v1::SummaryRecord& record : site.summaries()) {
    hub.epochs.insert(record.epoch());
    const std::int64_t start_s = record.start_ns() / 1'000'000'000;
    if (start_s >= end_s) continue;
    auto& window = hub.windows[{record.labels().at("sensor"), start_s}];
    window.first += record.count();
    window.second += record.sum();
  }
  return hub;
}

bool says_conflict(Site& site) {
  return site.log("hub.log").find("sent again with other content") != std::string::npos;
}

void publish(Site& site, const std::string& recording) {
  ASSERT_TRUE(site.replay(site.write("recording.tsv", recording), 0.2));
}

class EpochTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(site.start_broker());
    ASSERT_NO_FATAL_FAILURE(site.start_hub());
    ASSERT_NO_FATAL_FAILURE(site.start_daemon(config()));
  }
  std::string state() const { return site.dir() + "/state"; }
  std::string backup() const { return site.dir() + "/backup"; }

  /// Sends windows up to 1100, then closes some that stay in the outbox, and copies that state.
  void run_until_backup() {
    publish(site, sent.add(1000, 1100, 1));
    ASSERT_TRUE(until(30, [&] { return site.status().panes_acked() > 0; }));
    site.hub.end(SIGTERM);
    publish(site, sent.add(1100, 1155, 2));
    ASSERT_TRUE(until(30, [&] {
      const v1::Status now = site.status();
      return now.messages_received() == sent.messages && now.panes_outbox() > 0;
    }));
    site.daemon.end(SIGKILL);
    fs::copy(state(), backup(), fs::copy_options::recursive);
    at_backup = sent.messages;
  }
  /// The original's further life: everything is delivered, windows that the copy has open too.
  void live_on() {
    ASSERT_NO_FATAL_FAILURE(site.start_hub());
    ASSERT_NO_FATAL_FAILURE(site.start_daemon(config()));
    publish(site, sent.add(1155, 1200, 4) + sent.close_all(1400));
    ASSERT_TRUE(site.drained(sent.messages));
    site.daemon.end(SIGTERM);
  }
  /// The copy's life: readings of windows that the original delivered, and of new ones.
  void live_again(const std::string& with_config) {
    ASSERT_NO_FATAL_FAILURE(site.start_daemon(with_config));
    Published more;
    more.windows = sent.windows;
    publish(site, more.add(1158, 1230, 8) + more.close_all(1500));
    ASSERT_TRUE(site.drained(at_backup + more.messages));
    sent.windows = more.windows;
  }
  void expect_exact() {
    const Hub hub = merged(site, 1300);
    EXPECT_EQ(hub.windows, sent.windows);
    EXPECT_EQ(hub.epochs.size(), 2u);
    EXPECT_EQ(site.status().ledger_difference(), 0);
    EXPECT_FALSE(says_conflict(site)) << "one number or window with two contents";
  }

  Site site;
  Published sent;
  std::uint64_t at_backup = 0;
};

TEST_F(EpochTest, ARestoredBackupCountsNothingTwiceAndLosesNothing) {
  ASSERT_NO_FATAL_FAILURE(run_until_backup());
  ASSERT_NO_FATAL_FAILURE(live_on());
  fs::remove_all(state());
  fs::copy(backup(), state(), fs::copy_options::recursive);
  ASSERT_NO_FATAL_FAILURE(live_again(config()));
  expect_exact();
}

// The file is still the same to the file system, as on a disk that was set back as a whole: only
// the hub's answer tells, and messages come before it.
TEST_F(EpochTest, ADatabaseSetBackInPlaceCountsNothingTwiceAndLosesNothing) {
  ASSERT_NO_FATAL_FAILURE(run_until_backup());
  ASSERT_NO_FATAL_FAILURE(live_on());
  for (const auto& file : fs::directory_iterator(backup())) {
    std::ofstream(state() + "/" + file.path().filename().string(),
                  std::ios::binary | std::ios::trunc)
        << read_file(file.path().string());
  }
  site.hub.end(SIGTERM);
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(config()));
  Published more;
  more.windows = sent.windows;
  publish(site, more.add(1158, 1230, 8) + more.close_all(1500));
  ASSERT_TRUE(
      until(30, [&] { return site.status().messages_received() == at_backup + more.messages; }));
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_TRUE(site.drained(at_backup + more.messages));
  sent.windows = more.windows;
  expect_exact();
}

TEST_F(EpochTest, ARenamedNodeGoesOnUnderItsNewNameWithoutCountingTwice) {
  ASSERT_NO_FATAL_FAILURE(run_until_backup());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_NO_FATAL_FAILURE(live_again(config("renamed")));
  expect_exact();
}

// One image on two gateways that both run on. What they had in common waits at the clone as long as
// the original is connected, since it may be the original's to deliver.
TEST_F(EpochTest, AClonedImageBecomesANodeOfItsOwn) {
  ASSERT_NO_FATAL_FAILURE(run_until_backup());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(config()));
  ASSERT_TRUE(until(30, [&] { return site.status().uplink().connected(); }));
  const std::string yaml = site.filled_in(config("clone", "clone", "backup", "hall"));
  fs::create_directory(site.dir() + "/clone");
  const auto start_clone = [&] {
    return Process(
        {std::string(SLUICE_BIN_DIR) + "/sluiced", "--config", site.write("clone.yaml", yaml)},
        site.dir() + "/clone.log");
  };
  Process clone = start_clone();
  ASSERT_TRUE(until(30, [&] {
    return site.log("clone.log").find("already connected as another process") != std::string::npos;
  })) << site.log("clone.log");
  ASSERT_TRUE(until(30, [&] {  // else the broker has nobody to give its messages to
    return site.log("clone.log").find("room=ingest msg=connected") != std::string::npos;
  })) << site.log("clone.log");
  const std::string original = sent.add(1155, 1200, 4) + sent.close_all(1400);
  const std::uint64_t of_original = sent.messages;
  publish(site, original + sent.add(1150, 1220, 8, "hall") + sent.close_all(1500, "hall"));
  ASSERT_TRUE(site.drained(of_original));
  const auto windows_of_clone = [&] {
    std::uint64_t count = 0;
    for (const v1::SummaryRecord& record : site.summaries()) {
      if (record.node() == "clone" && record.start_ns() < 1'300'000'000'000) {
        count += record.count();
      }
    }
    return count;
  };
  ASSERT_TRUE(until(60, [&] { return windows_of_clone() == 140; })) << windows_of_clone();
  EXPECT_EQ(merged(site, 1300).windows, sent.windows) << "while both live";
  site.daemon.end(SIGTERM);
  clone.end(SIGTERM);
  clone = start_clone();  // now it is alone, and delivers what waited: nothing new
  ASSERT_TRUE(until(30, [&] {
    return site.log("hub.log").find("ended=true") != std::string::npos;
  })) << site.log("hub.log");
  site.daemon = std::move(clone);
  EXPECT_EQ(merged(site, 1300).windows, sent.windows);
  EXPECT_EQ(merged(site, 1300).epochs.size(), 2u);
}

TEST_F(EpochTest, ADeletedDatabaseBeginsANewEpochAndReplacesNothing) {
  publish(site, sent.add(1000, 1050, 1) + sent.close_all(1200));
  ASSERT_TRUE(site.drained(sent.messages));
  site.daemon.end(SIGTERM);
  fs::remove_all(state());
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(config()));
  Published more;
  more.windows = sent.windows;
  publish(site, more.add(1000, 1100, 2) + more.close_all(1300));
  ASSERT_TRUE(site.drained(more.messages));
  sent.windows = more.windows;
  const Hub hub = merged(site, 1150);
  EXPECT_EQ(hub.windows, sent.windows);
  EXPECT_EQ(hub.epochs.size(), 2u);
  EXPECT_EQ(site.status().ledger_difference(), 0);
  EXPECT_FALSE(says_conflict(site));
}

}  // namespace
}  // namespace sluice::e2e
