#include "hub/desired_config.h"

#include <gtest/gtest.h>

#include <functional>

namespace sluice::hub {
namespace {

using Target = std::function<void(v1::ConfigTarget&)>;

class DesiredConfigTest : public testing::Test {
 protected:
  DesiredConfigTest() {
    node_.hello.set_node("gw");
    node_.hello.add_groups("north");
    (*node_.hello.mutable_labels())["site"] = "a";
  }
  v1::ConfigPush& push(const Target& target) {
    v1::ConfigPush push;
    push.set_offer_id(pushes_.size() + 1);
    push.set_sha256("sha" + std::to_string(push.offer_id()));
    target(*push.mutable_target());
    return *pushes_.insert(pushes_.begin(), push);
  }
  std::uint64_t desired() const {
    const v1::ConfigPush* push = desired_push(pushes_, node_);
    return push == nullptr ? 0 : push->offer_id();
  }
  v1::NodeConfigAgreement says(std::uint64_t offer_id, v1::OfferState state,
                               const std::string& sha) {
    node_.report.mutable_last_offer()->set_offer_id(offer_id);
    node_.report.mutable_last_offer()->set_state(state);
    node_.report.set_sha256(sha);
    return agreement_of(desired_push(pushes_, node_), node_);
  }

  std::vector<v1::ConfigPush> pushes_;
  NodeReport node_;
};

TEST_F(DesiredConfigTest, IsTheNewestThatIsMeantForTheNode) {
  EXPECT_EQ(desired(), 0u);
  push([](auto& t) { t.set_node("other"); });
  push([](auto& t) { t.set_group("south"); });
  push([](auto& t) { (*t.mutable_labels()->mutable_labels())["site"] = "b"; });
  EXPECT_EQ(desired(), 0u);
  push([](auto& t) { t.set_node("gw"); });
  EXPECT_EQ(desired(), 4u);
  push([](auto& t) { t.set_group("north"); });
  EXPECT_EQ(desired(), 5u);
  push([](auto& t) { (*t.mutable_labels()->mutable_labels())["site"] = "a"; });
  EXPECT_EQ(desired(), 6u);
  push([](auto& t) { t.mutable_everyone(); });
  EXPECT_EQ(desired(), 7u);
  push([](auto& t) { t.set_node("other"); });
  EXPECT_EQ(desired(), 7u);
  pushes_[1].set_is_withdrawn(true);
  EXPECT_EQ(desired(), 6u);
}

TEST_F(DesiredConfigTest, StaysOneThatWasWithdrawnWhereItWasTaken) {
  push([](auto& t) { t.mutable_everyone(); });
  push([](auto& t) { t.mutable_everyone(); }).set_is_withdrawn(true);
  for (const auto state : {v1::OFFER_STATE_APPLYING, v1::OFFER_STATE_PROBATION,
                           v1::OFFER_STATE_APPLIED, v1::OFFER_STATE_SUPERSEDED}) {
    says(2, state, "");
    EXPECT_EQ(desired(), 2u) << state;
  }
  for (const auto state : {v1::OFFER_STATE_UNSPECIFIED, v1::OFFER_STATE_WAITING,
                           v1::OFFER_STATE_FAILED, v1::OFFER_STATE_ROLLED_BACK}) {
    says(2, state, "");
    EXPECT_EQ(desired(), 1u) << state;
  }
}

TEST_F(DesiredConfigTest, AgreesByWhatBecameOfTheOfferAndByWhatRuns) {
  EXPECT_EQ(says(0, v1::OFFER_STATE_UNSPECIFIED, "sha1"), v1::NODE_CONFIG_AGREEMENT_NONE_DESIRED);
  push([](auto& t) { t.mutable_everyone(); });
  const std::tuple<std::uint64_t, v1::OfferState, const char*, v1::NodeConfigAgreement> cases[] = {
      {0, v1::OFFER_STATE_UNSPECIFIED, "old", v1::NODE_CONFIG_AGREEMENT_PENDING},
      {0, v1::OFFER_STATE_UNSPECIFIED, "sha1", v1::NODE_CONFIG_AGREEMENT_SAME},
      {9, v1::OFFER_STATE_APPLIED, "old", v1::NODE_CONFIG_AGREEMENT_PENDING},
      {1, v1::OFFER_STATE_WAITING, "old", v1::NODE_CONFIG_AGREEMENT_PENDING},
      {1, v1::OFFER_STATE_APPLYING, "old", v1::NODE_CONFIG_AGREEMENT_PENDING},
      {1, v1::OFFER_STATE_PROBATION, "sha1", v1::NODE_CONFIG_AGREEMENT_PENDING},
      {1, v1::OFFER_STATE_APPLIED, "sha1", v1::NODE_CONFIG_AGREEMENT_SAME},
      {1, v1::OFFER_STATE_APPLIED, "other", v1::NODE_CONFIG_AGREEMENT_DRIFTED},
      {1, v1::OFFER_STATE_SUPERSEDED, "other", v1::NODE_CONFIG_AGREEMENT_DRIFTED},
      {1, v1::OFFER_STATE_SUPERSEDED, "sha1", v1::NODE_CONFIG_AGREEMENT_SAME},
      {1, v1::OFFER_STATE_FAILED, "sha1", v1::NODE_CONFIG_AGREEMENT_FAILED},
      {1, v1::OFFER_STATE_ROLLED_BACK, "old", v1::NODE_CONFIG_AGREEMENT_FAILED},
      {1, static_cast<v1::OfferState>(99), "sha1", v1::NODE_CONFIG_AGREEMENT_PENDING}};
  for (const auto& [offer_id, state, sha, expected] : cases) {
    EXPECT_EQ(says(offer_id, state, sha), expected) << offer_id << " " << state << " " << sha;
  }
}

TEST_F(DesiredConfigTest, IsNeverAmongThoseThatMakeRoom) {
  push([](auto& t) { t.set_node("n1"); });
  push([](auto& t) { t.set_node("n1"); }).set_is_withdrawn(true);
  push([](auto& t) { t.set_group("n1"); });
  for (std::size_t i = 0; i < kPushesMax - 2; ++i) {
    push([i](auto& t) { t.set_node("x" + std::to_string(i)); });
  }
  EXPECT_EQ(*expendable_pushes(pushes_), std::vector<std::uint64_t>{2});
  push([](auto& t) { t.set_node("y"); });
  EXPECT_EQ(expendable_pushes(pushes_).status().code(), StatusCode::resource_exhausted);
  push([](auto& t) { t.mutable_everyone(); });
  EXPECT_EQ(*expendable_pushes(pushes_), (std::vector<std::uint64_t>{1, 2, 3}));
}

}  // namespace
}  // namespace sluice::hub
