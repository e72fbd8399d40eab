#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "hub/hub_service.h"
#include "sluice/v1/hub.grpc.pb.h"
#include "sluice/v1/uplink.grpc.pb.h"
#include "unit/hub/hub_samples.h"

// A real hub in this process, and real clients of it.

namespace sluice::hub {

/// A connection of its own: channels to one address would otherwise share theirs.
inline std::shared_ptr<grpc::Channel> connect(
    std::uint16_t port, const std::shared_ptr<grpc::ChannelCredentials>& credentials =
                            grpc::InsecureChannelCredentials()) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port), credentials, arguments);
}

class TestHub {
 public:
  explicit TestHub(HubServiceOptions options = {}) : options_(std::move(options)) {
    if (options_.listen.host.empty()) options_.listen.host = "127.0.0.1";
    start();
  }
  void start() {
    auto store = HubStore::open(path(), clock);
    ASSERT_TRUE(store.ok()) << store.status().to_string();
    store_ = std::move(*store);
    auto service = HubService::start(options_, *store_, clock);
    ASSERT_TRUE(service.ok()) << service.status().to_string();
    service_ = std::move(*service);
  }
  void stop() {
    service_.reset();
    store_.reset();
  }
  std::uint16_t port() const { return service_->port(); }
  std::string path() const { return dir_.file("hub.db"); }

  TestClock clock;

 private:
  TempDir dir_;
  HubServiceOptions options_;
  std::unique_ptr<HubStore> store_;
  std::unique_ptr<HubService> service_;
};

/// One node's stream, driven by hand.
class TestNode {
 public:
  explicit TestNode(std::uint16_t port) : TestNode(connect(port)) {}
  explicit TestNode(const std::shared_ptr<grpc::Channel>& channel, bool gzip = false)
      : stub_(v1::Uplink::NewStub(channel)) {
    if (gzip) context_.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    // Ends a test that waits for what never comes.
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    stream_ = stub_->Exchange(&context_);
  }

  bool send(const v1::UplinkRequest& request) { return stream_->Write(request); }
  bool send_hello(const std::string& instance = "i1", std::int64_t next_seq = 1'000,
                  const NodeKey& node = sample_node()) {
    v1::UplinkRequest request;
    v1::Hello& hello = *request.mutable_hello();
    hello.set_node(node.node);
    hello.set_epoch(node.epoch);
    hello.set_instance(instance);
    hello.set_version("0.1.0");
    hello.set_next_seq(next_seq);
    return send(request);
  }
  bool send_series(std::uint32_t count) {
    v1::UplinkRequest request;
    for (std::uint32_t id = 1; id <= count; ++id) {
      v1::SeriesDefinition& definition = *request.mutable_series()->add_definitions();
      const Series series = sample_series(id);
      definition.set_id(id);
      definition.set_measurement(series.measurement);
      definition.set_unit(series.unit);
      for (const auto& [name, value] : series.labels) (*definition.mutable_labels())[name] = value;
    }
    return send(request);
  }
  bool send_batch(std::uint64_t batch_no, std::int64_t seq, const std::string& block) {
    v1::UplinkRequest request;
    request.mutable_batch()->set_batch_no(batch_no);
    v1::SummaryRow& row = *request.mutable_batch()->add_rows();
    row.set_seq(seq);
    row.set_block(block);
    return send(request);
  }
  bool read(v1::UplinkResponse& response) { return stream_->Read(&response); }

  /// Hello and the series 1..10. The hub's highest sequence, or -1 when it refused.
  std::int64_t greet(const std::string& instance = "i1", std::int64_t next_seq = 1'000,
                     const NodeKey& node = sample_node()) {
    v1::UplinkResponse reply;
    if (!send_hello(instance, next_seq, node) || !read(reply) || !reply.has_hello()) return -1;
    send_series(10);
    return reply.hello().highest_seq();
  }
  /// The number in the next ack; 0 when the stream ended instead.
  std::uint64_t read_ack() {
    v1::UplinkResponse response;
    return read(response) ? response.ack().batch_no() : 0;
  }
  void cancel() { context_.TryCancel(); }
  /// Half-closes, reads to the end, and gives the status.
  grpc::Status finish() {
    stream_->WritesDone();
    return status();
  }
  /// Reads to the end the hub makes, and gives its status.
  grpc::Status status() {
    v1::UplinkResponse last;
    while (stream_->Read(&last)) {
    }
    refusal_ = last.refusal();
    return stream_->Finish();
  }
  /// After status(): empty when the hub's last message was none.
  const v1::Refusal& refusal() const { return refusal_; }

 private:
  std::unique_ptr<v1::Uplink::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::UplinkRequest, v1::UplinkResponse>> stream_;
  v1::Refusal refusal_;
};

inline v1::ListNodesResponse list_nodes(std::uint16_t port) {
  grpc::ClientContext context;
  v1::ListNodesResponse nodes;
  const auto stub = v1::HubQuery::NewStub(connect(port));
  const grpc::Status status = stub->ListNodes(&context, {}, &nodes);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return nodes;
}

}  // namespace sluice::hub
