#include "hub/plan_desk.h"

#include <gtest/gtest.h>

#include "unit/hub/hub_samples.h"

namespace sluice::hub {
namespace {

class PlanDeskTest : public testing::Test {
 protected:
  static v1::PlanAnswer answer(std::uint64_t order_id, bool fits = true) {
    v1::PlanAnswer answer;
    answer.set_order_id(order_id);
    answer.mutable_report()->set_fits(fits);
    return answer;
  }
  StatusCode outcome(std::uint64_t order_id, bool cancelled = false) {
    return desk_.wait(order_id, [cancelled] { return cancelled; }).status().code();
  }
  TestClock clock_;
  PlanDesk desk_{clock_, std::chrono::seconds(220)};
};

TEST_F(PlanDeskTest, GivesTheFirstAnswerOfTheNodeThatWasAsked) {
  const std::uint64_t order = *desk_.open("gw");
  desk_.take_answer("other", answer(order, false));
  desk_.take_answer("gw", answer(order + 1, false));
  desk_.take_answer("gw", answer(order));
  desk_.take_answer("gw", answer(order, false));
  desk_.fail("gw");
  const auto report = desk_.wait(order, [] { return false; });
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_TRUE(report->fits());
}

TEST_F(PlanDeskTest, TellsWhyThereIsNoPlan) {
  std::uint64_t order = *desk_.open("gw");
  desk_.fail("other");
  desk_.fail("gw");
  EXPECT_EQ(outcome(order), StatusCode::unavailable);
  order = *desk_.open("gw");
  EXPECT_EQ(outcome(order, true), StatusCode::cancelled);
  order = *desk_.open("gw");
  desk_.take_answer("gw", answer(order - 1));
  v1::PlanAnswer none;
  none.set_order_id(order);
  desk_.take_answer("gw", std::move(none));
  EXPECT_EQ(outcome(order), StatusCode::failed_precondition);
}

TEST_F(PlanDeskTest, LetsFewWaitAndOneForANode) {
  const std::uint64_t order = *desk_.open("gw");
  EXPECT_EQ(desk_.open("gw").status().code(), StatusCode::resource_exhausted);
  for (std::size_t i = 1; i < PlanDesk::kWaitingMax; ++i) {
    EXPECT_TRUE(desk_.open("gw" + std::to_string(i)).ok());
  }
  EXPECT_EQ(desk_.open("more").status().code(), StatusCode::resource_exhausted);
  EXPECT_EQ(outcome(order, true), StatusCode::cancelled);
  EXPECT_TRUE(desk_.open("more").ok());
}

TEST_F(PlanDeskTest, FailsAllWhenItIsStopped) {
  const std::uint64_t order = *desk_.open("gw");
  desk_.stop();
  EXPECT_EQ(outcome(order), StatusCode::unavailable);
  EXPECT_EQ(desk_.open("gw").status().code(), StatusCode::unavailable);
}

}  // namespace
}  // namespace sluice::hub
