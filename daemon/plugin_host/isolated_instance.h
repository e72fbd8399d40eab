#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "plugin_host/host_process.h"
#include "plugin_host/isolation.h"
#include "plugin_host/plugin_instance.h"

namespace sluice {

/// An instance in a process of its own. Whatever that does, it costs the call alone: the process is
/// ended, and the next one begins with the last snapshot and the calls since, which gives the state
/// as if the failed call had not been made. Too many failures, and it is quarantined.
class IsolatedInstance final : public PluginInstance {
 public:
  struct Rooms {
    const HostServices& services;
    const SeriesTable& series;
    const Clock& clock;
    std::function<TokenRange()> tokens;  ///< for readings that the next call may hold
  };
  /// Starts the process, checks what the plugin says of itself and the config against its schema.
  /// Errors as PluginLibrary::open, `invalid_argument` for the config, `unavailable` when the
  /// process fails.
  static Result<std::unique_ptr<IsolatedInstance>> create(IsolationOptions options,
                                                          const std::string& dir,
                                                          const std::string& plugin,
                                                          const std::string& config_json,
                                                          Rooms rooms);

  const PluginMetadata& metadata() const { return metadata_; }
  bool ordered() const override { return traits_.ordered; }
  bool wants_time() const override { return traits_.wants_time; }
  bool keeps_state() const override { return traits_.keeps_state; }
  Status process(const sluice_batch& batch, sluice_verdict* verdicts,
                 const sluice_emit* emit) override;
  Status on_time(std::int64_t watermark_ns, const sluice_emit* emit) override;
  bool records() const override { return true; }
  std::string take_record() override { return std::move(record_); }
  void call_ended(const Status& outcome) override;
  void let_rest() override;
  Result<SavedState> snapshot() override;
  Status restore(const SavedState& saved) override;
  std::vector<Incident> take_incidents() override;

  /// The process; -1 while there is none. For tests.
  pid_t pid() const { return process_ ? process_->pid() : -1; }

 private:
  IsolatedInstance(IsolationOptions options, PinnedFile file, Rooms rooms);
  Status begin(const std::string& config_json);
  Status start();
  Status ensure_running();
  Status create_instance();
  Status restore_state();
  Status say_again(const std::string& request);
  Result<HostDone> call(const std::string& request);
  Status call_recorded(std::uint32_t rows, sluice_verdict* verdicts, const sluice_emit* emit);
  Status take_snapshot();
  void save_calls();
  void failed(const Status& why, bool by_input);
  void quarantine(std::string why, bool by_input);
  void add_incident(Incident incident);
  std::int64_t backoff_ns() const;

  const IsolationOptions options_;
  const PinnedFile file_;  ///< another version that takes its name is none of ours
  const Rooms rooms_;
  PluginMetadata metadata_;
  InstanceTraits traits_;
  std::string config_json_;
  std::unique_ptr<HostProcess> process_;
  std::string request_;  ///< of the call under way
  std::string record_;   ///< of the last one

  SavedState saved_;  ///< what a new process begins with
  std::size_t journal_bytes_ = 0;
  std::deque<std::int64_t> failures_;  ///< boot times, within the window
  std::int64_t retry_at_ns_ = 0;
  std::int64_t last_call_ns_ = 0;  ///< boot time; 0: there was none
  std::string quarantined_;        ///< why; empty: it is not
  std::vector<Incident> incidents_;
};

}  // namespace sluice
