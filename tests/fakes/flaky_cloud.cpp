#include "fakes/flaky_cloud.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <set>
#include <utility>

#include "base/crc32c.h"
#include "base/mutex.h"
#include "sluice/v1/summary.pb.h"
#include "sluice/v1/uplink.grpc.pb.h"

namespace sluice {

using Stream = grpc::ServerReaderWriter<v1::UplinkResponse, v1::UplinkRequest>;

class FlakyCloud::Service final : public v1::Uplink::Service {
 public:
  explicit Service(std::optional<CloudTls> tls) : tls_(std::move(tls)) { open(); }
  ~Service() override { close(); }

  void open() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port_), credentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  void close() {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::time_point{});
    server_->Wait();
    server_.reset();
  }

  grpc::Status Exchange(grpc::ServerContext*, Stream* stream) override {
    Session session{take_script(), {}, {}, 0, 0};
    v1::UplinkRequest request;
    if (!stream->Read(&request)) return grpc::Status::OK;
    if (!request.has_hello()) return breach("no hello first");
    session.epoch = request.hello().epoch();
    session.rewound = !greet(request.hello(), session, *stream);
    if (session.script.refuse_with != 0) {
      return {static_cast<grpc::StatusCode>(session.script.refuse_with), "scripted refusal"};
    }
    while (stream->Read(&request)) {
      if (session.rewound) return breach("rows of a rewound store");
      if (request.has_series()) define(request.series(), session);
      if (request.has_batch() && !take(request.batch(), session, *stream)) {
        return {grpc::StatusCode::UNAVAILABLE, "scripted cut"};
      }
    }
    return grpc::Status::OK;
  }

  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<StreamScript> scripts_ SLUICE_GUARDED_BY(mutex_);
  std::map<std::string, std::map<std::int64_t, std::string>> stored_ SLUICE_GUARDED_BY(mutex_);
  std::map<std::string, std::map<std::int64_t, std::string>> seen_ SLUICE_GUARDED_BY(mutex_);
  std::map<std::string, std::map<std::uint32_t, std::string>> series_ SLUICE_GUARDED_BY(mutex_);
  std::vector<std::int64_t> received_ SLUICE_GUARDED_BY(mutex_);
  std::vector<std::string> hellos_ SLUICE_GUARDED_BY(mutex_);
  std::vector<std::string> breaches_ SLUICE_GUARDED_BY(mutex_);
  std::size_t unacked_bytes_most_ SLUICE_GUARDED_BY(mutex_) = 0;
  int port_ = 0;

 private:
  struct Session {
    StreamScript script;
    std::string epoch;
    std::set<std::uint32_t> defined;
    std::uint64_t batch_no;
    std::size_t unacked_bytes;
    bool rewound = false;
  };

  std::shared_ptr<grpc::ServerCredentials> credentials() const {
    if (!tls_) return grpc::InsecureServerCredentials();
    grpc::SslServerCredentialsOptions options(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = tls_->ca;
    options.pem_key_cert_pairs.push_back({tls_->key, tls_->certificate});
    return grpc::SslServerCredentials(options);
  }

  StreamScript take_script() {
    MutexLock lock(mutex_);
    if (scripts_.empty()) return {};
    StreamScript script = scripts_.front();
    scripts_.pop_front();
    return script;
  }

  grpc::Status breach(const std::string& what) {
    MutexLock lock(mutex_);
    breaches_.push_back(what);
    changed_.notify_all();
    return {grpc::StatusCode::INVALID_ARGUMENT, what};
  }

  /// False when the node's store was set back: nothing may follow.
  bool greet(const v1::Hello& hello, const Session& session, Stream& stream) {
    MutexLock lock(mutex_);
    hellos_.push_back(hello.epoch());
    changed_.notify_all();
    if (session.script.refuse_with != 0 || session.script.mute) return true;
    const auto& rows = stored_[hello.epoch()];
    const std::int64_t truth = rows.empty() ? 0 : rows.rbegin()->first;
    const std::int64_t highest = session.script.highest_seq.value_or(truth);
    v1::UplinkResponse response;
    response.mutable_hello()->set_highest_seq(highest);
    if (highest == truth && truth > 0) {
      response.mutable_hello()->set_highest_crc32c(crc32c(rows.rbegin()->second));
    }
    stream.Write(response);
    return hello.ended() || hello.next_seq() > highest;
  }

  void define(const v1::SeriesDefinitions& definitions, Session& session) {
    MutexLock lock(mutex_);
    for (const v1::SeriesDefinition& definition : definitions.definitions()) {
      session.defined.insert(definition.id());
      std::string& known = series_[session.epoch][definition.id()];
      if (known.empty()) known = definition.measurement();
      if (known != definition.measurement()) breaches_.push_back("a series changed its meaning");
    }
  }

  void keep(const v1::SummaryRow& row, bool stores, Session& session) SLUICE_REQUIRES(mutex_) {
    received_.push_back(row.seq());
    session.unacked_bytes += row.block().size();
    v1::SummaryBlock block;
    if (!block.ParseFromString(row.block())) breaches_.push_back("not a block");
    for (const std::uint32_t id : block.series_id()) {
      if (!session.defined.contains(id)) breaches_.push_back("series used before its definition");
    }
    const auto& before = seen_[session.epoch].emplace(row.seq(), row.block()).first->second;
    if (before != row.block()) breaches_.push_back("a row came again with other bytes");
    if (stores) stored_[session.epoch].emplace(row.seq(), row.block());
  }

  /// False when the script ends the stream here.
  bool take(const v1::SummaryBatch& batch, Session& session, Stream& stream) {
    MutexLock lock(mutex_);
    const StreamScript& script = session.script;
    if (batch.batch_no() != ++session.batch_no) breaches_.push_back("batch out of order");
    const bool last = session.batch_no == static_cast<std::uint64_t>(script.batches_max);
    bool flush = false;
    for (const v1::SummaryRow& row : batch.rows()) {
      keep(row, !last || script.stores_last, session);
      flush |= row.seq() == script.flush_seq;
    }
    unacked_bytes_most_ = std::max(unacked_bytes_most_, session.unacked_bytes);
    changed_.notify_all();
    if (last) return false;
    const bool due = script.ack_every > 0 &&
                     session.batch_no % static_cast<std::uint64_t>(script.ack_every) == 0;
    if (due || flush) acknowledge(session, stream);
    return true;
  }

  static void acknowledge(Session& session, Stream& stream) {
    v1::UplinkResponse response;
    response.mutable_ack()->set_batch_no(session.batch_no +
                                         (session.script.acks_beyond ? 1000 : 0));
    session.unacked_bytes = 0;
    stream.Write(response);
    if (session.script.acks_twice) stream.Write(response);
  }

  const std::optional<CloudTls> tls_;
  std::unique_ptr<grpc::Server> server_;
};

