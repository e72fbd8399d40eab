#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "ingest/event_ring.h"
#include "ingest/health_client.h"
#include "ingest/mqtt_options.h"
#include "ingest/mqtt_session.h"
#include "model/ports.h"

namespace sluice {

/// All brokers of a node as one stream of events in arrival order.
///
/// At QoS >= 1 a message is acknowledged to its broker only after `release` of its position; what
/// is never released is delivered again. Order of a clean end: `pause`, let the pipeline commit
/// and release what it took, `stop`.
/// Thread: `take` belongs to one consumer; everything else may be called from any thread.
class MqttSources final : public MessageSource {
 public:
  /// A source's index in `options` is its number in every AckPosition.
  MqttSources(std::vector<SourceOptions> options, const Clock& clock);
  ~MqttSources() override;

  /// What the broker may have subscribed in our session, as the log has it. Before `start`.
  void set_subscribed(std::size_t source, std::vector<TopicFilter> filters) {
    sessions_[source]->set_subscribed(std::move(filters));
  }
  /// Once. `invalid_argument` names the source and the option; nothing runs then. A broker that
  /// is not there is no error: it is tried for ever.
  Status start();
  void pause();
  void stop();

  std::size_t take(std::vector<IngestEvent>& out, std::size_t count_max,
                   std::chrono::milliseconds timeout) override;
  /// Positions of an earlier connection, and ticket 0, are ignored.
  void release(const AckPosition& position) override;

  std::size_t size() const { return sessions_.size(); }
  SourceStats stats(std::size_t source) const { return sessions_[source]->stats(); }
  std::uint64_t take_dropped_qos0(std::uint32_t source) override {
    return sessions_[source]->take_dropped_qos0();
  }
  /// Unreleased messages at which this source's broker waits for us: commit no later.
  std::uint32_t in_flight_window(std::size_t source) const {
    return sessions_[source]->options().in_flight_window();
  }
  /// Some source has reached its window: with an empty queue, only a commit brings more.
  bool window_full() const;
  /// Events that wait to be taken.
  std::size_t queue_depth() const { return ring_.size(); }

 private:
  EventRing ring_;
  std::vector<std::unique_ptr<MqttSession>> sessions_;
  std::vector<std::unique_ptr<HealthClient>> health_;
};

}  // namespace sluice
