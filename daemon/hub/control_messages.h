#pragma once

#include <string>

#include "base/status.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/fleet.pb.h"

namespace sluice::hub {

// What nodes send on their control streams and what people push, checked. Nothing of it is
// believed: failures are `invalid_argument` and say what is wrong.

/// Bounds of control.proto. Takes fields that this hub does not know out of the message.
Status check_hello(v1::ControlHello& hello);

/// Likewise. Texts that are too long are cut, and what has no place in a report is taken out: it is
/// kept for years and shown to people, and a stream need not end for it.
Status check_report(v1::ConfigReport& report);

/// A config to push, without its number and time.
struct ReadPush {
  v1::ConfigPush push;
  std::string config;  ///< the SignedConfig or the document
};
/// A signed config is read as a gateway reads it, but for whether its signature is to be trusted. A
/// document must be YAML with a target; what its keys mean each node judges, whose version may be
/// another. Takes the config out of `request`.
Result<ReadPush> take_push(v1::PushConfigRequest& request);

/// As take_push: what of the two a plan is asked for.
Status check_plan(const v1::PlanConfigRequest& request);

/// The version of a chain's last set.
Result<std::uint64_t> key_set_version(const std::string& chain);

}  // namespace sluice::hub
