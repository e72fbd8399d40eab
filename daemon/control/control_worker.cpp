#include "control/control_worker.h"

#include <chrono>
#include <utility>

namespace sluice {
namespace {

/// How often what waits is judged again.
constexpr std::chrono::seconds kRetryEvery{10};

}  // namespace

ControlWorker::ControlWorker(ConfigIntake& intake, Plan plan, Send send)
    : intake_(intake), plan_(std::move(plan)), send_(std::move(send)) {}

void ControlWorker::start() {
  thread_ = Thread("sl-intake", [this] { run(); });
}

void ControlWorker::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  has_jobs_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// --- from other threads ---

void ControlWorker::take(v1::ControlResponse response) {
  MutexLock lock(mutex_);
  switch (response.message_case()) {
    case v1::ControlResponse::kConfig: jobs_.config = std::move(*response.mutable_config()); break;
    case v1::ControlResponse::kKeys:
      jobs_.keys = std::move(*response.mutable_keys()->mutable_chain());
      break;
    case v1::ControlResponse::kPlan: jobs_.plan = std::move(*response.mutable_plan()); break;
    case v1::ControlResponse::kWelcome:
    case v1::ControlResponse::MESSAGE_NOT_SET: return;  // of a newer hub
  }
  has_jobs_.notify_all();
}

void ControlWorker::begin_stream() {
  MutexLock lock(mutex_);
  jobs_.begins = true;
  has_jobs_.notify_all();
}

/// A probation that ends lets in what waits for it.
void ControlWorker::poke() {
  MutexLock lock(mutex_);
  jobs_.reports = jobs_.retries = true;
  has_jobs_.notify_all();
}

// --- [intake] ---

std::optional<ControlWorker::Jobs> ControlWorker::wait() {
  MutexLock lock(mutex_);
  const auto has_some = [](const Jobs& jobs) {
    return jobs.config || jobs.keys || jobs.plan || jobs.begins || jobs.retries || jobs.reports;
  };
  while (!stopping_ && !has_some(jobs_)) {
    if (!intake_.waits()) {
      has_jobs_.wait(mutex_);
    } else if (has_jobs_.wait_for(mutex_, kRetryEvery) == std::cv_status::timeout) {
      jobs_.retries = true;
    }
  }
  if (stopping_) return std::nullopt;
  return std::exchange(jobs_, {});
}

void ControlWorker::run() {
  while (const auto jobs = wait()) work(*jobs);
}

void ControlWorker::work(const Jobs& jobs) {
  if (jobs.begins) last_report_.clear();
  if (jobs.begins || jobs.reports) send_report();
  if (jobs.keys) intake_.offer_keys(*jobs.keys);
  if (jobs.config) {
    intake_.offer(*jobs.config);
  } else if (jobs.retries) {
    intake_.retry();
  }
  send_report();
  if (jobs.plan) answer(*jobs.plan);
}

void ControlWorker::answer(const v1::PlanOrder& order) {
  v1::ControlRequest request;
  v1::PlanAnswer& answer = *request.mutable_plan();
  answer.set_order_id(order.order_id());
  const auto document = intake_.document_of(order);
  Status s = document.status();
  if (s.ok()) {
    v1::PlanRequest wanted = order.request();
    wanted.set_config_yaml(*document);
    s = plan_(wanted, *answer.mutable_report());
  }
  if (!s.ok()) answer.set_error(std::string(s.message()));
  send_(request);
}

void ControlWorker::send_report() {
  v1::ControlRequest request;
  *request.mutable_report() = intake_.report();
  std::string report = request.SerializeAsString();
  if (report == last_report_ || !send_(request)) return;
  last_report_ = std::move(report);
}

}  // namespace sluice
