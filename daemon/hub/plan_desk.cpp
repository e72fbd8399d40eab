#include "hub/plan_desk.h"

#include <utility>

namespace sluice::hub {
namespace {

// gRPC wakes nobody when a caller has gone.
constexpr auto kLook = std::chrono::milliseconds(100);

Status stopping() { return unavailable("the hub is stopping; ask again"); }

}  // namespace

Result<std::uint64_t> PlanDesk::open(const std::string& node) {
  MutexLock lock(mutex_);
  if (is_stopped_) return stopping();
  for (const auto& waiting : waiting_) {
    if (waiting.second.node != node) continue;
    return resource_exhausted("node " + node + " makes a plan for somebody else; ask again later");
  }
  if (waiting_.size() >= kWaitingMax) {
    return resource_exhausted("the hub waits for " + std::to_string(kWaitingMax) +
                              " plans; ask again later");
  }
  waiting_[++last_id_].node = node;
  return last_id_;
}

Result<v1::PlanReport> PlanDesk::wait(std::uint64_t order_id,
                                      const std::function<bool()>& cancelled) {
  MutexLock lock(mutex_);
  const std::int64_t end_ns = clock_.boottime_ns() + timeout_.count();
  Waiting& waiting = waiting_.at(order_id);
  while (!waiting.outcome) {
    if (cancelled()) {
      waiting.outcome = Status(StatusCode::cancelled, "the caller went away");
    } else if (clock_.boottime_ns() >= end_ns) {
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout_).count();
      waiting.outcome = Status(
          StatusCode::deadline_exceeded,
          "node " + waiting.node + " has not answered within " + std::to_string(seconds) + " s");
    } else {
      changed_.wait_for(mutex_, kLook);
    }
  }
  Result<v1::PlanReport> outcome = *std::move(waiting.outcome);
  waiting_.erase(order_id);
  return outcome;
}

void PlanDesk::take_answer(const std::string& node, v1::PlanAnswer&& answer) {
  MutexLock lock(mutex_);
  const auto it = waiting_.find(answer.order_id());
  if (it == waiting_.end() || it->second.node != node || it->second.outcome) return;
  if (answer.has_report()) {
    it->second.outcome = std::move(*answer.mutable_report());
  } else {
    it->second.outcome =
        failed_precondition("node " + node + " makes no plan: " +
                            (answer.error().empty() ? "it does not say why" : answer.error()));
  }
  changed_.notify_all();
}

void PlanDesk::fail(const std::string& node) {
  MutexLock lock(mutex_);
  for (auto& waiting : waiting_) {
    if (waiting.second.node != node || waiting.second.outcome) continue;
    waiting.second.outcome =
        unavailable("node " + node + " went away before it had made its plan; ask again");
  }
  changed_.notify_all();
}

void PlanDesk::stop() {
  MutexLock lock(mutex_);
  is_stopped_ = true;
  for (auto& waiting : waiting_) {
    if (!waiting.second.outcome) waiting.second.outcome = stopping();
  }
  changed_.notify_all();
}

}  // namespace sluice::hub
