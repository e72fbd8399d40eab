#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "sluice_plugin.h"

namespace sluice {

/// What an instance is restored from: the plugin's own bytes, and the calls made since, which are
/// there only when the process of an isolated one could not be asked.
struct SavedState {
  std::string version;  ///< of the plugin that wrote it
  std::string state;    ///< "" when it keeps none
  std::vector<std::string> journal;
};

/// What the operator must know of an instance.
struct Incident {
  bool is_quarantine = false;
  bool by_input = false;  ///< the input of the call may have caused it
  std::string text;
};

/// One instance of a plugin, in this process or in another. What it says in a call goes to `emit`
/// and `verdicts`, unchecked; a failure says what went wrong, without the plugin's name. [pipeline]
class PluginInstance {
 public:
  virtual ~PluginInstance() = default;

  virtual bool ordered() const = 0;
  virtual bool wants_time() const = 0;
  virtual bool keeps_state() const = 0;
  virtual Status process(const sluice_batch& batch, sluice_verdict* verdicts,
                         const sluice_emit* emit) = 0;
  virtual Status on_time(std::int64_t watermark_ns, const sluice_emit* emit) = 0;
  /// Whether it has the record of what it said in the last call (see CallRecorder), and that
  /// record.
  virtual bool records() const { return false; }
  virtual std::string take_record() { return {}; }
  /// After each of these two: whether the daemon took what it said, or why not.
  virtual void call_ended(const Status& /*outcome*/) {}
  /// See Stage.
  virtual void let_rest() {}
  virtual Result<SavedState> snapshot() = 0;
  /// A failed one leaves the instance unusable.
  virtual Status restore(const SavedState& saved) = 0;
  /// Since the last time.
  virtual std::vector<Incident> take_incidents() { return {}; }
};

}  // namespace sluice
