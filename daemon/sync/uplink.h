#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "model/identity.h"
#include "model/ports.h"
#include "model/series.h"
#include "sync/channel.h"

namespace sluice {

struct UplinkOptions {
  std::string hub;                ///< "host:port"
  std::optional<TlsOptions> tls;  ///< empty: plaintext
  bool gzip = true;
  std::chrono::milliseconds backoff_max{60'000};  ///< longest wait between two tries
  std::size_t unacked_bytes_max = 1 << 20;        ///< summary blocks on the wire; RAM is about that
  std::chrono::milliseconds hello_timeout{10'000};  ///< dialling and HelloReply
  /// No acknowledgement for so long while rows are under way: the stream is taken for dead.
  std::chrono::milliseconds ack_timeout{120'000};
  Identity identity;
  std::string instance;  ///< random per process start
  std::string version;
};

/// What the uplink asks of the store, on its own thread.
struct UplinkCallbacks {
  /// The sequence number the store gives out next, from 1.
  std::function<std::int64_t()> next_seq;
  /// The hub holds numbers the store has yet to give out: the store was rewound. Makes a new epoch
  /// durable and answers it; outbox rows then count as rows of that epoch.
  std::function<Result<std::string>()> new_epoch;
  /// Losses to report beside the rows; null: none. Outlives the uplink.
  GapSource* gaps = nullptr;
};

/// Since the process started.
struct UplinkStats {
  bool connected = false;        ///< the hub has answered our Hello on the stream now open
  std::uint64_t bytes_sent = 0;  ///< all but the greeting, before gzip, repeats included
  std::uint64_t rows_sent = 0;   ///< repeats included
  std::uint64_t rows_acked = 0;
  std::string last_error;  ///< why there is no connection; empty while connected
};

/// Carries outbox rows to the hub (proto/sluice/v1/uplink.proto, DESIGN §9) and the hub's durable
/// acks back to the outbox.
///
/// The hub may be gone for days, may lose an ack or answer one twice: rows go out oldest first,
/// stay in the outbox until acknowledged, and go again with the same bytes on the next stream. A
/// stream defines each series before its first use. Every try dials anew and reads the TLS files
/// anew.
///
/// Thread: owns "sl-sync", on which `source` and the callbacks are called. `source` and `series`
/// outlive it. Memory: one batch (256 KiB, or one larger row) beside what is on the wire.
class Uplink {
 public:
  Uplink(UplinkOptions options, SummarySource& source, const SeriesTable& series,
         const Clock& clock, UplinkCallbacks callbacks);
  ~Uplink();
  Uplink(const Uplink&) = delete;
  Uplink& operator=(const Uplink&) = delete;

  /// Once.
  void start();
  /// Cancels the stream and joins; unacknowledged rows stay in the outbox. Repeats are harmless.
  void stop();
  /// The outbox has new rows, or there are new gaps. Any thread, cheap, never blocks.
  void poke();
  /// Any thread.
  UplinkStats stats() const;

 private:
  class Runner;
  std::unique_ptr<Runner> runner_;
};

}  // namespace sluice
