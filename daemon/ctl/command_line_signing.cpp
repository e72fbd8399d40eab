#include "ctl/command_line.h"
#include "ctl/format.h"

namespace sluice::ctl {
namespace {

constexpr std::uint64_t kVersionsMax = 0x7FFF'FFFF'FFFF'FFFF;
constexpr const char* kTimeForms = "2024-05-01T12:00:00Z, 2024-05-01 or ns since 1970 UTC";

/// Of an option that may be left out.
Status read_time(const char* option, const std::string& text, std::int64_t& ns) {
  if (text.empty()) return {};
  const auto time = parse_time(text);
  if (!time.ok()) {
    return invalid_argument(std::string(option) + " " + std::string(time.status().message()));
  }
  ns = *time;
  return {};
}

void run_with_keys(CLI::App& command, Arguments& a, ExitCode (*run)(const KeyArguments&)) {
  command.callback([&a, run] {
    a.run = [&a, run] {
      if (Status s = read_time("--not-before", a.not_before, a.keys.not_before_ns); !s.ok()) {
        return fail(s);
      }
      a.keys.json = a.local.json;
      return run(a.keys);
    };
  });
}

void add_key_set(CLI::App& command, Arguments& a) {
  command
      .add_option("SET", a.keys.file,
                  "The key set of the fleet, a file; it is replaced by its next version")
      ->required();
  command
      .add_option("--root", a.keys.root_file,
                  "Private key of the root, which signs the set; keep it off the network")
      ->required();
}

void add_rotate(CLI::App& keys, Arguments& a) {
  auto* rotate = keys.add_subcommand(
      "rotate",
      "Sign the next version of the key set: with new keys, without old ones, or for another root");
  add_key_set(*rotate, a);
  rotate->add_flag("--new", a.keys.begins, "Begin a key set, at version 1");
  auto* add = rotate
                  ->add_option("--add", a.keys.add,
                               "Public key (.pub) that may sign configs from now on; repeatable")
                  ->allow_extra_args(false);
  rotate->add_option("--comment", a.keys.comment, "Whose the added keys are, for people")
      ->needs(add);
  rotate
      ->add_option("--not-before", a.not_before,
                   std::string("The added keys are of use from then on: ") + kTimeForms)
      ->needs(add);
  rotate
      ->add_option("--retire", a.keys.retire,
                   "Id of a key that may not sign any more, but could come back (stolen ones: "
                   "`keys revoke`); repeatable")
      ->allow_extra_args(false);
  rotate
      ->add_option("--next-root", a.keys.next_root_files,
                   "Public key (.pub) of the root that signs all later versions; with more than "
                   "one each may. The root of --root may not any more unless it is among them")
      ->allow_extra_args(false);
  run_with_keys(*rotate, a, rotate_keys);
}

void add_config_sign(CLI::App& config, Arguments& a) {
  auto* sign = config.add_subcommand(
      "sign", "Check a config and sign it for gateways: one, a group, those with labels, or all");
  sign->add_option("FILE", a.signing.file,
                   "The config, without the sections that belong to the machine")
      ->required();
  sign->add_option("--key", a.signing.key_file, "Private key of the signer")->required();
  sign->add_option("--version", a.signing.version,
                   "Number of this config: above all that its gateways were given before, by 2^32 "
                   "at most")
      ->check(whole_number(kVersionsMax))
      ->required();
  sign->add_option("--node", a.signing.node, "For the gateway of this name (node.name)");
  sign->add_option("--group", a.signing.groups, "For the gateways of this group")
      ->allow_extra_args(false);
  sign->add_option("--label", a.signing.labels,
                   "For the gateways with this label, NAME=VALUE; repeatable: with all of them")
      ->allow_extra_args(false);
  sign->add_flag("--everyone", a.signing.everyone, "For all gateways that trust the key");
  sign->add_option("--not-before", a.not_before,
                   std::string("Gateways refuse it before: ") + kTimeForms);
  sign->add_option("-o,--out", a.signing.out_file, "File to write (default: FILE.signed)");
  sign->callback([&a] {
    a.run = [&a] {
      if (Status s = read_time("--not-before", a.not_before, a.signing.not_before_ns); !s.ok()) {
        return fail(s);
      }
      a.signing.json = a.local.json;
      return sign_config_file(a.signing);
    };
  });
}

void add_config_verify(CLI::App& config, Arguments& a) {
  auto* verify = config.add_subcommand(
      "verify",
      "Whether a gateway would take a signed config, and why not; exit code 1: it would "
      "not");
  verify->add_option("FILE", a.signing.file, "The signed config")->required();
  verify
      ->add_option("--trust", a.signing.trust_dir,
                   "The gateway's trust folder: root.pub, and the key set `keys`")
      ->required();
  verify->add_option("--node", a.signing.node, "The gateway's name");
  verify->add_option("--group", a.signing.groups, "A group that it is in; repeatable")
      ->allow_extra_args(false);
  verify->add_option("--label", a.signing.labels, "A label that it has, NAME=VALUE; repeatable")
      ->allow_extra_args(false);
  verify->add_option("--above", a.signing.floor, "The highest version that it has accepted")
      ->check(whole_number(kVersionsMax));
  verify->add_option("--state", a.signing.state_dir,
                     "Its state folder, e.g. /var/lib/sluice, which knows that version and that of "
                     "its key set");
  verify->add_option("--at", a.not_before,
                     std::string("The time to judge for (default: now): ") + kTimeForms);
  verify->add_option("--payload", a.signing.payload_file,
                     "Write the config itself to this file, if it passes");
  verify->callback([&a] {
    a.run = [&a] {
      if (Status s = read_time("--at", a.not_before, a.signing.at_ns); !s.ok()) return fail(s);
      a.signing.json = a.local.json;
      return verify_config_file(a.signing);
    };
  });
}

}  // namespace

void add_keys(CLI::App& app, Arguments& a) {
  auto* keys = app.add_subcommand("keys", "Keys that sign configs, and the set of those that may");
  keys->require_subcommand(1);
  keys->footer(
      "A root key signs the key set of a fleet; keys of the set sign configs (`sluicectl config "
      "sign`).\n"
      "A gateway has the root's public key in root.pub of its trust folder, and the key set beside "
      "it as keys.");
  auto* generate = keys->add_subcommand(
      "generate", "Make a key, Ed25519: FILE for its owner alone, and FILE.pub for others");
  generate->add_option("FILE", a.keys.file, "The private key; must not be there yet")->required();
  run_with_keys(*generate, a, generate_key);
  add_rotate(*keys, a);
  auto* revoke = keys->add_subcommand(
      "revoke", "Sign the next version of the key set, in which keys are revoked for ever");
  add_key_set(*revoke, a);
  revoke
      ->add_option("KEY", a.keys.revoke,
                   "Id of a key of the set, or the .pub file of any key; more than one may follow")
      ->required();
  run_with_keys(*revoke, a, revoke_keys);
  auto* show = keys->add_subcommand("show", "What a key set says: its keys and the revoked ones");
  show->add_option("SET", a.keys.file, "A key set, or a gateway's trust folder")->required();
  run_with_keys(*show, a, show_keys);
  auto* install = keys->add_subcommand(
      "install", "Put a key set into a trust folder, if a gateway with that folder would take it");
  install->add_option("SET", a.keys.file, "The key set")->required();
  install->add_option("--trust", a.keys.trust_dir, "The trust folder")->required();
  run_with_keys(*install, a, install_keys);
}

void add_config_signing(CLI::App& app, Arguments& a) {
  auto* config = app.get_subcommand("config");
  add_config_sign(*config, a);
  add_config_verify(*config, a);
}

}  // namespace sluice::ctl
