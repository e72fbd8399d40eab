#include "ctl/fleet_text.h"

#include "control/sha256.h"
#include "control/signed_config.h"
#include "ctl/config_words.h"
#include "ctl/format.h"
#include "ctl/table.h"
#include "ctl/text.h"

namespace sluice::ctl {
namespace {

constexpr std::size_t kShortHexDigits = 8;

std::string short_hash(const std::string& sha256) {
  return sha256.empty() ? "?" : hex(sha256).substr(0, kShortHexDigits);
}

std::string agreement_text(v1::NodeConfigAgreement agreement) {
  switch (agreement) {
    case v1::NODE_CONFIG_AGREEMENT_NONE_DESIRED: return "-";
    case v1::NODE_CONFIG_AGREEMENT_PENDING: return "pending";
    case v1::NODE_CONFIG_AGREEMENT_SAME: return "same";
    case v1::NODE_CONFIG_AGREEMENT_FAILED: return "FAILED";
    case v1::NODE_CONFIG_AGREEMENT_DRIFTED: return "DRIFTED";
    default: return "?";
  }
}

std::string desired_text(const v1::NodeConfigStatus& node) {
  if (!node.has_desired()) return "-";
  const v1::ConfigPush& push = node.desired();
  std::string text = std::to_string(push.offer_id()) + " (" + short_hash(push.sha256());
  if (push.is_signed()) text += ", version " + std::to_string(push.version());
  return text + (push.is_withdrawn() ? ", withdrawn)" : ")");
}

std::string in_effect_text(const v1::ConfigReport& report) {
  if (report.sha256().empty()) return "-";
  std::string text = short_hash(report.sha256());
  if (report.in_effect().signed_version() > 0) {
    text += ", version " + std::to_string(report.in_effect().signed_version());
  }
  return "revision " + std::to_string(report.in_effect().number()) + " (" + text + ")";
}

std::string message_text(const v1::NodeConfigStatus& node) {
  const v1::OfferOutcome& last = node.reported().last_offer();
  std::string text;
  if (last.state() != v1::OFFER_STATE_UNSPECIFIED) {
    text = std::to_string(last.offer_id()) + " " + offer_state_text(last.state());
    if (!last.message().empty()) text += ": " + last.message();
  }
  if (!node.reported().key_error().empty()) {
    text += (text.empty() ? "keys: " : "; keys: ") + node.reported().key_error();
  }
  return text;
}

}  // namespace

std::string offer_state_line(const v1::NodeConfigStatus& node) {
  const v1::OfferOutcome& last = node.reported().last_offer();
  std::string line = node.node() + ": " + offer_state_text(last.state());
  if (!last.message().empty()) line += ": " + last.message();
  return printable(line) + "\n";
}

std::string config_pushes_text(const v1::ListConfigPushesResponse& response) {
  Table table({{"OFFER", true}, {"FOR"}, {"VERSION", true}, {"SHA256"}, {"PUSHED"}, {"STATE"}});
  for (const v1::ConfigPush& push : response.pushes()) {
    table.add_row({std::to_string(push.offer_id()), target_text(push.target()),
                   push.is_signed() ? std::to_string(push.version()) : "-",
                   short_hash(push.sha256()), utc_text(push.pushed_ns()),
                   push.is_withdrawn() ? "withdrawn" : "offered"});
  }
  return table.empty() ? "Nothing was pushed at this hub.\n" : table.take();
}

std::string node_configs_text(const v1::ListNodeConfigsResponse& response) {
  Table table(
      {{"NODE"}, {"STATE"}, {"AGREES"}, {"DESIRED"}, {"IN EFFECT"}, {"SINCE"}, {"LAST OFFER"}});
  for (const v1::NodeConfigStatus& node : response.nodes()) {
    const std::int64_t since_ns = node.reported().in_effect().changed_ns();
    table.add_row({node.node(), node.connected() ? "connected" : "away",
                   agreement_text(node.agreement()), desired_text(node),
                   in_effect_text(node.reported()), since_ns == 0 ? "-" : utc_text(since_ns),
                   message_text(node)});
  }
  return table.empty() ? "The hub knows no such node.\n" : table.take();
}

}  // namespace sluice::ctl
