#include "ctl/command_line.h"
#include "ctl/format.h"

namespace sluice::ctl {
namespace {

constexpr const char* kPushFooter =
    "A node runs the newest config that was pushed for its name, for a group or labels of its, or\n"
    "for everyone. It takes one as `config apply` does, and may allow signed ones only\n"
    "(control.unsigned_push in its file). The hub asks for a certificate with the name of one of "
    "its\n"
    "operators (--tls-cert; sluice-hub --operator).\n\n";

constexpr const char* kConfigsColumns =
    "Columns:\n"
    "  AGREES      same, pending (the node is at it, or away), FAILED (it refused it or rolled it\n"
    "              back), DRIFTED (another config was applied on the gateway since); -: nothing\n"
    "              was pushed for it\n"
    "  DESIRED     offer, and the beginning of the config's SHA-256\n"
    "  IN EFFECT   the gateway's own number for it, and the beginning of its SHA-256\n"
    "  LAST OFFER  what became of the last offer that it was given\n\n";

ExitCode run_push(Arguments& a) {
  const auto timeout = parse_duration(a.wait_timeout);
  if (!timeout.ok()) {
    return fail(invalid_argument("--timeout " + std::string(timeout.status().message())));
  }
  a.push.timeout_ns = *timeout;
  return push_config(a.hub, a.push, a.local.json);
}

void add_config_push(CLI::App& hub, Arguments& a) {
  auto* push = hub.add_subcommand(
      "push", "Have nodes run a config: one, a group, those with labels, or all");
  push->footer(std::string(kPushFooter) + kFooter);
  add_hub_options(*push, a.hub, true);
  push->add_option("FILE", a.push.file,
                   "The config, without the sections that belong to the machine; or a signed one, "
                   "which says itself for whom it is")
      ->required();
  push->add_option("--node", a.push.target.node, "For the gateway of this name (node.name)");
  push->add_option("--group", a.push.target.groups, "For the gateways of this group")
      ->allow_extra_args(false);
  push->add_option("--label,--labels", a.push.target.labels,
                   "For the gateways with this label, NAME=VALUE; repeatable: with all of them")
      ->allow_extra_args(false);
  push->add_flag("--everyone", a.push.target.everyone, "For all gateways");
  auto* wait = push->add_flag("--wait", a.push.waits,
                              "Wait until the nodes that are connected have applied it; exit code "
                              "1: one has not");
  push->add_option("--timeout", a.wait_timeout, "Wait no longer than this: 90s, 10m")
      ->needs(wait)
      ->capture_default_str();
  push->callback([&a] { a.run = [&a] { return run_push(a); }; });
}

void add_withdraw(CLI::App& hub, Arguments& a) {
  auto* withdraw =
      hub.add_subcommand("withdraw", "Offer no more what was pushed; nodes that took it keep it");
  add_hub_options(*withdraw, a.hub, true);
  withdraw->add_option("OFFER", a.offer_id, "Its number, see `hub pushes`")
      ->required()
      ->check(whole_number(INT64_MAX));
  withdraw->callback(
      [&a] { a.run = [&a] { return withdraw_config(a.hub, a.offer_id, a.local.json); }; });
}

void add_lists(CLI::App& hub, Arguments& a) {
  auto* pushes = hub.add_subcommand("pushes", "The configs that were pushed, newest first");
  add_hub_options(*pushes, a.hub, true);
  pushes->add_option("--limit", a.local_limit, "Rows at most (default 20)")
      ->check(whole_number(100));
  pushes->callback(
      [&a] { a.run = [&a] { return show_config_pushes(a.hub, a.local_limit, a.local.json); }; });
  auto* configs =
      hub.add_subcommand("configs", "What each node should run and what it says that it runs");
  configs->footer(std::string(kConfigsColumns) + kFooter);
  add_hub_options(*configs, a.hub, true);
  configs->add_option("--node", a.node, "Only this node");
  configs->callback(
      [&a] { a.run = [&a] { return show_node_configs(a.hub, a.node, a.local.json); }; });
}

void add_node_plan(CLI::App& hub, Arguments& a) {
  auto* plan = hub.add_subcommand(
      "plan", "What a node would do with another config, as `config plan` there; nothing changes");
  add_hub_options(*plan, a.hub, true);
  plan->add_option("FILE", a.file, "The candidate, signed or not")->required();
  plan->add_option("--node", a.node, "The node, which must be connected")->required();
  plan->add_option("--since", a.since, "How far back the recording goes: 90s, 15m, 2h")
      ->capture_default_str();
  plan->callback([&a] {
    a.run = [&a] { return plan_node_config(a.hub, a.node, a.file, a.since, a.local.json); };
  });
}

}  // namespace

void add_fleet_commands(CLI::App& app, Arguments& a) {
  auto* hub = app.get_subcommand("hub");
  add_config_push(*hub, a);
  add_withdraw(*hub, a);
  auto* keys = hub->add_subcommand(
      "keys", "Give a key set (`sluicectl keys rotate`, `revoke`) to all nodes");
  add_hub_options(*keys, a.hub, true);
  keys->add_option("SET", a.file, "The key set")->required();
  keys->callback([&a] { a.run = [&a] { return push_key_set(a.hub, a.file, a.local.json); }; });
  add_lists(*hub, a);
  add_node_plan(*hub, a);
}

}  // namespace sluice::ctl
