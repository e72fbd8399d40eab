#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "fault/chaos_proxy.h"
#include "fault/loop_disk.h"
#include "fault/rig.h"

namespace sluice::fault {
namespace {

namespace fs = std::filesystem;

/// One link without a health client, through a proxy, so that what leaves for the broker can be
/// told: acknowledgements and, every 5 s, a ping.
RigOptions one_link() {
  RigOptions options;
  options.health_prefix.clear();
  return options;
}

/// A daemon whose commits begin to fail and then succeed again.
class Trouble {
 public:
  Trouble(const char* name, std::uint64_t times, RigOptions options)
      : campaign(name, times), rig(campaign, std::move(options)) {}

  void start(const std::vector<std::string>& wrapper = {}) {
    ASSERT_NO_FATAL_FAILURE(rig.start());
    proxy = std::make_unique<ChaosProxy>(rig.mqtt_port, campaign.seed());
    rig.mqtt_port = proxy->port();
    ASSERT_NO_FATAL_FAILURE(rig.start_daemon(wrapper));
  }

  bool commits_fail() {
    return e2e::until(30, [this] { return !rig.site.status().store().last_error().empty(); });
  }

  /// Under load: an acknowledgement has at least four bytes, and a ping two every 5 s. What left
  /// before the first failure may still be on its way for a moment.
  void expect_nothing_acknowledged() {
    sleep_ms(300);
    const std::uint64_t before = proxy->bytes_to_target();
    const std::uint64_t stored = rig.site.status().messages_received();
    sleep_ms(1500);
    EXPECT_LT(proxy->bytes_to_target() - before, 4u) << "acknowledged while commits fail";
    const v1::Status status = rig.site.status();
    EXPECT_EQ(status.messages_received(), stored);
    EXPECT_FALSE(status.ready());
    EXPECT_GT(status.store().commit_failures(), 0u);
  }

  /// `fail` and `mend` the disk, campaign.n() times.
  template <typename Fail, typename Mend>
  void run(Fail fail, Mend mend) {
    for (std::uint64_t i = 1; i <= campaign.n(); ++i) {
      rig.publisher->resume();
      sleep_ms(campaign.random(100, 800));
      ASSERT_TRUE(fail());
      ASSERT_TRUE(commits_fail()) << "the trouble did not reach the store";
      expect_nothing_acknowledged();
      ASSERT_TRUE(mend());
      ASSERT_TRUE(rig.ready_within(60))
          << "ingest does not resume by itself: " << rig.site.status().ShortDebugString();
      ASSERT_NO_FATAL_FAILURE(rig.check(i));
      if (testing::Test::HasFailure()) return;
    }
  }

  Campaign campaign;
  Rig rig;
  std::unique_ptr<ChaosProxy> proxy;
};

/// A file system in memory, mounted at a folder. Needs root.
class TmpFs {
 public:
  TmpFs(const std::string& folder, int size_mib) : mount_point_(folder + "/tmpfs") {
    fs::create_directory(mount_point_);
    const std::string size = "size=" + std::to_string(size_mib) + "m";
    mounted_ = mount("tmpfs", mount_point_.c_str(), "tmpfs", 0, size.c_str()) == 0;
    if (!mounted_) refused_ = "cannot mount a tmpfs here: " + std::string(std::strerror(errno));
  }
  ~TmpFs() {
    if (mounted_) umount2(mount_point_.c_str(), MNT_DETACH);
  }
  TmpFs(const TmpFs&) = delete;
  TmpFs& operator=(const TmpFs&) = delete;

  const std::string& refused() const { return refused_; }
  const std::string& mount_point() const { return mount_point_; }
  /// Somebody else takes all the room that is left.
  bool fill() {
    std::ofstream file(mount_point_ + "/filler", std::ios::binary);
    const std::string chunk(4096, 'x');
    while (file.write(chunk.data(), static_cast<std::streamsize>(chunk.size())).flush()) {
    }
    return fs::space(mount_point_).available < chunk.size();
  }
  bool empty() { return fs::remove(mount_point_ + "/filler"); }
  bool set_read_only(bool read_only) {
    return mount(nullptr, mount_point_.c_str(), nullptr, MS_REMOUNT | (read_only ? MS_RDONLY : 0),
                 nullptr) == 0;
  }

