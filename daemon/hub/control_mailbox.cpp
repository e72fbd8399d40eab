#include "hub/control_mailbox.h"

#include <utility>

namespace sluice::hub {

void ControlMailbox::put_keys() {
  MutexLock lock(mutex_);
  letter_.keys = true;
  changed_.notify_all();
}

void ControlMailbox::put_offer(std::uint64_t offer_id) {
  MutexLock lock(mutex_);
  letter_.offer_id = offer_id;
  changed_.notify_all();
}

void ControlMailbox::put_plan(std::shared_ptr<const v1::PlanOrder> order) {
  MutexLock lock(mutex_);
  letter_.plan = std::move(order);
  changed_.notify_all();
}

void ControlMailbox::close() {
  MutexLock lock(mutex_);
  is_closed_ = true;
  changed_.notify_all();
}

std::optional<ControlMailbox::Letter> ControlMailbox::take() {
  MutexLock lock(mutex_);
  while (!is_closed_ && letter_.empty()) changed_.wait(mutex_);
  if (is_closed_) return std::nullopt;
  return std::exchange(letter_, Letter());
}

}  // namespace sluice::hub
