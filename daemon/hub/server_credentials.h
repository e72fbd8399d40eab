#pragma once

#include <memory>

#include "hub/tls_reload.h"

namespace grpc {
class ServerCredentials;
}

namespace sluice::hub {

/// TLS by what `tls` has at each handshake, so that a renewed certificate needs no restart and ends
/// no stream. `tls` outlives the server.
std::shared_ptr<grpc::ServerCredentials> reloading_credentials(TlsReload& tls);

}  // namespace sluice::hub
