#include "hub/desired_config.h"

#include <algorithm>
#include <iterator>

#include "control/canonical_message.h"
#include "control/signed_config.h"

namespace sluice::hub {
namespace {

Recipient recipient_of(const v1::ControlHello& hello) {
  return {hello.node(),
          {hello.groups().begin(), hello.groups().end()},
          {hello.labels().begin(), hello.labels().end()}};
}

/// It is in effect there, or was, or is about to be.
bool has_taken(const NodeReport& node, std::uint64_t offer_id) {
  const v1::OfferOutcome& last = node.report.last_offer();
  if (last.offer_id() != offer_id) return false;
  switch (last.state()) {
    case v1::OFFER_STATE_APPLYING:
    case v1::OFFER_STATE_PROBATION:
    case v1::OFFER_STATE_APPLIED:
    case v1::OFFER_STATE_SUPERSEDED: return true;
    default: return false;
  }
}

bool is_covered(const v1::ConfigPush& push, const v1::ConfigPush& later) {
  return !later.is_withdrawn() &&
         (later.target().has_everyone() ||
          canonical_bytes(later.target()) == canonical_bytes(push.target()));
}

}  // namespace

const v1::ConfigPush* desired_push(const std::vector<v1::ConfigPush>& pushes,
                                   const NodeReport& node) {
  const Recipient recipient = recipient_of(node.hello);
  for (const v1::ConfigPush& push : pushes) {
    if (push.is_withdrawn() && !has_taken(node, push.offer_id())) continue;
    if (check_recipient(push.target(), recipient).ok()) return &push;
  }
  return nullptr;
}

v1::NodeConfigAgreement agreement_of(const v1::ConfigPush* desired, const NodeReport& node) {
  if (desired == nullptr) return v1::NODE_CONFIG_AGREEMENT_NONE_DESIRED;
  const bool runs_it = node.report.sha256() == desired->sha256();
  const auto same_or = [runs_it](v1::NodeConfigAgreement other) {
    return runs_it ? v1::NODE_CONFIG_AGREEMENT_SAME : other;
  };
  const v1::OfferOutcome& last = node.report.last_offer();
  // A daemon that was restarted since speaks of no offer until this one comes again.
  if (last.offer_id() != desired->offer_id()) return same_or(v1::NODE_CONFIG_AGREEMENT_PENDING);
  switch (last.state()) {
    case v1::OFFER_STATE_APPLIED:
    case v1::OFFER_STATE_SUPERSEDED: return same_or(v1::NODE_CONFIG_AGREEMENT_DRIFTED);
    case v1::OFFER_STATE_FAILED:
    case v1::OFFER_STATE_ROLLED_BACK: return v1::NODE_CONFIG_AGREEMENT_FAILED;
    default: return v1::NODE_CONFIG_AGREEMENT_PENDING;
  }
}

Result<std::vector<std::uint64_t>> expendable_pushes(const std::vector<v1::ConfigPush>& pushes) {
  std::vector<std::uint64_t> gone;
  for (auto push = pushes.rbegin(); push != pushes.rend(); ++push) {
    if (pushes.size() - gone.size() <= kPushesMax) return gone;
    const auto covers = [&push](const v1::ConfigPush& later) { return is_covered(*push, later); };
    if (push->is_withdrawn() || std::any_of(std::next(push), pushes.rend(), covers)) {
      gone.push_back(push->offer_id());
    }
  }
  if (pushes.size() - gone.size() <= kPushesMax) return gone;
  return resource_exhausted("the hub keeps " + std::to_string(kPushesMax) +
                            " pushes, and each of them is the newest for its target; withdraw one "
                            "that is not needed, or push for a group or by labels");
}

}  // namespace sluice::hub
