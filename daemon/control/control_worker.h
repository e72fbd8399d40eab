#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "base/status.h"
#include "base/thread.h"
#include "control/config_intake.h"
#include "sluice/v1/control.pb.h"

namespace sluice {

/// Does what came down the control stream, one thing after another, and says what became of it. A
/// rehearsal takes minutes: meanwhile the stream is read on, and of what comes the last of each
/// kind is kept.
///
/// Thread: owns "sl-intake", on which `plan` and `send` are called and the intake works. The rest
/// may be called from any.
class ControlWorker {
 public:
  /// False: there is no stream, or it has ended.
  using Send = std::function<bool(const v1::ControlRequest& request)>;
  using Plan = std::function<Status(const v1::PlanRequest& request, v1::PlanReport& out)>;

  /// `intake` is borrowed.
  ControlWorker(ConfigIntake& intake, Plan plan, Send send);
  ~ControlWorker() { stop(); }

  void start();
  /// What is under way is finished first; whoever makes a plan ends it. Repeats are harmless.
  void stop();

  void take(v1::ControlResponse response);
  /// A stream has begun: the report is due.
  void begin_stream();
  /// The report may say something else now.
  void poke();

 private:
  struct Jobs {
    std::optional<v1::ConfigOffer> config;
    std::optional<std::string> keys;
    std::optional<v1::PlanOrder> plan;
    bool begins = false;  ///< a stream
    bool retries = false;
    bool reports = false;
  };

  void run();
  std::optional<Jobs> wait();
  void work(const Jobs& jobs);
  void answer(const v1::PlanOrder& order);
  void send_report();

  ConfigIntake& intake_;
  const Plan plan_;
  const Send send_;
  std::string last_report_;  ///< on the stream now open; [intake]

  Mutex mutex_;
  CondVar has_jobs_;
  Jobs jobs_ SLUICE_GUARDED_BY(mutex_);
  bool stopping_ SLUICE_GUARDED_BY(mutex_) = false;
  Thread thread_;
};

}  // namespace sluice
