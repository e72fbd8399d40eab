#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "plugin_host/host_messages.h"
#include "plugin_host/host_services.h"
#include "plugin_host/isolation.h"
#include "plugin_host/pinned_file.h"
#include "plugin_host/shared_channel.h"

namespace sluice {

/// A plugin's process, as long as this lives: `sluice-plugin-host`, which loads the plugin behind a
/// sandbox and answers calls one at a time. Any failure but the plugin's own answer means that the
/// process is of no more use. [pipeline]
class HostProcess {
 public:
  /// Starts `program` for the plugin's file and waits until it is loaded; `metadata` is what the
  /// plugin says of itself, checked. `failed_precondition` when the file is no plugin for this
  /// daemon, `unavailable` when the process cannot be started or dies.
  static Result<std::unique_ptr<HostProcess>> start(const std::string& program,
                                                    const PinnedFile& plugin,
                                                    const HostLimits& limits, const Clock& clock,
                                                    PluginMetadata& metadata);
  /// Kills it.
  ~HostProcess();
  HostProcess(const HostProcess&) = delete;
  HostProcess& operator=(const HostProcess&) = delete;

  /// Sends one request, answers what the process asks of `services` and `series` meanwhile, and
  /// gives its end. `unavailable` when there is none: killed by a signal, no answer within the
  /// deadline, or a malformed one.
  Result<HostDone> call(std::string_view request, const HostServices& services,
                        const SeriesTable& series);
  pid_t pid() const { return pid_; }

 private:
  HostProcess(SharedChannel channel, const HostLimits& limits, const Clock& clock);
  Status spawn(const std::string& program, const PinnedFile& plugin);
  Result<PluginMetadata> await_loaded();
  Status answer(const HostServices& services, const SeriesTable& series, Patience& patience);
  Status answer_series(SeriesId id, const SeriesTable& series, Patience& patience);
  /// How it ended; empty while it runs.
  std::string death();

  class CallPatience;

  SharedChannel channel_;
  const HostLimits limits_;
  const Clock& clock_;
  pid_t pid_ = -1;
  std::string death_;
  std::string message_;  ///< the last one received
  std::string reply_;
};

}  // namespace sluice
