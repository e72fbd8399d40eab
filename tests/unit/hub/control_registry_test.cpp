#include "hub/control_registry.h"

#include <gtest/gtest.h>

#include "control/sha256.h"
#include "unit/hub/control_client.h"

namespace sluice::hub {
namespace {

class ControlRegistryTest : public testing::Test {
 protected:
  ControlRegistryTest() { load(); }
  void load() {
    registry_.reset();
    store_.reset();
    auto store = FleetStore::open(dir_.file("hub.db"));
    ASSERT_TRUE(store.ok()) << store.status().to_string();
    store_ = *std::move(store);
    auto registry = ControlRegistry::load(*store_, clock_, std::chrono::seconds(220));
    ASSERT_TRUE(registry.ok()) << registry.status().to_string();
    registry_ = *std::move(registry);
  }
  std::uint64_t push(v1::PushConfigRequest request) {
    const auto pushed = registry_->push(*take_push(request));
    EXPECT_TRUE(pushed.ok()) << pushed.status().to_string();
    return pushed->nodes();
  }
  // 0: nothing waits.
  static std::uint64_t offered(ControlMailbox& mailbox) {
    mailbox.put_keys();  // or take() would wait
    return mailbox.take()->offer_id;
  }
  static v1::ConfigReport report(std::uint64_t offer_id, v1::OfferState state) {
    v1::ConfigReport report;
    report.set_sha256(sha256("x"));
    report.mutable_last_offer()->set_offer_id(offer_id);
    report.mutable_last_offer()->set_state(state);
    return report;
  }

  TempDir dir_;
  TestClock clock_;
  std::unique_ptr<HubStore> rows_ = open_store(dir_.file("hub.db"), clock_);
  std::unique_ptr<FleetStore> store_;
  std::unique_ptr<ControlRegistry> registry_;
};

TEST_F(ControlRegistryTest, OffersEachChangeOfTheDesiredOneOnce) {
  ControlMailbox mailbox;
  EXPECT_EQ(push(push_to_everyone("a: 1\n")), 0u);
  registry_->attend(sample_hello(), mailbox);
  EXPECT_EQ(offered(mailbox), 1u);
  registry_->take_report("gw-1", mailbox, report(1, v1::OFFER_STATE_APPLIED));
  EXPECT_EQ(offered(mailbox), 0u);
  EXPECT_EQ(push(push_to_node("gw-2", "a: 2\n")), 0u);
  EXPECT_EQ(offered(mailbox), 0u);
  EXPECT_EQ(push(push_to_node("gw-1", "a: 3\n")), 1u);
  EXPECT_EQ(offered(mailbox), 3u);
  registry_->leave("gw-1", mailbox);
  EXPECT_EQ(push(push_to_node("gw-1", "a: 4\n")), 0u);
}

TEST_F(ControlRegistryTest, ListensToTheStreamThatTookTheOthersPlace) {
  ControlMailbox before;
  ControlMailbox after;
  registry_->attend(sample_hello(), before);
  registry_->attend(sample_hello(), after);
  registry_->take_report("gw-1", before, report(1, v1::OFFER_STATE_FAILED));
  EXPECT_FALSE(registry_->list_nodes("gw-1", 10).nodes(0).has_reported());
  registry_->leave("gw-1", before);
  EXPECT_TRUE(registry_->list_nodes("gw-1", 10).nodes(0).connected());
  push(push_to_everyone("a: 1\n"));
  EXPECT_EQ(offered(after), 1u);
  registry_->leave("gw-1", after);
  EXPECT_FALSE(registry_->list_nodes("gw-1", 10).nodes(0).connected());
}

TEST_F(ControlRegistryTest, SavesWhatNodesSayWhenItIsTold) {
  ControlMailbox mailbox;
  registry_->attend(sample_hello(), mailbox);
  registry_->take_report("gw-1", mailbox, report(1, v1::OFFER_STATE_APPLIED));
  EXPECT_TRUE(store_->nodes()->empty());
  registry_->save();
  EXPECT_EQ(store_->nodes()->size(), 1u);
  load();
  EXPECT_EQ(registry_->list_nodes("", 10).nodes(0).reported().last_offer().offer_id(), 1u);
  EXPECT_EQ(registry_->list_nodes("gw", 10).nodes_size(), 0);
}

TEST_F(ControlRegistryTest, WritesOnceMoreWhatCouldNotBeWritten) {
  ControlMailbox mailbox;
  registry_->attend(sample_hello(), mailbox);
  {
    auto reader = Database::open(dir_.file("hub.db"), Database::Mode::read_write);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(reader->run("ALTER TABLE node_config RENAME TO away").ok());
    registry_->save();
    ASSERT_TRUE(reader->run("ALTER TABLE away RENAME TO node_config").ok());
  }
  EXPECT_TRUE(store_->nodes()->empty());
  registry_->save();
  EXPECT_EQ(store_->nodes()->size(), 1u);
}

TEST_F(ControlRegistryTest, ListsNoMoreThanIsAsked) {
  std::vector<std::unique_ptr<ControlMailbox>> mailboxes;
  for (const char* node : {"c", "a", "b"}) {
    mailboxes.push_back(std::make_unique<ControlMailbox>());
    registry_->attend(sample_hello(node), *mailboxes.back());
  }
  const auto two = registry_->list_nodes("", 2);
  ASSERT_EQ(two.nodes_size(), 2);
  EXPECT_EQ(two.nodes(0).node(), "a");
  EXPECT_EQ(two.nodes(1).node(), "b");
}

}  // namespace
}  // namespace sluice::hub
