#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

/// What the hub does on one stream. As it comes: everything stored, everything acknowledged.
struct StreamScript {
  /// Ends the stream with this gRPC code instead of a HelloReply; 0: no.
  int refuse_with = 0;
  /// Takes the stream and never says a word.
  bool mute = false;
  /// The highest sequence number it claims; empty: the true one.
  std::optional<std::int64_t> highest_seq;
  /// Batches it takes before it cuts the stream; -1: no end.
  int batches_max = -1;
  /// The last of those is stored; its ack is never sent either way.
  bool stores_last = true;
  /// Acknowledges every n-th batch, and always the one that holds `flush_seq`; 0: none.
  int ack_every = 1;
  std::int64_t flush_seq = 0;
  bool acks_twice = false;
  /// Acknowledges a batch number that was never sent.
  bool acks_beyond = false;
};

/// PEM texts of a server that wants a certificate of its clients.
struct CloudTls {
  std::string ca;
  std::string certificate;
  std::string key;
};

/// The cloud side of the uplink on a real gRPC server at a free port of 127.0.0.1, as unreliable as
/// its scripts say. What it has stored outlives its streams and restarts. Any thread.
class FlakyCloud {
 public:
  explicit FlakyCloud(std::optional<CloudTls> tls = {});
  ~FlakyCloud();

  std::string address() const;
  /// For the next stream that has no script yet.
  void script(StreamScript script);
  /// Cuts every stream and closes the port; `restart` opens it again.
  void shut_down();
  void restart();

  /// Rows stored for `epoch`, each number once.
  std::map<std::int64_t, std::string> stored(const std::string& epoch) const;
  /// Sequence numbers in the order they came, repeats included.
  std::vector<std::int64_t> received() const;
  /// One entry per Hello: its epoch.
  std::vector<std::string> hellos() const;
  /// Most bytes of blocks that were received and unacknowledged on one stream.
  std::size_t unacked_bytes_most() const;
  /// Breaches of the protocol by the node: a series used before its definition, a row that came
  /// again with other bytes, a batch out of order, rows of a rewound store.
  std::vector<std::string> breaches() const;
  /// Waits until `holds` is true; false when it is not within a minute. Called unlocked.
  bool wait(const std::function<bool()>& holds);

 private:
  class Service;
  std::unique_ptr<Service> service_;
};

}  // namespace sluice
