#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "sluice/v1/uplink.grpc.pb.h"
#include "sync/event_queue.h"
#include "sync/uplink_session.h"

namespace sluice {

/// How a stream went.
struct StreamEnd {
  Status why;            ///< ok: the stream has done what it was for
  bool rewound = false;  ///< the hub holds rows of its epoch that are none of ours
  std::int64_t cloud_highest_seq = 0;
  bool refused = false;  ///< the hub called what we sent wrong
  bool healthy = false;  ///< it carried an ack or held for a while: the next try may come soon
};

/// Carries one UplinkSession over one gRPC stream, from dialling to its end. [sync]
///
/// Everything happens in `run`, one event at a time; at most one read and one write are under way.
class UplinkStream {
 public:
  /// As UplinkSession; `events` and `stopping` outlive the stream too.
  UplinkStream(const SessionContext& context, EventQueue& events, const std::atomic<bool>& stopping,
               std::shared_ptr<grpc::Channel> channel, UplinkTurn turn, std::int64_t& acked_seq);

  /// Returns when the stream has ended and the library holds nothing of it.
  StreamEnd run();

 private:
  enum Operation : std::intptr_t { kStart = 1, kRead, kWrite, kFinish, kOperations };

  void* begin(Operation operation);
  bool under_way(Operation operation) const { return under_way_[operation]; }
  void on_operation(Operation operation, bool ok);
  void read();
  void write(const v1::UplinkRequest& message);
  void finish();
  /// Ends the stream for a reason of ours.
  void close(Status why);
  void pump();
  StreamEnd end() const;

  const SessionContext& context_;
  EventQueue& events_;
  const std::atomic<bool>& stopping_;
  grpc::ClientContext call_;
  std::unique_ptr<v1::Uplink::Stub> stub_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::UplinkRequest, v1::UplinkResponse>> stream_;
  std::array<bool, kOperations> under_way_{};
  v1::UplinkResponse response_;
  grpc::Status finish_;

  UplinkSession session_;
  bool closing_ = false;
  bool done_ = false;
  bool ended_ = false;
  Status why_;  ///< ours; when ok, `finish_` tells
};

}  // namespace sluice
