#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "e2e/process.h"
#include "sluice/v1/admin.pb.h"
#include "sluice/v1/hub.pb.h"

namespace sluice::e2e {

/// In what the configs of these tests differ; each value as YAML has it.
struct SiteConfig {
  std::string name = "gw";
  std::string machine_id = "gw-machine";
  std::string run_dir = "@STATE@";
  std::string state_dir = "@STATE@";
  std::string quota = "16MiB";
  std::string topic = "plant/{sensor}";
  std::string fields = "[{pointer: /v, measurement: v}]";
  std::string pipelines = "[{name: p, windows: [{tumbling: 10s}]}]";

  /// One source, "plant", whose payloads have their time in seconds at /t. Commits and retries are
  /// fast. Has the tokens that start_daemon() fills in.
  std::string yaml() const;
};

/// One gateway with its broker and hub, all real, on loopback and in a folder of its own.
class Site {
 public:
  Site();
  ~Site();

  /// With config/mosquitto.conf, and `broker_extra` after it, where @DIR@ stands for dir(). The
  /// port stays the same from the first start on, and so does the hub's.
  void start_broker();
  void start_hub();
  /// `config` is YAML with the demo's tokens @MQTT_PORT@, @HUB_PORT@, @STATE@, @PLUGINS@.
  /// Waits until the daemon is ready or, where it will not be, until all its sources have
  /// subscribed.
  void start_daemon(const std::string& config, bool ready = true);
  /// As start_daemon, without waiting. `wrapper` is a command that starts the daemon, e.g. env.
  void spawn_daemon(const std::string& config, const std::vector<std::string>& wrapper = {});

  /// `config` with its tokens filled in, for a second daemon beside `daemon`.
  std::string filled_in(const std::string& config) const;

  /// Publishes a recording with sluice-replay; true when the broker took all of it.
  bool replay(const std::string& recording_file, double seconds = 1);
  /// Waits until the daemon took `messages` (copies not counted) and the outbox is empty.
  bool drained(std::uint64_t messages);

  /// sluicectl with these arguments, for this daemon.
  Output ctl(std::vector<std::string> arguments);
  v1::Status status();
  v1::LedgerReport ledger();
  /// What the hub holds of windows that start in [from_ns, to_ns), where 0 is open; of one
  /// pipeline, or of all.
  std::vector<v1::SummaryRecord> summaries(std::int64_t from_ns = 0, std::int64_t to_ns = 0,
                                           const std::string& pipeline = "");
  std::vector<v1::GapRow> gaps();
  /// What the hub holds of events; `options` of `sluicectl hub events`.
  std::vector<v1::EventRow> events(const std::vector<std::string>& options = {});
  /// What the daemon remembers of them.
  std::vector<v1::RecentEvent> recent_events();
  std::vector<v1::LateReading> late();
  std::int64_t ledger_count(const std::string& ledger, const std::string& term,
                            const std::string& cause = "");

  const std::string& dir() const { return dir_; }
  std::uint16_t mqtt_port() const { return mqtt_port_; }
  std::uint16_t hub_port() const { return hub_port_; }
  std::string write(const std::string& name, const std::string& text);
  std::string log(const std::string& name) const;

  std::string broker_extra;
  std::vector<std::string> hub_extra;  ///< further arguments
  Process broker;
  Process hub;
  Process daemon;

 private:
  std::string dir_;
  std::uint16_t mqtt_port_ = 0;
  std::uint16_t hub_port_ = 0;
};

std::string read_file(const std::string& path);
/// A port that was free a moment ago; whoever uses it checks that it could bind.
std::uint16_t free_port();
void replace_all(std::string& text, const std::string& from, const std::string& to);

}  // namespace sluice::e2e
