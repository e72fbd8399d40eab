#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "control/config_intake.h"
#include "control/control_worker.h"
#include "sluice/v1/control.pb.h"
#include "sync/channel.h"

namespace sluice {

/// The control stream of a node: dials the hub, beside the uplink and with its credentials, takes
/// what comes down and sends up what became of it (proto/sluice/v1/control.proto).
///
/// A connection of its own, so that rows that wait delay no config. Every try dials anew and reads
/// the TLS files anew.
///
/// Thread: owns "sl-control", which reads, and a ControlWorker, which writes. Memory: one message,
/// at most 2 MiB, and what the worker keeps.
class ControlLink {
 public:
  struct Options {
    ChannelOptions hub;
    std::chrono::milliseconds backoff_max{60'000};
    v1::ControlHello hello;
  };
  struct Stats {
    bool connected = false;
    std::string last_error;  ///< why there is no stream; empty while there is one
  };

  /// `intake` is borrowed.
  ControlLink(Options options, ConfigIntake& intake, ControlWorker::Plan plan);
  ~ControlLink();
  ControlLink(const ControlLink&) = delete;
  ControlLink& operator=(const ControlLink&) = delete;

  /// Once.
  void start();
  /// Ends the stream and joins. Repeats are harmless.
  void stop();
  /// A revision came or became something. Any thread, never blocks.
  void poke();
  /// Any thread.
  Stats stats() const;

 private:
  class Runner;
  std::unique_ptr<Runner> runner_;
};

}  // namespace sluice
