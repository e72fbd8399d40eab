#include "node/plans.h"

namespace sluice {

Status Plans::plan(const v1::PlanRequest& request, v1::PlanReport& out) {
  Planner* planner = nullptr;
  {
    MutexLock lock(mutex_);
    if (planner_ == nullptr) return unavailable("no node runs that could rehearse");
    planner = planner_;
    ++users_;
  }
  Status s = planner->plan(request, out);
  MutexLock lock(mutex_);
  --users_;
  unused_.notify_all();
  return s;
}

void Plans::set(Planner& planner) {
  MutexLock lock(mutex_);
  planner_ = &planner;
}

void Plans::clear() {
  MutexLock lock(mutex_);
  if (planner_ == nullptr) return;
  planner_->stop();
  planner_ = nullptr;
  while (users_ > 0) unused_.wait(mutex_);
}

}  // namespace sluice
