#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "replay/recording.h"

namespace sluice {

/// Publishes to one broker at QoS 1 and knows what the broker has acknowledged.
/// Thread: the caller's; Paho's own threads only complete tokens.
class Publisher {
 public:
  Publisher();
  ~Publisher();
  /// `url` such as tcp://127.0.0.1:1883. `unavailable` says which broker and why.
  Status connect(const std::string& url);
  /// Sends; waits when 1,000 messages are not acknowledged yet, for up to 60 s. While the broker is
  /// away messages wait in memory and go out, again where needed, after the reconnect.
  Status publish(const RecordedMessage& message);
  /// Waits until the broker has acknowledged everything.
  Status finish();
  std::uint64_t acknowledged() const;

 private:
  struct Client;
  std::unique_ptr<Client> client_;
};

}  // namespace sluice
