#include "hub/fleet_store.h"

#include <gtest/gtest.h>

#include <thread>

#include "hub/desired_config.h"
#include "unit/hub/hub_samples.h"

namespace sluice::hub {
namespace {

class FleetStoreTest : public testing::Test {
 protected:
  std::unique_ptr<FleetStore> open() {
    auto store = FleetStore::open(dir_.file("hub.db"));
    EXPECT_TRUE(store.ok()) << store.status().to_string();
    return std::move(*store);
  }
  static v1::ConfigPush for_node(const std::string& node) {
    v1::ConfigPush push;
    push.mutable_target()->set_node(node);
    return push;
  }
  TempDir dir_;
  TestClock clock_;
  std::unique_ptr<HubStore> rows_ = open_store(dir_.file("hub.db"), clock_);
};

TEST_F(FleetStoreTest, KeepsAllOverARestart) {
  {
    const auto store = open();
    v1::ConfigPush push = for_node("gw");
    EXPECT_TRUE(store->add_push(push, "a: 1\n")->empty());
    EXPECT_EQ(push.offer_id(), 1u);
    ASSERT_TRUE(store->put_keys({3, "chain"}).ok());
    NodeReport node;
    node.hello.set_node("gw");
    ASSERT_TRUE(store->save_nodes({node}, {}).ok());
  }
  const auto store = open();
  EXPECT_EQ(store->pushes()->size(), 1u);
  EXPECT_EQ((*store->offer(1))->document(), "a: 1\n");
  EXPECT_EQ(store->keys()->chain, "chain");
  EXPECT_EQ(store->nodes()->size(), 1u);
  ASSERT_TRUE(store->save_nodes({}, {"gw"}).ok());
  EXPECT_TRUE(store->nodes()->empty());
  EXPECT_EQ(store->withdraw(2).code(), StatusCode::not_found);
  EXPECT_TRUE(store->withdraw(1).ok());
  EXPECT_FALSE(*store->offer(1));
}

TEST_F(FleetStoreTest, TakesNoEarlierKeySet) {
  const auto store = open();
  EXPECT_EQ(store->keys()->version, 0u);
  ASSERT_TRUE(store->put_keys({3, "c3"}).ok());
  EXPECT_EQ(store->put_keys({2, "c2"}).code(), StatusCode::failed_precondition);
  EXPECT_TRUE(store->put_keys({3, "c3, its chain longer"}).ok());
  ASSERT_TRUE(store->put_keys({INT64_MAX, "last"}).ok());
  EXPECT_EQ(store->keys()->version, std::uint64_t{INT64_MAX});
}

TEST_F(FleetStoreTest, LeavesNothingOfAPushThatItHasNoRoomFor) {
  const auto store = open();
  for (std::size_t i = 0; i < kPushesMax; ++i) {
    v1::ConfigPush push = for_node("n" + std::to_string(i));
    ASSERT_TRUE(store->add_push(push, "a: 1\n").ok());
  }
  v1::ConfigPush one_more = for_node("more");
  EXPECT_EQ(store->add_push(one_more, "a: 1\n").status().code(), StatusCode::resource_exhausted);
  EXPECT_EQ(store->pushes()->size(), kPushesMax);
  v1::ConfigPush again = for_node("n7");
  EXPECT_EQ(*store->add_push(again, "a: 2\n"), std::vector<std::uint64_t>{8});
  EXPECT_EQ(store->pushes()->size(), kPushesMax);
}

// Two connections write to one file: neither loses a write to the other.
TEST_F(FleetStoreTest, WritesBesideTheRows) {
  const auto store = open();
  std::thread rows([this] {
    for (std::int64_t seq = 1; seq <= 100; ++seq) {
      const Outcome outcome =
          apply(*rows_, row_change(seq, sample_block({{1, kNoonNs + seq * kMinuteNs}})));
      EXPECT_TRUE(outcome.status.ok()) << outcome.status.to_string();
    }
  });
  for (int i = 0; i < 100; ++i) {
    v1::ConfigPush push = for_node("gw");
    const auto added = store->add_push(push, "a: 1\n");
    EXPECT_TRUE(added.ok()) << added.status().to_string();
  }
  rows.join();
  EXPECT_EQ(read_all(dir_.file("hub.db")).size(), 100u);
  EXPECT_EQ(store->pushes()->size(), 100u);
}

}  // namespace
}  // namespace sluice::hub
