#include "hub/control_mailbox.h"

#include <gtest/gtest.h>

#include <thread>

namespace sluice::hub {
namespace {

TEST(ControlMailbox, HoldsTheLatestOfEachKind) {
  ControlMailbox mailbox;
  mailbox.put_offer(1);
  mailbox.put_keys();
  mailbox.put_keys();
  mailbox.put_offer(2);
  mailbox.put_plan(std::make_shared<v1::PlanOrder>());
  const auto letter = mailbox.take();
  ASSERT_TRUE(letter);
  EXPECT_TRUE(letter->keys);
  EXPECT_EQ(letter->offer_id, 2u);
  EXPECT_NE(letter->plan, nullptr);
  mailbox.put_offer(3);
  const auto next = mailbox.take();
  ASSERT_TRUE(next);
  EXPECT_FALSE(next->keys);
  EXPECT_EQ(next->plan, nullptr);
}

TEST(ControlMailbox, LetsAWriterGoThatWaitsWhenItIsClosed) {
  ControlMailbox mailbox;
  std::thread writer([&mailbox] { EXPECT_FALSE(mailbox.take()); });
  mailbox.close();
  writer.join();
  mailbox.put_offer(1);
  EXPECT_FALSE(mailbox.take());
}

}  // namespace
}  // namespace sluice::hub
