#include "hub/control_messages.h"

#include <gtest/gtest.h>

#include "control/sha256.h"
#include "unit/hub/control_client.h"

namespace sluice::hub {
namespace {

using Change = std::function<void(v1::ControlHello&)>;

TEST(ControlMessages, TakeAHelloWithinItsBoundsOnly) {
  const auto takes = [](const Change& change) {
    v1::ControlHello hello = sample_hello();
    change(hello);
    return check_hello(hello).ok();
  };
  EXPECT_TRUE(takes([](auto&) {}));
  EXPECT_TRUE(takes([](auto& h) { h.set_version(""); }));
  EXPECT_TRUE(takes([](auto& h) { (*h.mutable_labels())["site"] = "Büro 3"; }));
  EXPECT_FALSE(takes([](auto& h) { h.set_node(""); }));
  EXPECT_FALSE(takes([](auto& h) { h.set_node(std::string(65, 'x')); }));
  EXPECT_FALSE(takes([](auto& h) { h.set_instance(""); }));
  EXPECT_FALSE(takes([](auto& h) { h.set_instance(std::string(129, 'x')); }));
  EXPECT_FALSE(takes([](auto& h) { h.set_version("a\nb"); }));
  EXPECT_FALSE(takes([](auto& h) { h.add_groups("a b"); }));
  EXPECT_FALSE(takes([](auto& h) { (*h.mutable_labels())["a b"] = "x"; }));
  EXPECT_FALSE(takes([](auto& h) { (*h.mutable_labels())["a"] = ""; }));
  EXPECT_FALSE(takes([](auto& h) { (*h.mutable_labels())["a"] = std::string(129, 'x'); }));
  EXPECT_FALSE(takes([](auto& h) {
    for (int i = 0; i < 17; ++i) h.add_groups("g");
  }));
  EXPECT_FALSE(takes([](auto& h) {
    for (int i = 0; i < 17; ++i) (*h.mutable_labels())["l" + std::to_string(i)] = "x";
  }));
}

TEST(ControlMessages, CutAReportWithoutSplittingACharacter) {
  v1::ConfigReport report;
  std::string text = "x";
  while (text.size() < 5000) text += "ä";
  report.mutable_last_offer()->set_message(text);
  report.mutable_in_effect()->set_document("a: 1\n");
  // A field that this hub does not know.
  report.MergeFromString(std::string("\xa2\x06\x03", 3) + "abc");
  const auto& unknown = report.GetReflection()->GetUnknownFields(report);
  ASSERT_EQ(unknown.field_count(), 1);
  ASSERT_TRUE(check_report(report).ok());
  EXPECT_EQ(report.last_offer().message().size(), 4095u);
  EXPECT_EQ(report.in_effect().document(), "");
  EXPECT_EQ(report.GetReflection()->GetUnknownFields(report).field_count(), 0);
  report.set_sha256("x");
  EXPECT_EQ(check_report(report).code(), StatusCode::invalid_argument);
}

TEST(ControlMessages, TellWhatWasPushed) {
  v1::PushConfigRequest request = push_to_group("north", "pipelines: []\n");
  const auto plain = take_push(request);
  ASSERT_TRUE(plain.ok()) << plain.status().to_string();
  EXPECT_EQ(plain->config, "pipelines: []\n");
  EXPECT_EQ(plain->push.target().group(), "north");
  EXPECT_EQ(plain->push.sha256(), sha256(plain->config));
  EXPECT_FALSE(plain->push.is_signed());
  request.Clear();
  request.set_signed_config(signed_for("gw", 9, "pipelines: []\n"));
  const auto sealed = take_push(request);
  ASSERT_TRUE(sealed.ok()) << sealed.status().to_string();
  EXPECT_EQ(sealed->push.version(), 9u);
  EXPECT_EQ(sealed->push.target().node(), "gw");
  EXPECT_EQ(sealed->push.sha256(), plain->push.sha256());
  request.set_signed_config(signed_for("gw", 9, "a: [1\n"));
  EXPECT_EQ(take_push(request).status().code(), StatusCode::invalid_argument);
}

TEST(ControlMessages, TakeAPlanOfOneConfig) {
  v1::PlanConfigRequest request;
  request.set_node("gw");
  EXPECT_FALSE(check_plan(request).ok());
  request.mutable_request()->set_config_yaml("a: 1\n");
  EXPECT_TRUE(check_plan(request).ok());
  request.set_signed_config(signed_for("gw", 1, "a: 1\n"));
  EXPECT_FALSE(check_plan(request).ok());
  request.mutable_request()->clear_config_yaml();
  EXPECT_TRUE(check_plan(request).ok());
  request.set_node("");
  EXPECT_FALSE(check_plan(request).ok());
}

TEST(ControlMessages, ReadTheVersionOfAChainWhoseVersionsRise) {
  EXPECT_EQ(*key_set_version(sample_keys(12)), 12u);
  v1::KeySetChain chain;
  chain.MergeFromString(sample_keys(3));
  chain.MergeFromString(sample_keys(3));
  ASSERT_EQ(chain.sets_size(), 2);
  EXPECT_EQ(key_set_version(chain.SerializeAsString()).status().code(),
            StatusCode::invalid_argument);
}

}  // namespace
}  // namespace sluice::hub
