#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <random>
#include <string>
#include <thread>

namespace sluice::fault {

/// A TCP relay on loopback that hurts the connections through it on demand.
///
/// Thread: its own; the methods may be called from any.
class ChaosProxy {
 public:
  enum class Fault {
    none,
    reset,     ///< both ends get RST
    stall,     ///< nothing moves, nothing closes; later it goes on where it stood
    swallow,   ///< half open: what either side sends disappears, and nothing closes
    mute,      ///< what the dialling side sends waits; what the target sends goes on
    truncate,  ///< the next bytes pass in part, then both ends are closed
  };

  ChaosProxy(std::uint16_t target_port, std::uint64_t seed);
  ~ChaosProxy();
  ChaosProxy(const ChaosProxy&) = delete;
  ChaosProxy& operator=(const ChaosProxy&) = delete;

  std::uint16_t port() const { return port_; }
  /// Does `fault` to every connection there is now. New ones are whole, but wait while `stall`
  /// lasts: it lasts until the next call. `none` undoes only `stall`.
  void inflict(Fault fault);
  /// New connections are closed as they come.
  void refuse(bool refused) { refused_ = refused; }

  /// Connections that carried at least one byte.
  std::uint64_t connections() const { return connections_; }
  /// Bytes that the dialling side got through to the target.
  std::uint64_t bytes_to_target() const { return bytes_to_target_; }

 private:
  /// One direction of a connection.
  struct Half {
    int from = -1;
    int to = -1;
    std::string waiting;
    bool ended = false;  ///< `from` hung up and `to` must not know
  };
  struct Connection {
    Half up;
    Half down;
    Fault fault = Fault::none;
    bool carried = false;
    bool gone = false;
  };

  void run();
  void round();
  void accept_one();
  void serve(Connection& connection, short up_events, short down_events);
  bool pump(Connection& connection, Half& half, short events);
  void close_both(Connection& connection, bool with_reset);

  const std::uint16_t target_port_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> refused_{false};
  std::atomic<std::uint64_t> connections_{0};
  std::atomic<std::uint64_t> bytes_to_target_{0};

  std::mutex mutex_;  ///< of all below
  std::list<Connection> open_;
  bool stalled_ = false;
  std::mt19937_64 random_;
  std::thread thread_;
};

}  // namespace sluice::fault
