#include "sync/uplink.h"

#include <atomic>
#include <random>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "base/thread.h"
#include "sync/backoff.h"
#include "sync/uplink_stream.h"

namespace sluice {

class Uplink::Runner {
 public:
  Runner(UplinkOptions options, SummarySource& source, const SeriesTable& series,
         const Clock& clock, UplinkCallbacks callbacks)
      : options_(std::move(options)),
        callbacks_(std::move(callbacks)),
        clock_(clock),
        backoff_(options_.backoff_max, std::random_device{}()),
        context_{options_, callbacks_, source, series, clock, stats_} {}

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
  UplinkStats stats() const { return stats_.get(); }

 private:
  void run() {
    while (!stopping_) {
      StreamEnd end = exchange();
      if (stopping_) break;
      if (end.rewound) take_new_epoch(end.why);
      if (end.healthy) backoff_.reset();
      const std::chrono::milliseconds wait = backoff_.next();
      stats_.update([&end](UplinkStats& stats) {
        stats.connected = false;
        stats.last_error = end.why.to_string();
      });
      log::warn("sync", "no uplink",
                {{"error", end.why.to_string()}, {"retry_in_ms", wait.count()}});
      wait_out(wait);
    }
    stats_.update([](UplinkStats& stats) { stats.connected = false; });
  }

  StreamEnd exchange() {
    auto channel = make_channel({options_.hub, options_.tls, options_.gzip});
    if (!channel.ok()) return {channel.status()};
    return UplinkStream(context_, events_, stopping_, std::move(*channel), acked_seq_).run();
  }

  /// Rows keep their numbers, unless the new epoch counts from the start.
  void take_new_epoch(Status& why) {
    auto epoch = callbacks_.new_epoch();
    if (!epoch.ok()) {
      why = Status(epoch.status().code(), std::string(why.message()) + "; that failed: " +
                                              std::string(epoch.status().message()));
      return;
    }
    options_.identity.epoch = std::move(*epoch);
    if (callbacks_.next_seq() <= acked_seq_) acked_seq_ = 0;
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
  Backoff backoff_;             ///< this and the next: [sync]
  std::int64_t acked_seq_ = 0;  ///< rows up to it need not be sent again
  SessionContext context_;
  Thread thread_;
};

Uplink::Uplink(UplinkOptions options, SummarySource& source, const SeriesTable& series,
               const Clock& clock, UplinkCallbacks callbacks)
    : runner_(std::make_unique<Runner>(std::move(options), source, series, clock,
                                       std::move(callbacks))) {}
Uplink::~Uplink() = default;
void Uplink::start() { runner_->start(); }
void Uplink::stop() { runner_->stop(); }
void Uplink::poke() { runner_->poke(); }
UplinkStats Uplink::stats() const { return runner_->stats(); }

}  // namespace sluice