 private:
  std::string mount_point_;
  std::string refused_;
  bool mounted_ = false;
};

TEST(Disk, AFullPartitionAcknowledgesNothingAndIngestResumesByItself) {
  e2e::Site folder;
  TmpFs disk(folder.dir(), 32);
  if (!disk.refused().empty()) GTEST_SKIP() << disk.refused();
  RigOptions options = one_link();
  options.storage_dir = disk.mount_point();
  Trouble trouble("disk_full", 1, options);
  ASSERT_NO_FATAL_FAILURE(trouble.start());
  trouble.run([&] { return disk.fill(); }, [&] { return disk.empty(); });
}

TEST(Disk, AFlashThatCannotSyncAcknowledgesNothingAndIngestResumesByItself) {
  Trouble trouble("disk_eio", 1, one_link());
  const std::string fail_file = trouble.rig.site.dir() + "/fail";
  ASSERT_NO_FATAL_FAILURE(
      trouble.start({"env", "LD_PRELOAD=" SLUICE_SLOW_SYNC, "SYNC_FAIL_FILE=" + fail_file,
                     "ASAN_OPTIONS=verify_asan_link_order=0"}));
  trouble.run([&] { return static_cast<bool>(std::ofstream(fail_file)); },
              [&] { return fs::remove(fail_file); });
}

// The broker lost its sessions while the disk fails: it has a new one since our CONNECT, our log
// has the filters of the old one, and no SUBSCRIBE may leave before the daemon is killed.
TEST(Disk, ASessionLostWhileTheFlashCannotSyncIsSubscribedAfterTheRestart) {
  e2e::SiteConfig settings;
  settings.pipelines = "[{name: p, windows: [{tumbling: 10s}]}]";
  std::string config = settings.yaml();
  e2e::replace_all(config, "      topics:",
                   "      version: \"3.1.1\"\n      retained: accept\n      broker_loss: off\n"
                   "      topics:");
  e2e::Site site;
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  const std::string fail_file = site.dir() + "/fail";
  site.spawn_daemon(config, {"env", "LD_PRELOAD=" SLUICE_SLOW_SYNC, "SYNC_FAIL_FILE=" + fail_file,
                             "ASAN_OPTIONS=verify_asan_link_order=0"});
  ASSERT_TRUE(e2e::until(30, [&] { return site.status().ready(); })) << site.log("daemon.log");
  const auto publish = [&](int from_s) {
    const std::string time = std::to_string(from_s);
    return site.replay(site.write("one.tsv", time + "\tplant/a\t{\"t\":" + time + ",\"v\":1}\n"),
                       0.1);
  };
  ASSERT_TRUE(publish(1000));
  ASSERT_TRUE(e2e::until(30, [&] { return site.status().messages_received() == 1; }));
  ASSERT_TRUE(std::ofstream(fail_file));
  site.broker.end(SIGKILL);
  fs::remove(site.dir() + "/mosquitto.db");
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_TRUE(e2e::until(60, [&] {
    const v1::Status status = site.status();
    return status.sources_size() == 1 && status.sources(0).connects() >= 2;
  })) << site.log("daemon.log");
  site.daemon.end(SIGKILL);
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(config));
  ASSERT_TRUE(publish(1001));
  EXPECT_TRUE(e2e::until(30, [&] { return site.ledger_count("messages", "decoded") == 2; }))
      << "connected and deaf: " << site.status().ShortDebugString();
}

// Windows of one reading each, in many pipelines and commits, so that what waits for the hub soon
// fills the smallest quota.
TEST(Disk, AFullQuotaWithTheHubAwayAcknowledgesNothingAndDrainsWhenItIsBack) {
  RigOptions options = one_link();
  options.quota = "8MiB";
  options.window_ms = 2;
  options.step_ms = 2;
  options.max_out_of_order_ms = 20;
  options.pipelines = 16;
  options.commit_interval = "5ms";
  options.per_second = 250;
  Trouble trouble("quota_full", 1, options);
  ASSERT_NO_FATAL_FAILURE(trouble.start());
  trouble.rig.site.hub.end(SIGTERM);
  trouble.rig.publisher->resume();
  ASSERT_TRUE(e2e::until(240, [&] {
    return trouble.rig.site.status().store().last_error().find("full") != std::string::npos;
  }));
  trouble.expect_nothing_acknowledged();
  trouble.rig.publisher->pause();
  ASSERT_NO_FATAL_FAILURE(trouble.rig.site.start_hub());
  ASSERT_TRUE(trouble.rig.ready_within(120)) << trouble.rig.site.status().ShortDebugString();
  ASSERT_NO_FATAL_FAILURE(trouble.rig.check(1));
}

// ext4 turns read-only upon an error. It comes back only with a repair, and so with a restart.
TEST(Disk, AFileSystemThatTurnsReadOnlyAcknowledgesNothing) {
  e2e::Site folder;
  LoopDisk disk(folder.dir(), 128);
  if (!disk.refused().empty()) GTEST_SKIP() << disk.refused();
  RigOptions options = one_link();
  options.storage_dir = disk.mount_point();
  Trouble trouble("disk_read_only", 1, options);
  ASSERT_NO_FATAL_FAILURE(trouble.start());
  trouble.run([&] { return disk.break_it(); },
              [&] {
                EXPECT_EQ(trouble.rig.site.daemon.end(SIGTERM), 0);
                const bool repaired = disk.repair();
                trouble.rig.site.spawn_daemon(trouble.rig.config());
                return repaired;
              });
}

// A partition that is read-only at boot: the daemon ends and says why, for its supervisor to try
// again; no message is lost meanwhile.
TEST(Disk, ADiskThatIsReadOnlyAtTheStartEndsTheDaemonUntilItIsWritable) {
  e2e::Site folder;
  TmpFs disk(folder.dir(), 32);
  if (!disk.refused().empty()) GTEST_SKIP() << disk.refused();
  RigOptions options = one_link();
  options.storage_dir = disk.mount_point();
  Trouble trouble("disk_read_only_at_start", 1, options);
  ASSERT_NO_FATAL_FAILURE(trouble.start());
  trouble.rig.publisher->resume();
  trouble.rig.site.daemon.end(SIGKILL);
  ASSERT_TRUE(disk.set_read_only(true)) << std::strerror(errno);
  trouble.rig.site.spawn_daemon(trouble.rig.config());
  EXPECT_EQ(trouble.rig.site.daemon.wait(), 1) << "a failure worth a restart";
  EXPECT_NE(trouble.rig.site.log("daemon.log").find("cannot start"), std::string::npos);
  ASSERT_TRUE(disk.set_read_only(false)) << std::strerror(errno);
  ASSERT_NO_FATAL_FAILURE(trouble.rig.start_daemon());
  ASSERT_NO_FATAL_FAILURE(trouble.rig.check(1));
}

}  // namespace
}  // namespace sluice::fault
