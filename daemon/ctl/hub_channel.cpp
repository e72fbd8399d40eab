#include "ctl/hub_channel.h"

#include <grpcpp/grpcpp.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "ctl/rpc.h"

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

Result<std::shared_ptr<grpc::Channel>> open_hub_channel(const HubAddress& address) {
  if (Status s = check_address(address.address); !s.ok()) return s;
  const auto credentials = credentials_of(address);
  if (!credentials.ok()) return credentials.status();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kAnswerBytesMax);
  if (!address.server_name.empty()) arguments.SetSslTargetNameOverride(address.server_name);
  return grpc::CreateCustomChannel("dns:///" + address.address, *credentials, arguments);
}

std::string hub_unreachable(const std::string& hub, const std::string& words) {
  return "cannot reach " + hub +
         ": check address, network and TLS options (--hub, --tls-ca): " + words;
}

}  // namespace sluice::ctl
