#include "ctl/fleet_commands.h"

#include <string_view>
#include <utility>

#include "control/durable_file.h"
#include "control/key_set.h"
#include "control/sha256.h"
#include "control/signed_config.h"
#include "ctl/fleet_client.h"
#include "ctl/fleet_text.h"
#include "ctl/fleet_wait.h"
#include "ctl/format.h"
#include "ctl/json_print.h"
#include "ctl/plan_command.h"
#include "ctl/table.h"
#include "ctl/text.h"

namespace sluice::ctl {
namespace {

/// Whether somebody could have written it: a signature is 64 bytes that are hardly UTF-8.
bool is_text(std::string_view bytes) {
  while (!bytes.empty()) {
    const CodePoint point = decode_utf8(bytes);
    const bool is_layout = point.value == '\n' || point.value == '\r' || point.value == '\t';
    if (point.bytes == 0 || (point.value < 0x20 && !is_layout)) return false;
    bytes.remove_prefix(point.bytes);
  }
  return true;
}

/// A file that is to go to gateways.
struct PushedFile {
  std::string bytes;
  bool is_signed = false;
  v1::ConfigStatement statement;  ///< of a signed one
};

Result<PushedFile> read_pushed_file(const std::string& file) {
  auto bytes = read_whole_file(file, kSignedConfigBytesMax);
  if (!bytes.ok()) return invalid_argument(std::string(bytes.status().message()));
  PushedFile read{*std::move(bytes)};
  auto statement = parse_signed_config(read.bytes);
  if (statement.ok()) {
    read.is_signed = true;
    read.statement = *std::move(statement);
    return read;
  }
  if (is_text(read.bytes)) return read;
  return invalid_argument(
      file + " is neither YAML nor a signed config: " + std::string(statement.status().message()));
}

bool has_target(const TargetArguments& a) {
  return !a.node.empty() || !a.groups.empty() || !a.labels.empty() || a.everyone;
}

std::string pushed_text(const v1::PushConfigResponse& pushed, const v1::ConfigTarget& target,
                        const std::string& sha256) {
  Pairs pairs;
  pairs.add("offer", std::to_string(pushed.offer_id()));
  pairs.add("for", target_text(target));
  pairs.add("sha256", hex(sha256));
  pairs.add("offered at once to",
            grouped(std::uint64_t{pushed.nodes()}) + (pushed.nodes() == 1 ? " node" : " nodes"));
  return pairs.text();
}

ExitCode push(const HubAddress& hub, const PushArguments& a, const v1::PushConfigRequest& request,
              const v1::ConfigTarget& target, const std::string& sha256, bool json) {
  auto client = FleetClient::make(hub);
  if (!client.ok()) return fail(client.status());
  const auto pushed = client->push(request);
  if (!pushed.ok()) return fail(pushed.status());
  put(json ? to_json(*pushed) + "\n" : pushed_text(*pushed, target, sha256));
  if (!a.waits) return kExitOk;
  return wait_for_offer(*client, pushed->offer_id(), target.node(), a.timeout_ns, json);
}

}  // namespace

ExitCode push_config(const HubAddress& hub, const PushArguments& a, bool json) {
  auto file = read_pushed_file(a.file);
  if (!file.ok()) return fail(file.status());
  v1::PushConfigRequest request;
  if (file->is_signed) {
    if (has_target(a.target)) {
      return fail(invalid_argument(a.file + " is signed for " +
                                   target_text(file->statement.target()) +
                                   ", which no option can change; leave --node, --group, --label "
                                   "and --everyone out"));
    }
    request.set_signed_config(std::move(file->bytes));
    return push(hub, a, request, file->statement.target(), file->statement.sha256(), json);
  }
  const auto target = target_of(a.target);
  if (!target.ok()) return fail(target.status());
  if (Status s = check_target(*target); !s.ok()) return fail(s);
  if (!passes_as_pushed(file->bytes, a.file, a.target.node)) return kExitUsage;
  *request.mutable_target() = *target;
  const std::string hash = sha256(file->bytes);
  request.set_document(std::move(file->bytes));
  return push(hub, a, request, *target, hash, json);
}

ExitCode withdraw_config(const HubAddress& hub, std::uint64_t offer_id, bool json) {
  auto client = FleetClient::make(hub);
  if (!client.ok()) return fail(client.status());
  const auto withdrawn = client->withdraw(offer_id);
  if (!withdrawn.ok()) return fail(withdrawn.status());
  put(json ? to_json(*withdrawn) + "\n"
           : "Offer " + std::to_string(offer_id) +
                 " is withdrawn. Nodes that took it keep it until they are offered another one.\n");
  return kExitOk;
}

ExitCode push_key_set(const HubAddress& hub, const std::string& file, bool json) {
  const auto chain = read_whole_file(file, kKeySetsBytesMax);
  if (!chain.ok()) return fail(invalid_argument(std::string(chain.status().message())));
  if (const auto sets = parse_key_sets(*chain); !sets.ok()) {
    return fail(invalid_argument(file + ": " + std::string(sets.status().message())));
  }
  auto client = FleetClient::make(hub);
  if (!client.ok()) return fail(client.status());
  const auto pushed = client->push_keys(*chain);
  if (!pushed.ok()) return fail(pushed.status());
  put(json ? to_json(*pushed) + "\n"
           : "Key set version " + std::to_string(pushed->version()) + " was offered to " +
                 grouped(std::uint64_t{pushed->nodes()}) +
                 " connected nodes; others get it when they return.\n");
  return kExitOk;
}

ExitCode show_config_pushes(const HubAddress& hub, std::uint32_t limit, bool json) {
  auto client = FleetClient::make(hub);
  if (!client.ok()) return fail(client.status());
  const auto pushes = client->pushes(limit);
  if (!pushes.ok()) return fail(pushes.status());
  put(json ? to_json(*pushes) + "\n" : config_pushes_text(*pushes));
  return kExitOk;
}

ExitCode show_node_configs(const HubAddress& hub, const std::string& node, bool json) {
  auto client = FleetClient::make(hub);
  if (!client.ok()) return fail(client.status());
  const auto nodes = client->nodes(node);
  if (!nodes.ok()) return fail(nodes.status());
  put(json ? to_json(*nodes) + "\n" : node_configs_text(*nodes));
  return kExitOk;
}

ExitCode plan_node_config(const HubAddress& hub, const std::string& node, const std::string& file,
                          const std::string& since, bool json) {
  const auto since_s = parse_plan_since(since);
  if (!since_s.ok()) return fail(since_s.status());
  auto read = read_pushed_file(file);
  if (!read.ok()) return fail(read.status());
  v1::PlanConfigRequest request;
  request.set_node(node);
  request.mutable_request()->set_file_name(file);
  request.mutable_request()->set_since_s(*since_s);
  if (read->is_signed) {
    request.set_signed_config(std::move(read->bytes));
  } else {
    request.mutable_request()->set_config_yaml(std::move(read->bytes));
  }
  auto client = FleetClient::make(hub);
  if (!client.ok()) return fail(client.status());
  const auto plan = client->plan(request);
  if (!plan.ok()) return fail(plan.status());
  return show_plan(file, *plan, json);
}

}  // namespace sluice::ctl
