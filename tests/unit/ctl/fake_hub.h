#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>

#include "sluice/v1/hub.grpc.pb.h"

namespace sluice::ctl {

/// A hub on a loopback port with `rows` summaries, newest first, of all kinds of windows in turn;
/// for the fourth nothing came. Hands out at most `page_rows_max` at a time.
class FakeHub final : public v1::HubQuery::Service {
 public:
  explicit FakeHub(int rows, std::shared_ptr<grpc::ServerCredentials> credentials =
                                 grpc::InsecureServerCredentials()) {
    for (int i = 0; i < rows; ++i) {
      auto* s = all_.add_summaries();
      s->set_node("gw-1");
      s->set_pipeline("room");
      s->set_measurement("temperature");
      s->set_unit("Cel");
      (*s->mutable_labels())["device"] = i == 0 ? "\x1b[31m" : "3";
      s->set_start_ns(1'714'564'800'000'000'000 - i * 10'000'000'000LL);
      s->set_end_ns(s->start_ns() + 10'000'000'000);
      s->set_count(i == 3 ? 0 : static_cast<std::uint64_t>(i) + 1);
      s->set_kind(static_cast<v1::WindowKind>(i % 5 + 1));
      s->set_ordinal(s->kind() == v1::WINDOW_KIND_COUNT ? 1'234 : 0);
      s->set_first_time_ns(s->start_ns());
      s->set_last_time_ns(s->end_ns());
      s->set_quality(v1::PANE_QUALITY_COMPLETE);
      s->set_spec_hash(7);
      s->set_time_quality(v1::TIME_QUALITY_STAMPED);
      if (i == 1) {
        s->set_time_quality(v1::TIME_QUALITY_CORRECTED);
        s->set_time_error_ns(250'000'000);
      } else if (i == 2) {
        s->set_time_quality(v1::TIME_QUALITY_UNSYNCED);
        s->set_boot_id("0123456789abcdef");
        s->set_start_ns(120'000'000'000);
        s->set_end_ns(130'000'000'000);
      }
    }
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", std::move(credentials), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeHub() override { server_->Shutdown(); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  grpc::Status ListNodes(grpc::ServerContext*, const v1::ListNodesRequest*,
                         v1::ListNodesResponse* response) override {
    auto* node = response->add_nodes();
    node->set_node("gw-1");
    node->set_epoch("00112233445566778899aabbccddeeff");
    node->set_connected(true);
    node->set_last_seen_ns(1'714'564'800'000'000'000);
    node->set_panes(1'234'567);
    return grpc::Status::OK;
  }

  grpc::Status ListSummaries(grpc::ServerContext*, const v1::ListSummariesRequest* request,
                             v1::ListSummariesResponse* response) override {
    ++calls;
    last_from_ns = request->from_ns();
    last_to_ns = request->to_ns();
    if (request->node() == "forbidden") {
      return {grpc::StatusCode::PERMISSION_DENIED, "not for you\x1b"};
    }
    int at = request->page_token().empty() ? 0 : std::stoi(request->page_token());
    if (repeat_token && at > 0) at = 0;
    const int end = std::min({all_.summaries_size(), at + static_cast<int>(request->limit()),
                              at + page_rows_max.load()});
    for (; at < end; ++at) *response->add_summaries() = all_.summaries(at);
    if (at < all_.summaries_size()) response->set_next_page_token(std::to_string(at));
    return grpc::Status::OK;
  }

  grpc::Status ListUnread(grpc::ServerContext*, const v1::ListUnreadRequest* request,
                          v1::ListUnreadResponse* response) override {
    if (request->node() != "gw-1") return grpc::Status::OK;
    auto* row = response->add_unread();
    row->set_node("gw-1");
    row->set_epoch("00112233445566778899aabbccddeeff");
    row->set_seq(4'711);
    row->set_received_ns(1'714'564'800'000'000'000);
    row->set_text("not a block\x1b");
    row->set_bytes(11);
    return grpc::Status::OK;
  }

  /// One event a call, two in all: the second for who follows. Who goes on is turned away.
  grpc::Status ListEvents(grpc::ServerContext*, const v1::ListEventsRequest* request,
                          v1::ListEventsResponse* response) override {
    ++calls;
    last_from_ns = request->from_ns();
    if (request->after_number() > 1) return {grpc::StatusCode::UNAVAILABLE, "enough"};
    if (request->severity_min() == v1::EVENT_SEVERITY_FATAL) return grpc::Status::OK;
    auto* row = response->add_events();
    row->set_number(request->after_number() + 1);
    row->set_node("gw-1");
    row->set_time_ns(1'714'564'800'000'000'000);
    row->set_time_quality(v1::TIME_QUALITY_STAMPED);
    row->set_measurement("temperature");
    row->set_unit("Cel");
    auto* event = row->mutable_event();
    event->set_pipeline("room");
    event->set_stage("alert");
    event->set_name("too_hot");
    event->set_severity(v1::EVENT_SEVERITY_WARN);
    event->set_phase(row->number() == 1 ? v1::EVENT_PHASE_BEGIN : v1::EVENT_PHASE_END);
    event->set_message("It is hot.\x1b");
    event->add_attributes()->set_key("limit");
    event->mutable_attributes(0)->set_value("80");
    return grpc::Status::OK;
  }

  /// One row that says what was asked.
  grpc::Status MergeSummaries(grpc::ServerContext*, const v1::MergeSummariesRequest* request,
                              v1::MergeSummariesResponse* response) override {
    auto* row = response->add_rows();
    row->set_pipeline("room");
    row->set_measurement(request->measurement());
    *row->mutable_labels() = request->labels();
    row->set_start_ns(1'714'564'800'000'000'000);
    row->set_end_ns(row->start_ns() + request->every_ns());
    row->set_windows(60);
    row->set_count(static_cast<std::uint64_t>(request->by_size()));
    response->set_left_out(request->over_all() ? 3 : 0);
    return grpc::Status::OK;
  }

  std::atomic<int> page_rows_max{100'000};
  std::atomic<bool> repeat_token{false};
  std::atomic<int> calls{0};
  std::atomic<std::int64_t> last_from_ns{0};
  std::atomic<std::int64_t> last_to_ns{0};

 private:
  v1::ListSummariesResponse all_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace sluice::ctl
