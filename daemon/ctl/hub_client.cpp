#include "ctl/hub_client.h"

#include <grpcpp/grpcpp.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "ctl/rpc.h"
#include "sluice/v1/hub.grpc.pb.h"

namespace sluice::ctl {
namespace {

/// Empty for an empty name.
Result<std::string> read_pem(const std::string& file, const char* option) {
  if (file.empty()) return std::string();
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad() || !in.is_open()) {
    return invalid_argument(std::string("cannot read ") + option + " " + file + ": " +
                            std::strerror(errno));
  }
  if (text.find("-----BEGIN ") == std::string::npos) {
    return invalid_argument(std::string(option) + " " + file + " holds no PEM text");
  }
  return text;
}

bool wants_tls(const HubAddress& hub) {
  return hub.tls || !hub.ca_file.empty() || !hub.cert_file.empty() || !hub.key_file.empty() ||
         !hub.server_name.empty();
}

Result<std::shared_ptr<grpc::ChannelCredentials>> credentials_of(const HubAddress& hub) {
  if (!wants_tls(hub)) return grpc::InsecureChannelCredentials();
  if (hub.cert_file.empty() != hub.key_file.empty()) {
    return invalid_argument("--tls-cert and --tls-key go together: give both or none");
  }
  const auto ca = read_pem(hub.ca_file, "--tls-ca");
  if (!ca.ok()) return ca.status();
  const auto cert = read_pem(hub.cert_file, "--tls-cert");
  if (!cert.ok()) return cert.status();
  const auto key = read_pem(hub.key_file, "--tls-key");
  if (!key.ok()) return key.status();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = *ca;
  options.pem_cert_chain = *cert;
  options.pem_private_key = *key;
  return grpc::SslCredentials(options);
}

Status check_address(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  const bool has_both = colon != std::string::npos && colon > 0 && colon + 1 < address.size() &&
                        address.find_first_not_of("0123456789", colon + 1) == std::string::npos;
  if (has_both) return Status();
  return invalid_argument("--hub \"" + address + "\" is no address: write host:port");
}

}  // namespace

struct HubClient::State {
  std::string hub;
  int timeout_ms;
  std::unique_ptr<v1::HubQuery::Stub> stub;

  template <typename Request, typename Response>
  Result<Response> call(grpc::Status (v1::HubQuery::Stub::*method)(grpc::ClientContext*,
                                                                   const Request&, Response*),
                        const Request& request) {
    grpc::ClientContext context;
    set_timeout(context, timeout_ms);
    Response response;
    const grpc::Status status = (stub.get()->*method)(&context, request, &response);
    if (status.ok()) return response;
    return call_failure(status, hub, timeout_ms,
                        "cannot reach " + hub +
                            ": check address, network and TLS options (--hub, --tls-ca): " +
                            status.error_message());
  }
};

Result<HubClient> HubClient::make(const HubAddress& address, int timeout_ms) {
  if (Status s = check_address(address.address); !s.ok()) return s;
  const auto credentials = credentials_of(address);
  if (!credentials.ok()) return credentials.status();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kAnswerBytesMax);
  if (!address.server_name.empty()) arguments.SetSslTargetNameOverride(address.server_name);
  auto channel = grpc::CreateCustomChannel("dns:///" + address.address, *credentials, arguments);
  return HubClient(std::make_unique<State>(
      State{"the hub at " + address.address, timeout_ms, v1::HubQuery::NewStub(channel)}));
}

HubClient::HubClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
HubClient::HubClient(HubClient&&) noexcept = default;
HubClient& HubClient::operator=(HubClient&&) noexcept = default;
HubClient::~HubClient() = default;

Result<v1::ListNodesResponse> HubClient::nodes() {
  return state_->call(&v1::HubQuery::Stub::ListNodes, v1::ListNodesRequest());
}
Result<v1::ListSummariesResponse> HubClient::summaries(const v1::ListSummariesRequest& request) {
  return state_->call(&v1::HubQuery::Stub::ListSummaries, request);
}
Result<v1::MergeSummariesResponse> HubClient::merge(const v1::MergeSummariesRequest& request) {
  return state_->call(&v1::HubQuery::Stub::MergeSummaries, request);
}
Result<v1::ListGapsResponse> HubClient::gaps(const v1::ListGapsRequest& request) {
  return state_->call(&v1::HubQuery::Stub::ListGaps, request);
}
Result<v1::ListEventsResponse> HubClient::events(const v1::ListEventsRequest& request) {
  return state_->call(&v1::HubQuery::Stub::ListEvents, request);
}
Result<v1::ListUnreadResponse> HubClient::unread(const v1::ListUnreadRequest& request) {
  return state_->call(&v1::HubQuery::Stub::ListUnread, request);
}

}  // namespace sluice::ctl
