#include "e2e/site.h"

#include <arpa/inet.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sluice::e2e {
namespace {

namespace fs = std::filesystem;

const std::string kBin = SLUICE_BIN_DIR;

bool connects(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool ok = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return ok;
}

/// sluicectl writes 64-bit hashes in hex, which protobuf's reader does not take; nothing here needs
/// them.
std::string without_hashes(std::string json) {
  const std::string key = "\"spec_hash\":";
  for (std::size_t at = 0; (at = json.find(key, at)) != std::string::npos;) {
    const std::size_t open = json.find('"', at + key.size());
    const std::size_t close = json.find('"', open + 1);
    const std::size_t comma = json.find_first_not_of(' ', close + 1);
    const bool more = comma != std::string::npos && json[comma] == ',';
    json.erase(at, (more ? comma : close) + 1 - at);
  }
  return json;
}

template <typename Message>
Message parse(const Output& output) {
  Message message;
  if (output.exit_code != 0) return message;
  const auto status =
      google::protobuf::util::JsonStringToMessage(without_hashes(output.text), &message);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return message;
}

/// Until then the broker throws away what is published.
bool subscribed(const v1::Status& status) {
  return status.sources_size() > 0 &&
         std::all_of(status.sources().begin(), status.sources().end(),
                     [](const v1::SourceStatus& source) { return source.connected(); });
}

}  // namespace

std::uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) std::abort();
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string SiteConfig::yaml() const {
  return R"(
node:
  name: )" +
         name + R"(
  machine_id: )" +
         machine_id + R"(
  run_dir: ")" +
         run_dir + R"("
storage:
  dir: ")" +
         state_dir + R"("
  quota: )" +
         quota + R"(
  commit_interval: 20ms
uplink:
  hub: "127.0.0.1:@HUB_PORT@"
  backoff_max: 200ms
plugins:
  dir: "@PLUGINS@"
sources:
  - name: plant
    mqtt:
      url: "tcp://127.0.0.1:@MQTT_PORT@"
      topics: [{pattern: ")" +
         topic + R"("}]
    decode:
      time: /t
      time_format: s
      fields: )" +
         fields + R"(
pipelines: )" +
         pipelines + "\n";
}

