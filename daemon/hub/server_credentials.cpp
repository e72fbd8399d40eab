#include "hub/server_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

#include <string>

namespace sluice::hub {
namespace {

// Asked by gRPC before the server starts, and then at each handshake.
grpc_ssl_certificate_config_reload_status fetch(void* reload,
                                                grpc_ssl_server_certificate_config** config) {
  const auto pem = static_cast<TlsReload*>(reload)->changed();
  if (!pem) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
  const grpc_ssl_pem_key_cert_pair pair = {pem->key.c_str(), pem->certificate.c_str()};
  // gRPC insists on authorities, also where no client is asked for a certificate.
  const std::string& authorities = pem->client_ca.empty() ? pem->certificate : pem->client_ca;
  *config = grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

// The C++ API of gRPC 1.51 has files watched too, but takes a new pair that cannot work in the
// place of one that does. The C API below it keeps the former.
class ReloadingCredentials final : public grpc::ServerCredentials {
 public:
  explicit ReloadingCredentials(TlsReload& tls)
      : credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                tls.wants_client_certificates()
                    ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                    : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
                fetch, &tls))) {}
  ~ReloadingCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  grpc_server_credentials* const credentials_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> reloading_credentials(TlsReload& tls) {
  return std::make_shared<ReloadingCredentials>(tls);
}

}  // namespace sluice::hub