FlakyCloud::FlakyCloud(std::optional<CloudTls> tls)
    : service_(std::make_unique<Service>(std::move(tls))) {}
FlakyCloud::~FlakyCloud() = default;

std::string FlakyCloud::address() const { return "127.0.0.1:" + std::to_string(service_->port_); }
void FlakyCloud::shut_down() { service_->close(); }
void FlakyCloud::restart() { service_->open(); }

void FlakyCloud::script(StreamScript script) {
  MutexLock lock(service_->mutex_);
  service_->scripts_.push_back(script);
}
std::map<std::int64_t, std::string> FlakyCloud::stored(const std::string& epoch) const {
  MutexLock lock(service_->mutex_);
  return service_->stored_[epoch];
}
std::vector<std::int64_t> FlakyCloud::received() const {
  MutexLock lock(service_->mutex_);
  return service_->received_;
}
std::vector<std::string> FlakyCloud::hellos() const {
  MutexLock lock(service_->mutex_);
  return service_->hellos_;
}
std::size_t FlakyCloud::unacked_bytes_most() const {
  MutexLock lock(service_->mutex_);
  return service_->unacked_bytes_most_;
}
std::vector<std::string> FlakyCloud::breaches() const {
  MutexLock lock(service_->mutex_);
  return service_->breaches_;
}

bool FlakyCloud::wait(const std::function<bool()>& holds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!holds()) {
    MutexLock lock(service_->mutex_);
    if (std::chrono::steady_clock::now() >= until) return false;
    // Short, for conditions that change elsewhere than here.
    service_->changed_.wait_for(service_->mutex_, std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace sluice