Site::Site() {
  std::string pattern = (fs::temp_directory_path() / "sluice-e2e.XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) std::abort();
  dir_ = pattern;
}

Site::~Site() {
  daemon.end(SIGTERM);
  hub.end(SIGTERM);
  broker.end(SIGTERM);
  if (testing::Test::HasFailure()) {
    for (const char* name : {"daemon.log", "hub.log", "broker.log"}) {
      std::string text = log(name);
      if (text.size() > 4000) text = "…" + text.substr(text.size() - 4000);
      std::fprintf(stderr, "--- %s\n%s\n", name, text.c_str());
    }
  }
  fs::remove_all(dir_);
}

std::string Site::write(const std::string& name, const std::string& text) {
  const std::string path = dir_ + "/" + name;
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

std::string Site::log(const std::string& name) const { return read_file(dir_ + "/" + name); }

void Site::start_broker() {
  const bool restart = mqtt_port_ != 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    if (mqtt_port_ == 0) mqtt_port_ = free_port();
    std::string conf = read_file(std::string(SLUICE_SOURCE_DIR) + "/config/mosquitto.conf");
    replace_all(conf, "listener 1883", "listener " + std::to_string(mqtt_port_));
    replace_all(conf, "/var/lib/mosquitto/", dir_ + "/");
    if (getuid() == 0) conf += "\nuser root\n";
    conf += broker_extra;
    replace_all(conf, "@DIR@", dir_);
    broker = Process({"mosquitto", "-c", write("mosquitto.conf", conf)}, dir_ + "/broker.log");
    if (until(10, [&] { return connects(mqtt_port_) || !broker.running(); }) && broker.running()) {
      return;
    }
    if (!restart) mqtt_port_ = 0;
  }
  FAIL() << "mosquitto does not start: " << log("broker.log");
}

void Site::start_hub() {
  fs::remove(dir_ + "/hub.port");
  std::vector<std::string> command = {
      kBin + "/sluice-hub", "--listen",         "127.0.0.1:" + std::to_string(hub_port_),
      "--port-file",        dir_ + "/hub.port", "--db",
      dir_ + "/hub.sqlite"};
  command.insert(command.end(), hub_extra.begin(), hub_extra.end());
  hub = Process(command, dir_ + "/hub.log");
  ASSERT_TRUE(until(20, [&] { return fs::exists(dir_ + "/hub.port"); })) << log("hub.log");
  hub_port_ = static_cast<std::uint16_t>(std::stoul(read_file(dir_ + "/hub.port")));
}

std::string Site::filled_in(const std::string& config) const {
  std::string yaml = config;
  replace_all(yaml, "@MQTT_PORT@", std::to_string(mqtt_port_));
  replace_all(yaml, "@HUB_PORT@", std::to_string(hub_port_));
  replace_all(yaml, "@STATE@", dir_);
  replace_all(yaml, "@PLUGINS@", SLUICE_PLUGIN_DIR);
  return yaml;
}

void Site::spawn_daemon(const std::string& config, const std::vector<std::string>& wrapper) {
  std::vector<std::string> command = wrapper;
  for (const std::string& word :
       {kBin + "/sluiced", std::string("--config"), write("sluice.yaml", filled_in(config))}) {
    command.push_back(word);
  }
  daemon = Process(command, dir_ + "/daemon.log");
}

void Site::start_daemon(const std::string& config, bool ready) {
  spawn_daemon(config);
  ASSERT_TRUE(until(30, [&] {
    const v1::Status now = status();
    return now.ready() || (!ready && subscribed(now));
  })) << log("daemon.log");
}

bool Site::replay(const std::string& recording_file, double seconds) {
  return run({kBin + "/sluice-replay", "--url", "tcp://127.0.0.1:" + std::to_string(mqtt_port_),
              "--seconds", std::to_string(seconds), recording_file})
             .exit_code == 0;
}

bool Site::drained(std::uint64_t messages) {
  return until(90, [&] {
    const v1::Status now = status();
    return now.messages_received() >= now.messages_duplicate() + messages &&
           now.panes_outbox() == 0 && now.panes_closed() == now.panes_acked();
  });
}

Output Site::ctl(std::vector<std::string> arguments) {
  std::vector<std::string> command = {kBin + "/sluicectl", "--socket", dir_ + "/admin.sock",
                                      "--json"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  command.insert(command.begin(), {"sh", "-c", "exec \"$@\" 2>/dev/null", "sh"});
  return run(command);
}

v1::Status Site::status() { return parse<v1::Status>(ctl({"status"})); }
v1::LedgerReport Site::ledger() { return parse<v1::LedgerReport>(ctl({"ledger"})); }

std::int64_t Site::ledger_count(const std::string& ledger_name, const std::string& term,
                                const std::string& cause) {
  std::int64_t count = 0;
  const v1::LedgerReport report = ledger();
  for (const v1::LedgerTerm& row : report.terms()) {
    if (row.ledger() == ledger_name && row.term() == term &&
        (cause.empty() || row.cause() == cause)) {
      count += row.count();
    }
  }
  return count;
}

std::vector<v1::SummaryRecord> Site::summaries(std::int64_t from_ns, std::int64_t to_ns,
                                               const std::string& pipeline) {
  std::vector<std::string> command = {"hub", "summaries", "--hub",
                                      "127.0.0.1:" + std::to_string(hub_port_), "--all"};
  if (from_ns != 0) command.insert(command.end(), {"--from", std::to_string(from_ns)});
  if (to_ns != 0) command.insert(command.end(), {"--to", std::to_string(to_ns)});
  if (!pipeline.empty()) command.insert(command.end(), {"--pipeline", pipeline});
  const Output output = ctl(command);
  EXPECT_EQ(output.exit_code, 0);
  const auto response = parse<v1::ListSummariesResponse>(output);
  return {response.summaries().begin(), response.summaries().end()};
}

std::vector<v1::LateReading> Site::late() {
  const auto response = parse<v1::ListLateReadingsResponse>(ctl({"late"}));
  return {response.readings().begin(), response.readings().end()};
}

std::vector<v1::EventRow> Site::events(const std::vector<std::string>& options) {
  std::vector<std::string> command = {"hub", "events", "--hub",
                                      "127.0.0.1:" + std::to_string(hub_port_), "--all"};
  command.insert(command.end(), options.begin(), options.end());
  const Output output = ctl(command);
  EXPECT_EQ(output.exit_code, 0);
  const auto response = parse<v1::ListEventsResponse>(output);
  return {response.events().begin(), response.events().end()};
}

std::vector<v1::RecentEvent> Site::recent_events() {
  const auto response = parse<v1::ListRecentEventsResponse>(ctl({"events"}));
  return {response.events().begin(), response.events().end()};
}

std::vector<v1::GapRow> Site::gaps() {
  const Output output =
      ctl({"hub", "gaps", "--hub", "127.0.0.1:" + std::to_string(hub_port_), "--all"});
  EXPECT_EQ(output.exit_code, 0);
  const auto response = parse<v1::ListGapsResponse>(output);
  return {response.gaps().begin(), response.gaps().end()};
}

}  // namespace sluice::e2e
