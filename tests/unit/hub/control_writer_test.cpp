#include "hub/control_writer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "unit/hub/hub_samples.h"

namespace sluice::hub {
namespace {

// A stream whose other end reads when the test lets it.
class ScriptedStream {
 public:
  ControlWriter::Stream stream() {
    return {[this](const v1::ControlResponse& response) {
              std::unique_lock lock(mutex_);
              ++waiting_;
              changed_.notify_all();
              changed_.wait(lock, [this] { return reads_ || cancelled_; });
              if (!cancelled_) written_.push_back(response);
              changed_.notify_all();
              return !cancelled_;
            },
            [this] {
              const std::lock_guard lock(mutex_);
              cancelled_ = true;
              changed_.notify_all();
            }};
  }
  void read() {
    const std::lock_guard lock(mutex_);
    reads_ = true;
    changed_.notify_all();
  }
  void wait_for_write() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }
  std::vector<v1::ControlResponse> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this, count] { return written_.size() >= count; });
    return written_;
  }
  bool cancelled() {
    const std::lock_guard lock(mutex_);
    return cancelled_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool reads_ = false;
  bool cancelled_ = false;
  std::vector<v1::ControlResponse> written_;
};

class ControlWriterTest : public testing::Test {
 protected:
  ControlWriterTest() {
    auto store = FleetStore::open(dir_.file("hub.db"));
    EXPECT_TRUE(store.ok());
    store_ = *std::move(store);
    for (int i = 0; i < 3; ++i) {
      v1::ConfigPush push;
      push.mutable_target()->mutable_everyone();
      EXPECT_TRUE(store_->add_push(push, "a: " + std::to_string(i) + "\n").ok());
    }
    EXPECT_TRUE(store_->put_keys({1, "chain"}).ok());
  }
  TempDir dir_;
  TestClock clock_;
  std::unique_ptr<HubStore> rows_ = open_store(dir_.file("hub.db"), clock_);
  std::unique_ptr<FleetStore> store_;
  ControlMailbox mailbox_;
  ScriptedStream stream_;
};

// What was withdrawn before the node was ready for it does not go out.
TEST_F(ControlWriterTest, ReadsFromTheStoreOnlyWhatTheNodeIsReadyFor) {
  ControlWriter writer(mailbox_, *store_, "gw", stream_.stream());
  mailbox_.put_offer(1);
  stream_.wait_for_write();
  mailbox_.put_offer(2);
  mailbox_.put_offer(3);
  mailbox_.put_keys();
  ASSERT_TRUE(store_->withdraw(3).ok());
  mailbox_.put_plan(std::make_shared<v1::PlanOrder>());
  stream_.read();
  const auto written = stream_.wait_for(3);
  EXPECT_EQ(written[0].config().document(), "a: 0\n");
  EXPECT_EQ(written[1].keys().chain(), "chain");
  EXPECT_TRUE(written[2].has_plan());
  writer.finish(std::chrono::seconds(60));
  EXPECT_FALSE(stream_.cancelled());
}

TEST_F(ControlWriterTest, CancelsAStreamWhoseNodeDoesNotRead) {
  ControlWriter writer(mailbox_, *store_, "gw", stream_.stream());
  mailbox_.put_offer(1);
  stream_.wait_for_write();
  writer.finish(std::chrono::milliseconds(1));
  EXPECT_TRUE(stream_.cancelled());
}

}  // namespace
}  // namespace sluice::hub
