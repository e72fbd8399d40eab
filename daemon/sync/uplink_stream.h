#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>

#include "base/mutex.h"
#include "sluice/v1/uplink.grpc.pb.h"
#include "sync/batch_builder.h"
#include "sync/event_queue.h"
#include "sync/send_window.h"
#include "sync/uplink.h"

namespace sluice {

/// UplinkStats behind their mutex: [sync] writes, any thread reads.
class SharedStats {
 public:
  template <typename Change>
  void update(Change change) {
    MutexLock lock(mutex_);
    change(stats_);
  }
  UplinkStats get() const {
    MutexLock lock(mutex_);
    return stats_;
  }

 private:
  mutable Mutex mutex_;
  UplinkStats stats_ SLUICE_GUARDED_BY(mutex_);
};

/// What every stream works with; all of it outlives the stream.
struct StreamContext {
  UplinkOptions& options;
  UplinkCallbacks& callbacks;
  SummarySource& source;
  const SeriesTable& series;
  const Clock& clock;
  EventQueue& events;
  SharedStats& stats;
  std::atomic<bool>& stopping;
};

/// How a stream went.
struct StreamEnd {
  Status why;            ///< never ok
  bool rewound = false;  ///< the hub holds numbers that our store has not given out yet
  bool healthy = false;  ///< it carried an ack or held for a while: the next try may come soon
};

/// One stream from dialling to its end. [sync]
///
/// Everything happens in `run`, one event at a time; at most one read and one write are under way.
class UplinkStream {
 public:
  /// Rows up to `acked_seq` are acknowledged and not sent again; every ack raises it.
  UplinkStream(const StreamContext& context, std::shared_ptr<grpc::Channel> channel,
               std::int64_t& acked_seq);

  /// Returns when the stream has ended and the library holds nothing of it.
  StreamEnd run();

 private:
  enum Operation : std::intptr_t { kStart = 1, kRead, kWrite, kFinish, kOperations };
  enum class Phase : std::uint8_t { greeting, exchanging, closing };

  void* begin(Operation operation);
  bool under_way(Operation operation) const { return under_way_[operation]; }
  void on_operation(Operation operation, bool ok);
  void read();
  void write(const v1::UplinkRequest& message);
  void finish();
  /// Ends the stream for a reason of ours.
  void close(Status why);

  void on_response();
  void on_hello_reply(const v1::HelloReply& reply);
  /// Whether the hub's highest row is none of ours: the store was set back to an earlier day.
  Result<bool> is_rewound(const v1::HelloReply& reply) const;
  void on_ack(std::uint64_t batch_no);
  void on_time();
  /// Until something is due by itself.
  std::chrono::nanoseconds until_due() const;
  bool awaits_hub() const { return under_way(kWrite) || !window_.empty(); }

  void say_hello();
  /// Sends what is there and fits the window.
  void pump();
  bool fetch();
  StreamEnd end() const;

  const StreamContext& context_;
  std::int64_t& acked_seq_;
  grpc::ClientContext call_;
  std::unique_ptr<v1::Uplink::Stub> stub_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::UplinkRequest, v1::UplinkResponse>> stream_;
  std::array<bool, kOperations> under_way_{};
  v1::UplinkResponse response_;
  grpc::Status finish_;

  Phase phase_ = Phase::greeting;
  bool greeted_ = false;
  bool acked_ = false;
  bool rewound_ = false;
  bool ended_ = false;
  Status why_;  ///< ours; when ok, `finish_` tells
  std::int64_t hello_seq_ = 0;

  SendWindow window_;
  BatchBuilder batches_;
  std::deque<Outgoing> outgoing_;
  bool more_rows_ = true;  ///< the outbox may hold rows not read yet

  const std::int64_t begun_ns_;     ///< all three: CLOCK_BOOTTIME
  std::int64_t progress_ns_ = 0;    ///< last ack, or first write after a pause
  std::int64_t retry_read_ns_ = 0;  ///< the outbox could not be read: not before; 0: at once
};

}  // namespace sluice
