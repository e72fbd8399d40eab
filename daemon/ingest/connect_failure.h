#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "base/tls_files.h"

namespace sluice {

/// CONNACK's reason code of MQTT 5, 0x80 and up; `unauthenticated` when it is about who we are.
Status connack_refusal_5(int reason_code);
/// CONNACK's return code of MQTT 3.1.1, 1 to 5.
Status connack_refusal_3_1_1(int return_code);

/// No CONNACK came. `paho_message` may be null; `tls_error` is the first line that OpenSSL gave,
/// and empty when it gave none; `tls_host` is empty for a connection without TLS. Names the file of
/// `tls_files` to look at, where one may be the cause.
Status connect_failure(const char* paho_message, std::string_view tls_error,
                       const std::string& tls_host, const TlsFiles& tls_files);

}  // namespace sluice
