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
  /// A row of an ended epoch that the hub refuses for so long, because another node is live under
  /// that identity, is that node's to deliver.
  std::chrono::milliseconds live_elsewhere_after{3'600'000};
  std::string instance;  ///< random per process start
  std::string version;
};

/// What the uplink asks of the store, on its own thread.
struct UplinkCallbacks {
  /// The sequence number the store gives out next, from 1.
  std::function<std::int64_t()> next_seq;
  /// The hub holds rows of this epoch that are none of ours: the database was set back, or has a
  /// twin. Ends it, some time soon: SummarySource::identity() tells when. Repeats are harmless.
  std::function<void(const std::string& epoch, std::int64_t highest_seq)> end_epoch;
  /// The hub holds no row of the current epoch but ours; from here on rows of it are sent. May be
  /// empty.
  std::function<void()> confirm_epoch;
  /// The hub said what time it is, between these two moments of CLOCK_BOOTTIME. [sync]
  std::function<void(std::int64_t wall_ns, std::int64_t sent_ns, std::int64_t received_ns)>
      heard_time = {};
  /// Losses to report beside the rows; null: none. Outlives the uplink.
  GapSource* gaps = nullptr;
  /// Events, which go ahead of the rows; null: none. Outlives the uplink.
  EventSource* events = nullptr;
};

/// Since the process started.
struct UplinkStats {
  bool connected = false;        ///< the hub has answered our Hello on the stream now open
  std::uint64_t bytes_sent = 0;  ///< all but the greeting, before gzip, repeats included
  std::uint64_t rows_sent = 0;   ///< repeats included
  std::uint64_t rows_acked = 0;
  std::string last_error;  ///< why there is no connection; empty while connected
  /// The hub called what we send wrong, and nothing was acknowledged since: all behind it waits. A
  /// hub since 0.1.0 keeps a row that it cannot read instead.
  std::string refused;
  /// Acknowledged rows, of this node's name, that the hub keeps but cannot read, as it said last;
  /// its words for the newest one.
  std::uint64_t rows_unread = 0;
  std::string unread;
  /// Acknowledged rows were missing at the hub: in words, and since when (CLOCK_BOOTTIME); empty
  /// when that was more than a day ago.
  std::string missing_at_hub;
  std::int64_t missing_ns = 0;
};

/// Carries outbox rows to the hub (proto/sluice/v1/uplink.proto, DESIGN §9) and the hub's durable
/// acks back to the outbox.
///
/// The hub may be gone for days, may lose an ack or answer one twice: rows go out oldest first,
/// stay in the outbox until acknowledged, and go again with the same bytes on the next stream. A
/// stream speaks for one node and epoch, that of its rows (sync/uplink_turns.h). It defines each
/// series before its first use. Events and gaps have lanes of their own, ahead of the rows. Every
/// try dials anew and reads the TLS files anew.
///
/// Thread: owns "sl-sync", on which `source` and the callbacks are called. `source` and the
/// tables outlive it. Memory: one batch (256 KiB, or one larger row) beside what is on the wire.
class Uplink {
 public:
  Uplink(UplinkOptions options, SummarySource& source, const SeriesTable& series,
         const TopicTable& topics, const Clock& clock, UplinkCallbacks callbacks);
  ~Uplink();
  Uplink(const Uplink&) = delete;
  Uplink& operator=(const Uplink&) = delete;

  /// Once.
  void start();
  /// Cancels the stream and joins; unacknowledged rows stay in the outbox. Repeats are harmless.
  void stop();
  /// The outbox has new rows, or there are new events or gaps. Any thread, cheap, never blocks.
  void poke();
  /// Any thread.
  UplinkStats stats() const;

 private:
  class Runner;
  std::unique_ptr<Runner> runner_;
};

}  // namespace sluice
