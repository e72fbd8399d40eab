#include "hub/uplink_service.h"

#include <grpcpp/grpcpp.h>

#include "base/log.h"
#include "hub/grpc_status.h"
#include "hub/uplink_messages.h"
#include "sluice/v1/uplink.grpc.pb.h"

namespace sluice::hub {
namespace {

using UplinkStream = grpc::ServerReaderWriter<v1::UplinkResponse, v1::UplinkRequest>;

// One stream from Hello to its end. Thread: the stream's own.
class Session {
 public:
  Session(GroupCommit& store, StreamRegistry::Stream& entry, const Clock& clock,
          UplinkStream& stream)
      : store_(store), entry_(entry), clock_(clock), stream_(stream) {}

  // Ok when the node ended the stream or went away; otherwise why the hub ends it.
  Status run() {
    v1::UplinkRequest request;
    if (!stream_.Read(&request)) return {};
    if (!request.has_hello()) return invalid_argument("the first message must be a Hello");
    if (Status s = greet(request.hello()); !s.ok()) return s;
    while (stream_.Read(&request)) {
      if (Status s = take(request); !s.ok()) return s;
      // A large message's buffers are not kept through the quiet time after it.
      request = v1::UplinkRequest();
    }
    return {};
  }

  const NodeKey& node() const { return node_; }

 private:
  Status greet(const v1::Hello& hello) {
    auto node = read_hello(hello);
    if (!node.ok()) return node.status();
    node_ = *node;
    if (Status s = entry_.greet(node_, hello.instance()); !s.ok()) return s;
    const Outcome outcome = store_.commit({node_, hello.version(), {}, {}});
    if (!outcome.status.ok()) return outcome.status;
    is_rewound_ = hello.next_seq() <= outcome.highest_seq;
    log::info("hub", "node connected",
              {{"node", node_.node},
               {"epoch", node_.epoch},
               {"version", hello.version()},
               {"highest_seq", outcome.highest_seq},
               {"next_seq", std::int64_t{hello.next_seq()}},
               {"clock_ahead_ms", (hello.wall_ns() / 1'000'000) - clock_.wall_ns() / 1'000'000}});
    v1::UplinkResponse response;
    response.mutable_hello()->set_highest_seq(outcome.highest_seq);
    if (outcome.highest_seq > 0) {
      response.mutable_hello()->set_highest_crc32c(outcome.highest_crc32c);
    }
    response.mutable_hello()->set_wall_ns(clock_.wall_ns());
    stream_.Write(response);  // a failed write ends the next Read
    return {};
  }

  Status take(v1::UplinkRequest& request) {
    switch (request.message_case()) {
      case v1::UplinkRequest::kSeries: return take_series(request.series());
      case v1::UplinkRequest::kBatch: return take_batch(*request.mutable_batch());
      case v1::UplinkRequest::kHello: return invalid_argument("a second Hello on one stream");
      case v1::UplinkRequest::MESSAGE_NOT_SET: break;
    }
    return invalid_argument("a message of a kind this hub does not know");
  }

  Status take_series(const v1::SeriesDefinitions& definitions) {
    auto series = read_series(definitions);
    if (!series.ok()) return series.status();
    return store_.commit({node_, std::nullopt, std::move(*series), {}}).status;
  }

  // Acks are cumulative: after a gap in the numbers they would speak for a batch never seen.
  Status take_batch(v1::SummaryBatch& batch) {
    if (batch.batch_no() != batch_no_ + 1) {
      return invalid_argument("batch_no is " + std::to_string(batch.batch_no()) + " where " +
                              std::to_string(batch_no_ + 1) + " comes next in this stream");
    }
    if (is_rewound_) {
      return failed_precondition(
          "the node's next_seq was at or below the hub's highest_seq, so its store was rewound; "
          "take a new epoch before sending");
    }
    auto rows = take_rows(batch);
    if (!rows.ok()) return rows.status();
    const Outcome outcome = store_.commit({node_, std::nullopt, {}, std::move(*rows)});
    if (!outcome.status.ok()) return outcome.status;
    batch_no_ = batch.batch_no();
    v1::UplinkResponse response;
    response.mutable_ack()->set_batch_no(batch_no_);
    stream_.Write(response);  // a failed write ends the next Read; the node sends the batch again
    return {};
  }

  GroupCommit& store_;
  StreamRegistry::Stream& entry_;
  const Clock& clock_;
  UplinkStream& stream_;
  NodeKey node_;
  std::uint64_t batch_no_ = 0;
  bool is_rewound_ = false;
};

class UplinkService final : public v1::Uplink::Service {
 public:
  UplinkService(GroupCommit& store, StreamRegistry& streams, const Clock& clock)
      : store_(store), streams_(streams), clock_(clock) {}

  grpc::Status Exchange(grpc::ServerContext* context, UplinkStream* stream) override {
    const std::string peer = context->peer();  // unknown once the connection is gone
    Status status;
    NodeKey node;
    if (auto entry = streams_.enter([context] { context->TryCancel(); }); entry.ok()) {
      Session session(store_, **entry, clock_, *stream);
      status = session.run();
      node = session.node();
    } else {
      status = entry.status();
    }
    if (status.ok()) {
      log::info("hub", "stream ended", {{"node", node.node}, {"peer", peer}});
    } else {
      log::warn("hub", "stream refused",
                {{"node", node.node}, {"peer", peer}, {"why", status.to_string()}});
    }
    return to_grpc(status);
  }

 private:
  GroupCommit& store_;
  StreamRegistry& streams_;
  const Clock& clock_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_uplink_service(GroupCommit& store, StreamRegistry& streams,
                                                   const Clock& clock) {
  return std::make_unique<UplinkService>(store, streams, clock);
}

}  // namespace sluice::hub
