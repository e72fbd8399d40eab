#pragma once

#include <string>

#include "base/status.h"

namespace sluice::hub {

/// Where the operator put the keys. Empty: not given.
struct TlsPaths {
  std::string certificate;
  std::string key;
  std::string client_ca;
};

/// The contents of those files, as PEM.
struct TlsPem {
  std::string certificate;  ///< the server's, then its chain
  std::string key;
  std::string client_ca;  ///< when not empty, a client must show a certificate signed by it
  friend bool operator==(const TlsPem&, const TlsPem&) = default;
};

/// Reads and checks the files now, since gRPC says of a bad one only that listening failed.
/// `invalid_argument` names the file and what is wrong with it.
Result<TlsPem> load_tls(const TlsPaths& paths);

}  // namespace sluice::hub
