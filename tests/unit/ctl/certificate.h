#pragma once

#include <string>

namespace sluice::ctl {

struct Certificate {
  std::string cert_pem;
  std::string key_pem;
};

/// Self-signed, valid for an hour, for the given DNS name.
Certificate make_certificate(const std::string& name);

}  // namespace sluice::ctl
