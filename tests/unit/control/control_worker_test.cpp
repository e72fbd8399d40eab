#include "control/control_worker.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>

#include "unit/control/intake_rig.h"

namespace sluice {
namespace {

/// What was sent, one after another.
class Outbox {
 public:
  bool put(const v1::ControlRequest& request) {
    const std::lock_guard lock(mutex_);
    if (!is_open) return false;
    sent_.push_back(request);
    has_some_.notify_all();
    return true;
  }
  v1::ControlRequest next() {
    std::unique_lock lock(mutex_);
    has_some_.wait(lock, [this] { return !sent_.empty(); });
    v1::ControlRequest first = sent_.front();
    sent_.pop_front();
    return first;
  }
  bool empty() {
    const std::lock_guard lock(mutex_);
    return sent_.empty();
  }
  std::atomic<bool> is_open{true};

 private:
  std::mutex mutex_;
  std::condition_variable has_some_;
  std::deque<v1::ControlRequest> sent_;
};

class ControlWorkerTest : public ::testing::Test {
 protected:
  ControlWorkerTest()
      : worker_(
            rig_.intake(),
            [this](const v1::PlanRequest& request, v1::PlanReport& out) -> Status {
              if (request.config_yaml() == "cannot") return unavailable("no node runs");
              out.set_readings(request.since_s());
              return plan_status_;
            },
            [this](const v1::ControlRequest& request) { return outbox_.put(request); }) {
    worker_.start();
  }
  static v1::ControlResponse offer(std::uint64_t id, const std::string& document) {
    v1::ControlResponse response;
    response.mutable_config()->set_offer_id(id);
    response.mutable_config()->set_document(document);
    return response;
  }
  static v1::ControlResponse plan(std::uint64_t id, const std::string& document) {
    v1::ControlResponse response;
    response.mutable_plan()->set_order_id(id);
    response.mutable_plan()->mutable_request()->set_config_yaml(document);
    response.mutable_plan()->mutable_request()->set_since_s(60);
    return response;
  }
  /// The next report whose offer is in that state.
  v1::ConfigReport until(v1::OfferState state) {
    for (;;) {
      const v1::ControlRequest request = outbox_.next();
      if (request.report().last_offer().state() == state) return request.report();
    }
  }

  IntakeRig rig_;
  Outbox outbox_;
  Status plan_status_;
  ControlWorker worker_;
};

TEST_F(ControlWorkerTest, ReportsWhenAStreamBeginsAndWhenItBecomesSomethingElse) {
  worker_.begin_stream();
  EXPECT_EQ(outbox_.next().report().in_effect().number(), 1);
  worker_.poke();
  worker_.take(plan(1, "p"));
  EXPECT_TRUE(outbox_.next().has_plan()) << "nothing has changed, so nothing was said";
  worker_.begin_stream();
  EXPECT_EQ(outbox_.next().report().in_effect().number(), 1) << "another hub, maybe";
}

TEST_F(ControlWorkerTest, SaysWhatBecomesOfAnOffer) {
  worker_.take(offer(4, "one"));
  EXPECT_EQ(until(v1::OFFER_STATE_APPLYING).last_offer().offer_id(), 4u);
  rig_.keeper().step();
  worker_.poke();
  EXPECT_EQ(until(v1::OFFER_STATE_APPLIED).in_effect().number(), 2);
}

TEST_F(ControlWorkerTest, AnswersAPlanWithItsReportOrWhyThereIsNone) {
  worker_.take(plan(7, "p"));
  v1::ControlRequest answer = outbox_.next();
  while (!answer.has_plan()) answer = outbox_.next();
  EXPECT_EQ(answer.plan().order_id(), 7u);
  EXPECT_EQ(answer.plan().report().readings(), 60u);
  worker_.take(plan(8, "cannot"));
  answer = outbox_.next();
  EXPECT_EQ(answer.plan().order_id(), 8u);
  EXPECT_EQ(answer.plan().error(), "no node runs");
}

// A stream may end at any moment: what could not be said is said on the next one.
TEST_F(ControlWorkerTest, SaysOnTheNextStreamWhatThisOneDidNotTake) {
  worker_.begin_stream();
  outbox_.next();
  outbox_.is_open = false;
  worker_.take(offer(4, "one"));
  outbox_.is_open = true;
  worker_.begin_stream();
  EXPECT_EQ(until(v1::OFFER_STATE_APPLYING).last_offer().offer_id(), 4u);
}

TEST_F(ControlWorkerTest, IgnoresWhatANewerHubMaySayAndStopsAtAnyTime) {
  worker_.take(v1::ControlResponse());
  v1::ControlResponse welcome;
  welcome.mutable_welcome();
  worker_.take(welcome);
  worker_.stop();
  worker_.take(offer(1, "one"));
  worker_.stop();
}

}  // namespace
}  // namespace sluice
