#include "ctl/command_line.h"

#include <charconv>

#include "ctl/format.h"

namespace sluice::ctl {

const char* const kFooter =
    "Exit codes:\n"
    "  0  an answer came (for `config validate`: the config passes)\n"
    "  1  the answer is bad: a ledger that does not balance, a node that is not ready under\n"
    "     `status --check`, a plugin that breaks its promises, a refused request, a signed config\n"
    "     or key set that a gateway would not take; or the answer could not be written\n"
    "  2  wrong arguments or files, or a config or readings that do not pass\n"
    "  3  the daemon or the hub cannot be reached or does not answer\n"
    "\n"
    "With --json every answer is one line: fields by their names in the proto files, all of them,\n"
    "64-bit integers as numbers, times as ns since 1970 UTC.";

const char* const kEventColumns =
    "Columns:\n"
    "  TIME      of the reading that brought it about. boot + : since that boot of the node, "
    "whose\n"
    "            time is not known\n"
    "  PHASE     of a condition that lasts: where it begins and where it ends\n"
    "  TOLD BY   pipeline/stage\n\n";

CLI::Validator whole_number(std::uint64_t max) {
  return CLI::Validator(
      [max](const std::string& text) {
        std::uint64_t value = 0;
        const char* end = text.data() + text.size();
        const auto [at, error] = std::from_chars(text.data(), end, value);
        if (error == std::errc() && at == end && value >= 1 && value <= max) return std::string();
        return "expected a whole number from 1 to " + std::to_string(max) + ", got \"" + text +
               "\"";
      },
      "1.." + std::to_string(max));
}

void add_hub_options(CLI::App& command, HubAddress& hub, bool required) {
  auto* address = command.add_option("--hub", hub.address, "Address of the hub, host:port");
  if (required) address->envname("SLUICE_HUB")->required();
  command.add_flag("--tls", hub.tls, "Use TLS with the system's CAs");
  command.add_option("--tls-ca", hub.ca_file, "PEM file of the CA of the hub's certificate");
  command.add_option("--tls-cert", hub.cert_file, "PEM file of our certificate (mTLS)");
  command.add_option("--tls-key", hub.key_file, "PEM file of its key");
  command.add_option("--tls-name", hub.server_name,
                     "Name to expect in the hub's certificate (default: the host of --hub)");
}

void add_top(CLI::App& app, Arguments& a) {
  auto* top = app.add_subcommand(
      "top", "A live view of this node, or of a fleet with --hub; a line per interval in a pipe");
  add_hub_options(*top, a.hub, false);
  top->add_option("--interval", a.interval, "Time between two looks: 500ms, 1s, 1m")
      ->capture_default_str();
  top->add_option("--seconds", a.top.seconds, "Stop after this long (default: on q or Ctrl-C)")
      ->check(whole_number(31'536'000));
  top->add_flag("--ascii", a.top.ascii, "Sparklines for a terminal without Unicode");
  top->callback([&a] {
    a.run = [&a] {
      const auto interval = parse_duration(a.interval);
      if (!interval.ok()) {
        return fail(invalid_argument("--interval " + std::string(interval.status().message())));
      }
      a.top.interval_ns = *interval;
      a.top.json = a.local.json;
      return a.hub.address.empty() ? top_node(a.local.socket_path, a.top) : top_hub(a.hub, a.top);
    };
  });
}

}  // namespace sluice::ctl
