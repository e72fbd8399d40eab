#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/mutex.h"
#include "base/thread.h"
#include "hub/control_mailbox.h"
#include "hub/fleet_store.h"

namespace sluice::hub {

/// Writes to one control stream what comes into its mailbox, one message after the other. Configs
/// and keys are read from the store only when the node is ready for them, so that what waits costs
/// no memory and what was withdrawn meanwhile does not go out.
///
/// Owns the thread [hub-control].
class ControlWriter {
 public:
  struct Stream {
    /// Waits for the node; false when the stream is over.
    std::function<bool(const v1::ControlResponse&)> write;
    /// Ends the stream, also a write that waits.
    std::function<void()> cancel;
  };

  /// Mailbox and store are borrowed; `node` is for the log.
  ControlWriter(ControlMailbox& mailbox, FleetStore& store, std::string node, Stream stream);
  /// As finish(), without waiting.
  ~ControlWriter();

  /// Closes the mailbox and waits for the write under way, at most for `patience`: then the stream
  /// is cancelled.
  void finish(std::chrono::milliseconds patience);

 private:
  void run();
  Status write(const ControlMailbox::Letter& letter, bool& is_over);

  ControlMailbox& mailbox_;
  FleetStore& store_;
  const std::string node_;
  const Stream stream_;
  Mutex mutex_;
  CondVar ended_;
  bool has_ended_ SLUICE_GUARDED_BY(mutex_) = false;
  Thread thread_;  // last: the others are there while it runs
};

}  // namespace sluice::hub
