#pragma once

#include "base/mutex.h"
#include "base/status.h"
#include "node/planner.h"

namespace sluice {

/// The planner of the node that runs, for whoever outlives it: a node is replaced by another one
/// where a change of config reaches beyond pipelines. Any thread.
class Plans {
 public:
  /// As Planner::plan(); `unavailable` while no node runs.
  Status plan(const v1::PlanRequest& request, v1::PlanReport& out);

  void set(Planner& planner);
  /// Ends what is under way. No plan is made by it after this has returned.
  void clear();

 private:
  Mutex mutex_;
  CondVar unused_;
  Planner* planner_ SLUICE_GUARDED_BY(mutex_) = nullptr;
  int users_ SLUICE_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice
