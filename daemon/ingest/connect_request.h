#pragma once

#include <MQTTAsync.h>

#include "ingest/paho_client.h"

namespace sluice {

/// Paho C's CONNECT with everything it points to, built in place and never copied: Paho C++ 1.2
/// loses CONNECT's properties, and with them the session, when its own options are copied.
/// Must live until MQTTAsync_connect has returned, which copies what it needs.
class ConnectRequest {
 public:
  /// Borrows the strings of `options`. Callbacks are for the caller to add.
  explicit ConnectRequest(const PahoOptions& options);
  ~ConnectRequest();
  ConnectRequest(const ConnectRequest&) = delete;
  ConnectRequest& operator=(const ConnectRequest&) = delete;

  MQTTAsync_connectOptions& options() { return connect_; }
  MQTTAsync_SSLOptions& tls() { return tls_; }

 private:
  void set_properties(const PahoOptions& options);
  void set_tls(const TlsFiles& files);
  void set_will(const PahoOptions::Will& will);

  MQTTAsync_connectOptions connect_;
  MQTTProperties properties_ = MQTTProperties_initializer;
  MQTTAsync_SSLOptions tls_ = MQTTAsync_SSLOptions_initializer;
  MQTTAsync_willOptions will_ = MQTTAsync_willOptions_initializer;
};

}  // namespace sluice
