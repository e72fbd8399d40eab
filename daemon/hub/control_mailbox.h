#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/mutex.h"
#include "sluice/v1/control.pb.h"

namespace sluice::hub {

/// What waits to be written on one control stream. Whoever has something for a node puts it here
/// and goes on; the stream's writer alone waits for the node to read.
///
/// Each kind has one place, and a later one takes it from an earlier one: of two configs only the
/// newer matters. Any thread.
class ControlMailbox {
 public:
  /// In the order in which it is to be written: a config may be signed by a key that comes with it.
  struct Letter {
    bool keys = false;
    std::uint64_t offer_id = 0;  ///< 0: none
    std::shared_ptr<const v1::PlanOrder> plan;

    bool empty() const { return !keys && offer_id == 0 && plan == nullptr; }
  };

  void put_keys();
  void put_offer(std::uint64_t offer_id);
  void put_plan(std::shared_ptr<const v1::PlanOrder> order);
  /// Nothing comes any more, and what waits is dropped.
  void close();

  /// Waits for something; empty once closed.
  std::optional<Letter> take();

 private:
  Mutex mutex_;
  CondVar changed_;
  Letter letter_ SLUICE_GUARDED_BY(mutex_);
  bool is_closed_ SLUICE_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::hub
