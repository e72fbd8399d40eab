#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "e2e/process.h"
#include "sluice/v1/admin.pb.h"
#include "sluice/v1/hub.pb.h"

namespace sluice::e2e {

/// One gateway with its broker and hub, all real, on loopback and in a folder of its own.
class Site {
 public:
  Site();
  ~Site();

  void start_broker();
  void start_hub();
  /// `config` is YAML with the demo's tokens @MQTT_PORT@, @HUB_PORT@, @STATE@, @PLUGINS@.
  /// Waits until the daemon answers; until it is ready when `ready`.
  void start_daemon(const std::string& config, bool ready = true);

  /// Publishes a recording with sluice-replay; true when the broker took all of it.
  bool replay(const std::string& recording_file, double seconds = 1);
  /// Waits until the daemon took `messages` (copies not counted) and the outbox is empty.
  bool drained(std::uint64_t messages);

  v1::Status status();
  v1::LedgerReport ledger();
  std::vector<v1::SummaryRecord> summaries();
  std::int64_t ledger_count(const std::string& ledger, const std::string& term,
                            const std::string& cause = "");

  const std::string& dir() const { return dir_; }
  std::string write(const std::string& name, const std::string& text);
  std::string log(const std::string& name) const;

  Process broker;
  Process hub;
  Process daemon;

 private:
  Output ctl(std::vector<std::string> arguments);
  std::string dir_;
  std::uint16_t mqtt_port_ = 0;
  std::uint16_t hub_port_ = 0;
};

std::string read_file(const std::string& path);

}  // namespace sluice::e2e
