#pragma once

#include <memory>
#include <string>
#include <vector>

#include "e2e/site.h"
#include "fakes/test_certificates.h"
#include "fault/campaign.h"
#include "fault/history.h"
#include "fault/publisher.h"

namespace sluice::fault {

/// How the daemon is connected to the broker: one source of its config each.
struct Link {
  std::string name;  ///< of the source, and first level of its topics
  bool tls = false;
  std::string version = "5";
};

struct RigOptions {
  std::vector<Link> links = {{"plain5", false, "5"}};
  unsigned topics_per_link = 2;
  unsigned per_second = 1000;
  unsigned in_flight_max = 200;
  std::int64_t window_ms = 250;
  std::int64_t max_out_of_order_ms = 2000;
  std::int64_t step_ms = 1;
  unsigned pipelines = 1;  ///< all the same; more make more panes of a reading
  std::string commit_interval = "50ms";
  std::string quota = "64MiB";
  std::string health_prefix = "sluice";
  std::string node = "fault";
  std::string storage_dir;  ///< default: the site's own
};

/// A site under load, and the check that every campaign ends its rounds with.
class Rig {
 public:
  Rig(Campaign& campaign, RigOptions options);
  ~Rig();

  /// Starts broker, hub and publisher; the daemon is the test's to start.
  void start();
  /// Ports that the daemon dials; the real ones by default, a proxy's when set.
  std::uint16_t mqtt_port = 0;
  std::uint16_t mqtt_tls_port = 0;
  std::uint16_t hub_port = 0;
  std::string config() const;

  /// Starts the daemon and waits until it is ready; for at most a minute.
  void start_daemon(const std::vector<std::string>& wrapper = {});
  bool ready_within(int seconds);

  /// Everything is up: closes all windows and waits until the hub shows exactly the publisher's
  /// history since the last check. Then the ledgers must balance with nothing late or rejected.
  /// Prints the campaign's line.
  void check(std::uint64_t reached);
  /// compare() of the history since the last check, as far as windows have closed by `to_ms`.
  Comparison compare_now(std::int64_t to_ms);
  /// The check's end, for tests that judge the windows themselves.
  void expect_balanced();
  std::string figures(const Comparison& totals);

  e2e::Site site;
  std::unique_ptr<Publisher> publisher;
  const RigOptions options;

 private:
  Campaign& campaign_;
  std::vector<std::string> topics_;
  std::unique_ptr<TestCertificates> certificates_;
  std::int64_t checked_ms_ = 0;  ///< windows that start before are done with
  std::size_t checked_readings_ = 0;
  Comparison totals_;
};

}  // namespace sluice::fault
