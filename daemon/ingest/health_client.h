#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "ingest/fd.h"
#include "ingest/mqtt_options.h"
#include "ingest/paho_client.h"

namespace sluice {

/// Tells the broker's other clients whether this node is up: retained
/// `{"status":"up","time":…,"pid":…}` on `<prefix>/<node>/status/health`, and "down" from the last
/// will or at a clean stop.
///
/// A connection of its own, because a will and an immediate publish must not wait behind
/// acknowledgements that the gate holds back. It runs through a gate all the same, with nothing to
/// hold, so that no name lookup or dial happens under Paho's lock.
/// Thread: its own, [sl-health]; methods may be called from any.
class HealthClient {
 public:
  /// `options` have been checked and have a health_topic_prefix.
  HealthClient(SourceOptions options, const Clock& clock);
  ~HealthClient();

  void start();
  /// Publishes "down" where the broker is there, and joins.
  void stop();

 private:
  void run();
  Status run_connection();
  Status talk(PahoClient& client);
  PahoOptions paho_options(const std::string& proxy, const std::string& password) const;
  std::string payload(std::string_view status) const;

  const SourceOptions options_;
  const std::string topic_;
  const Clock& clock_;
  WakeFd stop_;
  std::atomic<bool> stopping_{false};

  Mutex mutex_;
  PahoClient* client_ SLUICE_GUARDED_BY(mutex_) = nullptr;

  Thread thread_;
};

}  // namespace sluice
