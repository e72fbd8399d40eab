#include "sync/uplink.h"

#include <atomic>
#include <chrono>
#include <random>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "base/thread.h"
#include "sync/backoff.h"
#include "sync/uplink_stream.h"
#include "sync/uplink_turns.h"

namespace sluice {

class Uplink::Runner {
 public:
  Runner(UplinkOptions options, SummarySource& source, const SeriesTable& series,
         const TopicTable& topics, const Clock& clock, UplinkCallbacks callbacks)
      : options_(std::move(options)),
        callbacks_(std::move(callbacks)),
        clock_(clock),
        backoff_(options_.backoff_max, std::random_device{}()),
        context_{options_, callbacks_, source, series, topics, clock, stats_},
        turns_(context_) {}

  ~Runner() { stop(); }

  void start() {
    SLUICE_ASSERT(!thread_.joinable() && !stopping_);
    thread_ = Thread("sl-sync", [this] { run(); });
  }
  void stop() {
    stopping_ = true;
    events_.poke();
    if (thread_.joinable()) thread_.join();
  }
  void poke() { events_.poke(); }
  UplinkStats stats() const {
    constexpr std::chrono::nanoseconds kShown = std::chrono::hours(24);
    UplinkStats stats = stats_.get();
    if (clock_.boottime_ns() - stats.missing_ns > kShown.count()) stats.missing_at_hub.clear();
    return stats;
  }

 private:
  void run() {
    while (!stopping_) {
      const StreamEnd end = exchange();
      if (stopping_) break;
      if (end.healthy) backoff_.reset();
      if (end.why.ok()) continue;  // the next turn
      const std::chrono::milliseconds wait = backoff_.next();
      stats_.update([&end](UplinkStats& stats) {
        stats.connected = false;
        stats.last_error = end.why.to_string();
        if (end.refused) stats.refused = stats.last_error;
      });
      log::warn("sync", "no uplink",
                {{"error", end.why.to_string()}, {"retry_in_ms", wait.count()}});
      wait_out(wait);
    }
    stats_.update([](UplinkStats& stats) { stats.connected = false; });
  }

  StreamEnd exchange() {
    const auto turn = turns_.next();
    if (!turn.ok()) return {turn.status()};
    auto channel = make_channel({options_.hub, options_.tls, options_.gzip});
    if (!channel.ok()) return {channel.status()};
    StreamEnd end =
        UplinkStream(context_, events_, stopping_, std::move(*channel), *turn, turns_.acked_seq())
            .run();
    if (end.rewound) callbacks_.end_epoch(turn->identity.epoch, end.cloud_highest_seq);
    turns_.ended(*turn, end.why);
    return end;
  }

  void wait_out(std::chrono::nanoseconds time) {
    const std::int64_t until = clock_.boottime_ns() + time.count();
    while (!stopping_) {
      const std::int64_t left = until - clock_.boottime_ns();
      if (left <= 0) return;
      events_.wait(std::chrono::nanoseconds(left));
    }
  }

  UplinkOptions options_;
  UplinkCallbacks callbacks_;
  const Clock& clock_;
  SharedStats stats_;
  std::atomic<bool> stopping_{false};
  EventQueue events_;
  Backoff backoff_;  ///< [sync]
  SessionContext context_;
  UplinkTurns turns_;  ///< [sync]
  Thread thread_;
};

Uplink::Uplink(UplinkOptions options, SummarySource& source, const SeriesTable& series,
               const TopicTable& topics, const Clock& clock, UplinkCallbacks callbacks)
    : runner_(std::make_unique<Runner>(std::move(options), source, series, topics, clock,
                                       std::move(callbacks))) {}
Uplink::~Uplink() = default;
void Uplink::start() { runner_->start(); }
void Uplink::stop() { runner_->stop(); }
void Uplink::poke() { runner_->poke(); }
UplinkStats Uplink::stats() const { return runner_->stats(); }

}  // namespace sluice
